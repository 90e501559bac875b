"""What a build says of its rows: what each check took, headroom, easiness."""

from typing import Any

import pytest

from distilabel_rag4rag.report.build_figures import easiness, headroom, smallest_gain
from distilabel_rag4rag.report.build_sentences import build_sentences
from distilabel_rag4rag.report.funnel import accepted, first_reason, funnel
from distilabel_rag4rag.report.write_build_report import report_values

CHECKS = ["grounding", "self_contained"]


def row(number: int, **values: Any) -> dict[str, Any]:
    return {
        "id": str(number),
        "document_id": f"d{number // 2}",
        "context": "The kettle was cast in Torgau in 1712.",
        "question": "Where was the kettle cast?",
        "question_type": "factoid",
        "question_reason": None,
        "answer": "Torgau",
        "hallucination_score": 0.0,
        "source_rank": 1,
        "bm25_rank": 2,
        "keep_row_after_grounding": True,
        "grounding_reason": None,
        "keep_row_after_self_contained": True,
        "self_contained_reason": None,
        "keep_row_after_round_trip": True,
        "round_trip_reason": None,
        **values,
    }


ROWS = [
    row(0),
    row(1, keep_row_after_grounding=False, grounding_reason="hallucinated: score 0.9"),
    row(2, keep_row_after_grounding=False, keep_row_after_self_contained=False),
    row(3, keep_row_after_self_contained=False, self_contained_reason="he"),
    row(4, question=None, question_reason="only reasoning", keep_row_after_grounding=False),
    row(5, keep_row_after_round_trip=False),
]


def test_the_funnel_counts_each_row_once() -> None:
    stages = funnel(ROWS, CHECKS)
    assert [(s.check, s.taken, s.failed, s.left, s.dropping) for s in stages] == [
        ("question", 1, 1, 5, True),
        ("grounding", 2, 3, 3, True),
        ("self_contained", 1, 2, 2, True),
        ("round_trip", 0, 1, 2, False),
    ]
    assert [r["id"] for r in ROWS if accepted(r, CHECKS)] == ["0", "5"]
    assert [first_reason(r, CHECKS) for r in ROWS[:5]] == [
        None,
        "grounding: hallucinated: score 0.9",
        "grounding: None",
        "self_contained: he",
        "question: only reasoning",
    ]


def test_a_row_whose_mark_is_missing_is_not_counted_as_passed() -> None:
    stages = funnel([row(0), {"id": "x", "question": "?"}], CHECKS)
    assert [(s.check, s.left) for s in stages[:2]] == [("question", 2), ("grounding", 1)]
    assert not accepted({"question": "?"}, CHECKS)
    assert first_reason({"question": "?"}, CHECKS) == "grounding: None"


def test_ndcg_of_one_right_passage() -> None:
    found = headroom(
        [row(n, source_rank=rank) for n, rank in enumerate([1, 3, 11, None])], "source_rank"
    )
    assert found is not None
    assert found.ndcg.value == pytest.approx((1 + 0.5) / 4)
    assert (found.first, found.missed) == (0.25, 0.5)
    assert found.ranks == [1, 0, 1, 0, 0, 0, 0, 0, 0, 0]
    assert headroom([], "source_rank") is None


def test_the_smallest_gain_falls_with_the_number_of_documents() -> None:
    rows = [row(n, source_rank=1 + n % 7) for n in range(200)]
    few, many = (
        smallest_gain(rows[:40], "source_rank", 0.1),
        smallest_gain(rows, "source_rank", 0.1),
    )
    assert few is not None
    assert many is not None
    assert few > many > 0
    assert smallest_gain(rows[:1], "source_rank", 0.1) is None


def test_easiness_is_the_share_of_copied_words() -> None:
    found = easiness([row(0, bm25_rank=1), row(1, question="Which smith made the kettle?")])
    assert found.copied == pytest.approx((1 + 1 / 3) / 2)
    assert found.bm25_first == 0.5


def test_an_estimate_is_scaled_to_the_rows_that_are_asked_for() -> None:
    record = {
        "settings": {"estimate": True, "rows": 10, "price_input": 1.0, "price_output": 2.0},
        "checks": CHECKS,
        "passages_asked": 2,
        "passages_to_ask": 50,
        "input_tokens": 1_000_000,
        "output_tokens": 10,
        "asking_seconds": 60.0,
    }
    lines = build_sentences(ROWS, funnel(ROWS, CHECKS), record)
    assert lines[-2:] == [
        "Estimate for 10 passages, from 2: about 10 rows, 5,000,000 tokens read, 50 written,"
        " 5 minutes.",
        "At the prices given: 5.00.",
    ]
    assert report_values(ROWS, funnel(ROWS, CHECKS), record)["kept"] == 2
