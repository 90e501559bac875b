"""Rows of any origin: what stands for one question, and what is no answer."""

from typing import Any

import pytest

from distilabel_rag4rag import compare


def row(arm: str, number: int, answer: str, question: str | None = None) -> dict[str, Any]:
    return {
        "arm": arm,
        "id": str(number),
        "question": question or f"Question {number}?",
        "context": f"Passage {number}.",
        "answer": answer,
        "hallucination_score": 0.1,
    }


@pytest.mark.parametrize("marker", ["NOT IN PASSAGES", "NOT IN PASSAGES.", "Not in passages"])
def test_the_marker_of_an_abstention_is_no_answer(marker: str) -> None:
    rows = [row("rag4rag", n, marker if n < 3 else f"Answer {n}") for n in range(5)]
    found = compare(rows).arms["rag4rag"]
    assert (found.answered, found.abstained) == (2, 3)


def test_one_id_is_one_question_in_every_arm() -> None:
    rows = [row("zero_shot", 1, "Ulm"), row("rag4rag", 1, "Torgau", "Another question?")]
    with pytest.raises(ValueError, match=r"id '1' stands for different questions, .Question 1"):
        compare(rows)
    compare([row("zero_shot", 1, "Ulm"), row("rag4rag", 1, "Torgau", "Question 1? ")])
