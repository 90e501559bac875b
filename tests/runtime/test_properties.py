"""Any text at all through retrieval, prompt, answer and judge: 10,000 examples, none evaluated.

Texts are data: whatever stands in a passage, a question or a reply, it neither ends a run nor
becomes a template, a fence or a path, and offsets still point at what they name.
"""

import html
from pathlib import Path
from typing import Any

import pytest
from helpers.fault_steps import HashEmbeddings
from helpers.tiny_judges import save_bert
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from distilabel_rag4rag.runtime.write_buffer import table_of
from distilabel_rag4rag.steps.judging.lettuce_detect_judge import LettuceDetectJudge
from distilabel_rag4rag.steps.retrieval.faiss_retrieve_from_rows import FaissRetrieveFromRows
from distilabel_rag4rag.steps.tasks.grounded_answer_generation import (
    GroundedAnswerGeneration,
    as_passages,
    fence_for,
)
from distilabel_rag4rag.testing import ScriptedLLM
from distilabel_rag4rag.utils.text import clean_text, has_text

pytestmark = pytest.mark.slow

NASTY = [
    "{{ 7 * 7 }}",
    "{% for x in y %}",
    "{# gone #}",
    "{{ ''.__class__.__mro__ }}",
    "<script>alert(1)</script>",
    '"""',
    '\n"""\n',
    '""""',
    "Question: ",
    "Passage 1",
    "NOT_IN_PASSAGES",
    "Answer:",
    "According to the passage, ",
    "[1]",
    "(Passage 2)",
    "**",
    "“",
    "[CLS] [SEP] [PAD] [MASK]",
    "</s><|im_end|>",
    "../../etc/passwd",
    "%s %(x)s {0} ${x} \\1",
    "\x00\x1b[31m\x07\x85\u2028\u2029\ufeff\u202e",
    "\ud800",
    "\r\n",
    "é\u0301\u200d\U0001f468\u200d\U0001f469",
]
HUGE = "The harbour master's {{ name }} was <b>Irja</b>.\n" * 4_000  # about 200,000 characters
letters = st.characters(exclude_categories=())  # all of Unicode, lone surrogates too
texts = st.lists(st.one_of(st.sampled_from(NASTY), st.text(letters, max_size=30)), max_size=6).map(
    "".join
)
# `corpus` has replaced lone surrogates before a passage comes to the index, which is UTF-8
encodable = texts.map(lambda t: t.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
many = settings(
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def answering() -> GroundedAnswerGeneration:
    task = GroundedAnswerGeneration(name="answer", llm=ScriptedLLM(default="x"))
    task.load()
    return task


@settings(many, max_examples=5000)
@given(question=texts, contexts=st.lists(texts, max_size=4))
@example(question=HUGE, contexts=[HUGE, HUGE])
def test_prompt(answering: GroundedAnswerGeneration, question: str, contexts: list[str]) -> None:
    """Every passage stands between two lines of a fence that stands nowhere else, unchanged."""
    messages = answering.format_input({"question": question, "contexts": contexts})
    text: Any = messages[-1]["content"]
    passages = as_passages(contexts)
    fence = fence_for(passages)
    lines = text.split("\n")
    borders = [number for number, line in enumerate(lines) if line == fence]
    assert len(borders) == 2 * len(passages)
    between = zip(borders[::2], borders[1::2], strict=True)
    assert ["\n".join(lines[start + 1 : end]) for start, end in between] == passages
    assert text.startswith(f"Question: {' '.join(question.split())}".strip())


@settings(many, max_examples=4500)
@given(reply=texts, question=texts)
@example(reply=HUGE, question="x")
@example(reply="Answer:" * 200_000, question="Answer")
@example(reply="[1]" * 200_000, question="")
@example(reply='"' * 200_000, question='"')
@example(reply="**" * 500, question="")
@example(reply="(" * 200_000, question="")
def test_answer(answering: GroundedAnswerGeneration, reply: str, question: str) -> None:
    """An answer is made of the reply's letters, one line without space around, or None and why."""
    found = answering.format_output(reply, {"question": question, "contexts": []})
    assert found.keys() == {"answer", "abstained", "answer_reason"}
    if found["answer"] is None:
        assert found["answer_reason"]
        assert isinstance(found["abstained"], bool)
    else:
        assert found["answer"] == " ".join(found["answer"].split()) != ""
        # What is invisible goes from its inside, escapes are read, the items of a list are joined.
        letters = {letter for letter in found["answer"] if letter.isalpha()}
        assert letters <= set(reply) | set(html.unescape(reply)) | {"\ufffd"}
        assert (found["abstained"], found["answer_reason"]) == (False, None)


@settings(many, max_examples=300)
@given(rows=st.lists(st.tuples(texts, encodable), min_size=1, max_size=5))
@example(rows=[(HUGE, HUGE), (HUGE + ".", "short")])
def test_retrieve(tmp_path_factory: Any, rows: list[tuple[str, str]]) -> None:
    """Passages come back without control characters; source_rank says where the row's own is."""
    assume(any(has_text(context) for _, context in rows))
    folder = tmp_path_factory.getbasetemp() / "index"
    step = FaissRetrieveFromRows(embeddings=HashEmbeddings(), k=3, index_dir=str(folder))
    step.load()
    inputs = [{"question": question, "context": context} for question, context in rows]
    found = next(step.process([dict(row) for row in inputs]))
    step.unload()
    assert [{key: row[key] for key in ("question", "context")} for row in found] == inputs
    # Control characters do not enter an index.
    known = {clean_text(context) for _, context in rows}
    for row in found:
        assert len(row["retrieved_ids"]) == len(row["retrieved_contexts"]) <= 3
        assert len(row["retrieval_scores"]) == len(row["retrieved_ids"])
        assert set(row["retrieved_contexts"]) <= known
        assert (row["retrieve_reason"] is None) == bool(row["retrieved_ids"])
        if row["source_rank"] is not None:
            own = row["retrieved_contexts"][row["source_rank"] - 1]
            assert own.strip() == clean_text(row["context"]).strip()
    table_of(found)


def is_surrogate(row: dict[str, str]) -> bool:
    """Whether half a UTF-16 pair stands in the row's texts."""
    return any("\ud800" <= letter <= "\udfff" for text in row.values() for letter in text)


@pytest.fixture(scope="module")
def judge(tmp_path_factory: Any) -> LettuceDetectJudge:
    folder: Path = tmp_path_factory.mktemp("bert")
    step = LettuceDetectJudge(model=save_bert(folder), precision="float32")
    step.load()
    return step


@settings(many, max_examples=250)
@given(rows=st.lists(st.tuples(texts, texts, texts), min_size=1, max_size=4))
@example(rows=[("short answer", HUGE, "x")])
@example(rows=[("x" * 200_000, "passage", "x")])
def test_judge(judge: LettuceDetectJudge, rows: list[tuple[str, str, str]]) -> None:
    """Offsets are code points into the answer, and a confidence is a probability."""
    inputs = [
        {"answer": answer, "contexts": context, "question": question}
        for answer, context, question in rows
    ]
    found = next(judge.process([dict(row) for row in inputs]))
    for row, given_row in zip(found, inputs, strict=True):
        assert {key: row[key] for key in given_row} == given_row
        reason = row["judge_reason"]
        if reason not in (None, "empty answer", "no evidence"):
            # the model cannot take it: no UTF-8, no token, or more than its window holds
            known = ("of the window's 512 tokens", "finds no token in the answer")
            assert is_surrogate(given_row) or any(text in reason for text in known)
        last = 0
        for span in row["hallucinated_spans"]:
            assert last <= span["start"] < span["end"] <= len(row["answer"])
            assert row["answer"][span["start"] : span["end"]] == span["text"]
            assert 0.0 <= span["confidence"] <= row["hallucination_score"] <= 1.0
            last = span["end"]
    table_of(found)
