"""Every column: its name, Arrow type, unit, who writes it and who reads it.

The types do not depend on the data: a batch in which every value is None or every list is
empty has the same schema as any other (`arrow_schema`).
"""

from typing import NamedTuple

import pyarrow as pa

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
    """A column of the data: `written_by` names the module of the stage."""

    name: str
    type: pa.DataType
    written_by: str
    meaning: str


COLUMNS: tuple[Column, ...] = (
    Column("arm", pa.string(), "compare", "the pipeline that answered: zero_shot, gold_context, …"),
    Column("id", pa.string(), "corpus", "stable id of the question"),
    Column("passage_id", pa.string(), "corpus", "stable id of the source passage"),
    Column("title", pa.string(), "corpus", "the document the passage stands in, or None"),
    Column("context", pa.string(), "corpus", "the source passage"),
    Column("question", pa.string(), "corpus, questions", "the question"),
    Column("human_answer", pa.string(), "corpus", "a person's answer, or None"),
    Column("retrieved_contexts", pa.list_(pa.string()), "retrieve", "passages, best first"),
    Column("retrieved_ids", pa.list_(pa.string()), "retrieve", "their ids, best first"),
    Column("retrieval_scores", pa.list_(pa.float64()), "retrieve", "cosines, in [-1, 1]"),
    Column("source_rank", pa.int64(), "retrieve", "1-based rank of the row's own passage, or None"),
    Column("retrieve_reason", pa.string(), "retrieve", "why nothing was retrieved, or None"),
    Column("answer", pa.string(), "answer", "the LLM's answer, or None"),
    Column("abstained", pa.bool_(), "answer", "the LLM declined to answer"),
    Column("answer_reason", pa.string(), "answer", "why there is no answer, or None"),
    Column("hallucinated_spans", pa.list_(SPAN), "judge", "spans of `answer` without support"),
    Column("hallucination_score", pa.float64(), "judge", "largest confidence; 0.0: no spans"),
    Column("evidence_truncated", pa.bool_(), "judge", "evidence did not fit the judge"),
    Column("judge_reason", pa.string(), "judge", "why the answer was not judged, or None"),
    Column("keep_row_after_grounding", pa.bool_(), "mark", "answered, judged and not flagged"),
    Column("grounding_reason", pa.string(), "mark", "why the row is not kept, or None"),
    Column("model_name", pa.string(), "answer", "the LLM"),
    Column("input_tokens", pa.int64(), "answer", "tokens of the prompt, or None"),
    Column("output_tokens", pa.int64(), "answer", "tokens of the reply, or None"),
)

BY_NAME: dict[str, Column] = {column.name: column for column in COLUMNS}


def arrow_schema(*names: str) -> pa.Schema:
    """The Arrow schema of the named columns, or of all of them in the order of the data.

    Args:
        names: column names; none means all.

    Raises:
        KeyError: if a name is not one of ours.
    """
    return pa.schema([(name, BY_NAME[name].type) for name in (names or BY_NAME)])
