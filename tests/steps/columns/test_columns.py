"""What completes an answer's columns: the passages that it knows, the task's own reason."""

from typing import Any

import pytest

from distilabel_rag4rag import AnswerFromColumn, CompleteAnswer

REFUSAL = "The document does not state a date"


@pytest.mark.parametrize("column", ["context", "contexts", "retrieved_contexts"])
def test_what_stands_in_a_passage_is_an_answer(column: str) -> None:
    complete = CompleteAnswer()
    complete.load()
    passage: Any = f"{REFUSAL}." if column == "context" else ["Torgau.", f"{REFUSAL}."]
    rows = [{"answer": REFUSAL, column: passage}, {"answer": REFUSAL, column: None}]
    found = next(complete.process(rows))
    assert [(row["answer"], row["abstained"]) for row in found] == [(REFUSAL, False), (None, True)]


def test_the_reason_of_a_task_stays() -> None:
    complete = CompleteAnswer()
    complete.load()
    [row] = next(complete.process([{"answer": None, "answer_reason": "only reasoning"}]))
    assert (row["answer"], row["abstained"], row["answer_reason"]) == (
        None,
        False,
        "only reasoning",
    )


def test_an_answer_may_stay_as_it_was_written() -> None:
    complete = CompleteAnswer(clean=False)
    complete.load()
    rows = [{"answer": "**Torgau**"}, {"answer": "<think>Torgau"}, {"answer": "NOT IN PASSAGES"}]
    found = next(complete.process(rows))
    assert [row["answer"] for row in found] == ["**Torgau**", None, None]
    assert [row["answer_reason"] for row in found] == [None, "only reasoning", "abstained"]


def test_a_column_without_text_has_a_reason() -> None:
    take = AnswerFromColumn()
    take.load()
    found = next(take.process([{"human_answer": "Torgau"}, {"human_answer": " "}]))
    assert [row["answer_reason"] for row in found] == [None, "no `human_answer`"]
