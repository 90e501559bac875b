"""Marks keep every row; only KeepMarked drops."""

import json
from typing import Any

import pytest

from distilabel_rag4rag import CompleteAnswer, KeepMarked, MarkGrounded

ROWS: list[dict[str, Any]] = [
    {"answer": "a", "hallucination_score": 0.0},
    {"answer": "b", "hallucination_score": 0.5},
    {"answer": "c", "hallucination_score": 0.499},
    {"answer": None, "hallucination_score": None, "answer_reason": "abstained"},
    {"answer": None, "hallucination_score": None},
    {"answer": "d", "hallucination_score": None, "judge_reason": "no evidence"},
    {"answer": "e", "hallucination_score": float("nan")},
    {"answer": " ", "hallucination_score": 0.0},
    {"answer": float("nan"), "hallucination_score": 0.1},
]


def marked(**settings: Any) -> list[dict[str, Any]]:
    """The rows after MarkGrounded."""
    mark = MarkGrounded(**settings)
    mark.load()
    return next(mark.process([dict(row) for row in ROWS]))


def test_each_row_is_marked_with_its_reason() -> None:
    assert [(r["keep_row_after_grounding"], r["grounding_reason"]) for r in marked()] == [
        (True, None),
        (False, "hallucinated: score 0.500, threshold 0.5"),
        (True, None),
        (False, "no answer: abstained"),
        (False, "no answer: the LLM gave nothing"),
        (False, "not judged: no evidence"),
        (False, "not judged: no score"),
        (False, "no answer: the LLM gave nothing"),
        (False, "no answer: the LLM gave nothing"),
    ]


def test_the_threshold_is_where_flagging_begins() -> None:
    assert [r["keep_row_after_grounding"] for r in marked(threshold=0.49)][:3] == [
        True,
        False,
        False,
    ]
    with pytest.raises(ValueError, match="threshold"):
        MarkGrounded(threshold=1.5)


def test_marks_survive_a_dump() -> None:
    again = MarkGrounded.from_dict(json.loads(json.dumps(MarkGrounded(threshold=0.9).dump())))
    assert again.threshold == 0.9


@pytest.mark.parametrize("checks", [[], ["grounding"]])
def test_keep_marked_keeps_what_passed_in_order(checks: list[str]) -> None:
    keep = KeepMarked(checks=checks)
    keep.load()
    assert [row["answer"] for row in next(keep.process(marked()))] == ["a", "c"]


NOTHING_LEFT = (None, False, "nothing left of the reply after cleaning", None, None)


def test_keep_marked_does_not_keep_what_has_no_mark() -> None:
    keep = KeepMarked(checks=["grounding"])
    keep.load()
    marks = [True, False, None, float("nan")]
    assert next(keep.process([{"keep_row_after_grounding": mark} for mark in marks])) == [
        {"keep_row_after_grounding": True}
    ]


@pytest.mark.parametrize("checks", [[], ["grounding"]])
def test_rows_without_any_mark_are_dropped(checks: list[str]) -> None:
    keep = KeepMarked(checks=checks)
    keep.load()
    assert next(keep.process([{"answer": "never judged"}])) == []


METADATA = {"statistics_answer": {"input_tokens": 7, "output_tokens": 2}, "raw_output_answer": "x"}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"answer": "x"}, ("x", False, None, None, None)),
        ({"answer": "x", "distilabel_metadata": METADATA}, ("x", False, None, 7, 2)),
        ({"answer": 'The answer is "x"'}, ("x", False, None, None, None)),
        ({"answer": "Answer: Who?", "question": "Who?"}, NOTHING_LEFT),
        ({"answer": "x\n\nBecause.", "question": "Who?"}, ("x", False, None, None, None)),
        ({"answer": "x", "question": ""}, (None, False, "empty question", None, None)),
        ({"answer": "I do not know."}, (None, True, "abstained", None, None)),
        (
            {"answer": None},
            (None, False, "the LLM gave nothing, or not in the form asked for", None, None),
        ),
        (
            {"answer": None, "abstained": True, "answer_reason": "no passages"},
            (None, True, "no passages", None, None),
        ),
    ],
)
def test_answers_are_completed(row: dict[str, Any], expected: tuple[Any, ...]) -> None:
    complete = CompleteAnswer()
    complete.load()
    [out] = next(complete.process([dict(row)]))
    assert tuple(out[name] for name in complete.outputs) == expected


def test_a_refusal_may_stay_an_answer() -> None:
    complete = CompleteAnswer(abstain=False)
    complete.load()
    [out] = next(complete.process([{"answer": "I do not know."}]))
    assert (out["answer"], out["abstained"]) == ("I do not know.", False)
