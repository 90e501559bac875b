"""The names that all parts share: columns and their Arrow types, arms, reasons, marks.

The types do not depend on the data: a batch in which every value is None or every list is
empty has the same schema as any other (`arrow_schema`).
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

# Arms: ways of answering the same questions. The first three are run.
ZERO_SHOT = "zero_shot"
GOLD_CONTEXT = "gold_context"
RAG4RAG = "rag4rag"
RUN_ARMS = (ZERO_SHOT, GOLD_CONTEXT, RAG4RAG)
#: Computed from two others: the baseline's answers, flagged ones replaced by the candidate's.
REPAIRED = "repaired"
#: The human answers, judged like any other.
HUMAN = "human"
#: The order in which arms are reported.
ARM_ORDER = (*RUN_ARMS, REPAIRED)
#: What files of version 0.1.0 call `REPAIRED`.
OLD_ARM_NAMES = {"published": REPAIRED}

# Reasons why there is no answer. Rows with the first two were not asked.
EMPTY_QUESTION = "empty question"
NO_PASSAGES = "no passages"
NOT_ASKED = (EMPTY_QUESTION, NO_PASSAGES)
ABSTAINED = "abstained"
NO_REPLY = "the LLM gave nothing"
NOTHING_LEFT = "nothing left of the reply after cleaning"
ONLY_REASONING = "only reasoning"
NOT_UNDERSTOOD = "the form of the reply is not understood"
NO_QUESTION = "the reply is no question"
OF_AN_EXAMPLE = "the question is about a worked example"
NOT_AS_ASKED = "the LLM gave nothing, or not in the form asked for"

#: The name of the mark that `MarkGrounded` writes.
GROUNDING = "grounding"
#: The mark of passages about which questions can be asked.
PASSAGE = "passage"

# What became of a flagged answer.
REPAIRED_ANSWER = "repaired"
SENTENCE = "sentence"
GIVEN_UP = "given up"


def keep_column(check: str) -> str:
    """The column that says whether a row passed a check."""
    return f"keep_row_after_{check}"


def reason_column(check: str) -> str:
    """The column that says why a row did not pass a check."""
    return f"{check}_reason"


#: One hallucinated span. `start` and `end` are code points into `answer`
#: (`answer[start:end] == text`); `confidence` is a probability in [0, 1].
SPAN = pa.struct(
    [
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("text", pa.string()),
        ("confidence", pa.float64()),
    ]
)


class Column(NamedTuple):
    """A column of the data."""

    name: str
    type: pa.DataType
    meaning: str


#: The columns of every arm's rows.
COLUMNS: tuple[Column, ...] = (
    Column("arm", pa.string(), "the pipeline that answered: zero_shot, gold_context, …"),
    Column("id", pa.string(), "stable id of the question"),
    Column("passage_id", pa.string(), "stable id of the source passage"),
    Column("title", pa.string(), "the document the passage stands in, or None"),
    Column("context", pa.string(), "the source passage"),
    Column("question", pa.string(), "the question"),
    Column("human_answer", pa.string(), "a person's answer, or None"),
    Column("human_answers", pa.list_(pa.string()), "all answers that count as right, or None"),
    Column("answerable", pa.bool_(), "whether the passage holds the answer; None: unknown"),
    Column("retrieved_contexts", pa.list_(pa.string()), "passages, best first"),
    Column("retrieved_ids", pa.list_(pa.string()), "their ids, best first"),
    Column("retrieval_scores", pa.list_(pa.float64()), "cosines, in [-1, 1]"),
    Column("source_rank", pa.int64(), "1-based rank of the row's own passage, or None"),
    Column("source_in_corpus", pa.bool_(), "whether the corpus holds the row's own passage"),
    Column("retrieve_reason", pa.string(), "why nothing was retrieved, or None"),
    Column("answer", pa.string(), "the LLM's answer, or None"),
    Column("abstained", pa.bool_(), "the LLM declined to answer"),
    Column("answer_reason", pa.string(), "why there is no answer, or None"),
    Column("hallucinated_spans", pa.list_(SPAN), "spans of `answer` without support"),
    Column("hallucination_score", pa.float64(), "largest confidence; 0.0: no spans"),
    Column("evidence_truncated", pa.bool_(), "evidence did not fit the judge"),
    Column("evidence_windows", pa.int64(), "windows that the evidence took in the judge, or None"),
    Column("judge_reason", pa.string(), "why the answer was not judged, or None"),
    Column("keep_row_after_grounding", pa.bool_(), "answered, judged and not flagged"),
    Column("grounding_reason", pa.string(), "why the row is not kept, or None"),
    Column("model_name", pa.string(), "the LLM"),
    Column("input_tokens", pa.int64(), "tokens of the prompt, or None"),
    Column("output_tokens", pa.int64(), "tokens of the reply, or None"),
)

#: Columns of steps that no arm has.
STEP_COLUMNS: tuple[Column, ...] = (
    Column("document_id", pa.string(), "stable id of the document"),
    Column("heading_path", pa.list_(pa.string()), "headings above the passage, outermost first"),
    Column("start", pa.int64(), "the passage's first character in its document"),
    Column("end", pa.int64(), "the character after its last"),
    Column("tokens", pa.int64(), "length of the passage in the embedder's tokens"),
    Column("keep_row_after_passage", pa.bool_(), "questions can be asked about the passage"),
    Column("passage_reason", pa.string(), "why not, or None"),
    Column("language", pa.string(), "language of the passage (ISO 639-1), or unknown"),
    Column("question_type", pa.string(), "factoid, why_how, keyword, …"),
    Column("question_reason", pa.string(), "why there is no question, or None"),
    Column("bm25_rank", pa.int64(), "1-based rank of the row's own passage by BM25, or None"),
    Column("original_answer", pa.string(), "the answer before repair, None where it was not asked"),
    Column("repair_outcome", pa.string(), "repaired, sentence, abstained, given up, or None"),
    Column("repair_reason", pa.string(), "why an answer could not be repaired, or None"),
    Column("repair_calls", pa.int64(), "replies that the LLM was asked for to repair the answer"),
)

#: Columns of `MineHardNegatives`.
NEGATIVE_COLUMNS: tuple[Column, ...] = (
    Column("positive_score", pa.float64(), "cosine of the question and its passage"),
    Column("negatives", pa.list_(pa.string()), "passages that do not answer, hardest first"),
    Column("negative_ids", pa.list_(pa.string()), "their ids"),
    Column("negative_scores", pa.list_(pa.float64()), "their cosines"),
    Column("further_positives", pa.list_(pa.string()), "other passages that hold the answer"),
    Column("further_positive_ids", pa.list_(pa.string()), "their ids"),
    Column("negatives_reason", pa.string(), "why there are fewer negatives than asked, or None"),
)

BY_NAME: dict[str, Column] = {
    column.name: column for column in (*COLUMNS, *STEP_COLUMNS, *NEGATIVE_COLUMNS)
}


def table_of(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rows of any steps as a table: our columns, marks and reasons, with types of their own.

    Other columns, such as distilabel's metadata, are left out.
    """
    names = dict.fromkeys(name for row in rows for name in row)
    types = {name: BY_NAME[name].type for name in BY_NAME if name in names}
    for name in names:
        if name.startswith(keep_column("")):
            types.setdefault(name, pa.bool_())
        elif name.endswith(reason_column("")):
            types.setdefault(name, pa.string())
    return pa.Table.from_pylist(list(rows), schema=pa.schema(list(types.items())))


def arrow_schema(*names: str) -> pa.Schema:
    """The Arrow schema of the named columns, or of compared rows, in the order of the data.

    Args:
        names: column names; none means `COLUMNS`.

    Raises:
        KeyError: if a name is not one of ours.
    """
    return pa.schema(
        [(name, BY_NAME[name].type) for name in (names or [column.name for column in COLUMNS])]
    )
