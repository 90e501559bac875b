"""Hit rate and MRR by hand, and what they leave out: no 0 where nothing could be compared."""

from typing import Any

import pytest

from distilabel_rag4rag.comparison import compare

TEXTS = [
    "The kettle was cast in Torgau in 1712, by a founder whose name is not known to us.",
    "Anna Roth built the mill by the Elbe. It ground corn for two hundred years.",
    "An old stone bridge crosses the Oru; it has five arches and a small chapel.",
]


def row(i: int, **more: Any) -> dict[str, Any]:
    kept = {"answer": "salt", "hallucination_score": 0.1, "retrieved_ids": ["d1", "d2"]}
    return {"arm": "rag4rag", "id": f"q{i}", "passage_id": f"p{i}", **kept, **more}


def measured(rows: list[dict[str, Any]]) -> tuple[Any, list[str]]:
    found = compare(rows, bootstrap=100, by=())
    about = [note for note in found.notes if "hit rate" in note]
    return found.retrieval, about


def in_corpus(i: int, rank: int | None, holds: bool | None, **more: Any) -> dict[str, Any]:
    return row(i, source_rank=rank, source_in_corpus=holds, **more)


def test_a_passage_that_the_corpus_lacks_is_left_out_and_counted() -> None:
    rows = [
        in_corpus(0, 1, True),
        in_corpus(1, 2, True),
        in_corpus(2, None, True),
        in_corpus(3, None, False, hallucination_score=0.9),
        in_corpus(4, None, None),
    ]
    found, notes = measured(rows)
    assert (found.rows, found.left_out, found.hits, found.k) == (3, 2, 2, 2)
    assert found.hit_rate.value == pytest.approx(2 / 3)
    assert found.mrr.value == pytest.approx((1 + 1 / 2) / 3)
    assert found.hit_rate_at["hit_at_1"].value == pytest.approx(1 / 3)
    assert (found.hit["rows"], found.miss["rows"], found.miss["hallucinated"]) == (2, 1, 0)
    assert notes == [
        "rag4rag: 2 of 5 questions have no passage of the corpus to be found; hit rate and MRR are "
        "over the other 3."
    ]


@pytest.mark.parametrize("holds", [False, None])
def test_where_no_passage_is_in_the_corpus_nothing_is_computed(holds: bool | None) -> None:
    found, notes = measured([in_corpus(i, None, holds) for i in range(4)])
    assert (found.rows, found.left_out, found.hits) == (0, 4, 0)
    figures = [found.hit_rate, found.mrr, *found.hit_rate_at.values()]
    assert [figure.value for figure in figures] == [None] * len(figures)
    assert [figure.low for figure in figures] == [None] * len(figures)
    assert found.miss["hallucination_rate"].value is None
    assert notes == [
        "rag4rag: hit rate and MRR cannot be computed: none of 4 questions has a passage of the "
        "corpus to be found."
    ]


def test_that_all_are_missed_is_a_zero() -> None:
    found, notes = measured([in_corpus(i, None, True) for i in range(4)])
    assert (found.rows, found.hit_rate.value, found.mrr.value, notes) == (4, 0.0, 0.0, [])


def test_a_row_that_failed_is_a_miss_where_its_passage_is_known() -> None:
    failed = {"retrieved_ids": None, "answer": None}
    rows = [
        in_corpus(0, 1, True, passage_id="p"),
        in_corpus(1, None, None, passage_id="p", **failed),
        in_corpus(2, None, None, passage_id="other", **failed),
    ]
    found, _ = measured(rows)
    assert (found.rows, found.left_out, found.hit_rate.value) == (2, 1, 0.5)


def test_ids_of_two_sources_say_nothing() -> None:
    """Rows of another program: ids that never agree, and no texts."""
    found, notes = measured([row(i) for i in range(3)])
    assert (found.rows, found.hit_rate.value, found.mrr.value) == (0, None, None)
    assert len(notes) == 1
    found, notes = measured([row(0, passage_id="d2"), row(1)])
    assert (found.rows, found.hit_rate.value, found.mrr.value, notes) == (2, 0.5, 0.25, [])


def test_texts_say_it_where_ids_do_not() -> None:
    retrieved = [f"Chronicle\n{TEXTS[0]}", TEXTS[1].upper()]
    rows = [row(i, context=text, retrieved_contexts=retrieved) for i, text in enumerate(TEXTS)]
    found, notes = measured(rows)
    assert (found.rows, found.hits, notes) == (3, 2, [])
    assert found.mrr.value == pytest.approx((1 + 1 / 2) / 3)


def test_an_id_that_two_sources_share_by_chance_is_no_hit() -> None:
    """Both number their passages; the texts are others."""
    ids = {"retrieved_ids": ["0", "1"], "retrieved_contexts": [TEXTS[1], TEXTS[2]]}
    rows = [row(i, passage_id=str(i), context=TEXTS[i], **ids) for i in range(3)]
    found, _ = measured(rows)
    assert (found.rows, found.hits) == (3, 2)
    assert found.mrr.value == pytest.approx((1 + 1 / 2) / 3)
    # A text that was not kept says nothing against the id.
    ids["retrieved_contexts"] = [TEXTS[1], None]
    found, _ = measured([row(1, passage_id="1", context=TEXTS[0], **ids)])
    assert found.mrr.value == 0.5


def test_the_human_answer_says_which_part_of_a_passage_is_meant() -> None:
    whole = " ".join(TEXTS)
    parts = [TEXTS[0], TEXTS[1]]
    rows = [
        row(0, context=whole, retrieved_contexts=parts, human_answers=["Anna Roth", "Roth"]),
        row(1, context=whole, retrieved_contexts=parts, human_answers=["five arches"]),
    ]
    found, _ = measured(rows)
    assert (found.rows, found.hits, found.mrr.value) == (2, 1, 0.25)


def test_rows_without_passages_are_no_retrieval() -> None:
    found, notes = measured([row(0, retrieved_ids=None)])
    assert (found, notes) == (None, [])


def test_questions_without_a_source_passage_have_none_to_be_found() -> None:
    rows = [row(i, passage_id=None, context=None, question="Why?") for i in range(2)]
    found, notes = measured(rows)
    assert (found.rows, found.left_out, found.hit_rate.value) == (0, 2, None)
    assert notes[0].startswith("rag4rag: hit rate and MRR cannot be computed")
