"""Several human answers, unanswerable questions, the arm that is computed, what to train on."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from distilabel_rag4rag.comparison import as_table, compare
from distilabel_rag4rag.comparison.to_train_on import describe_to_train_on


def row(arm: str, number: int, **values: Any) -> dict[str, Any]:
    base = {"arm": arm, "id": f"q{number}", "passage_id": f"p{number}", "hallucination_score": 0.1}
    return base | {"answer": "salt", "human_answer": "salt"} | values


def quick(rows: object, **settings: object):
    return compare(rows, **{"bootstrap": 200, "by": (), **settings})


def abstention(arm: str, number: int, **values: Any) -> dict[str, Any]:
    return row(arm, number, answer=None, abstained=True, hallucination_score=None, **values)


@pytest.mark.parametrize(
    "golds",
    [
        {"human_answers": ["glass", "salt"]},
        {"human_answers": np.array(["glass", "salt"], dtype=object)},
        {"human_answer": ["glass", "salt"]},
        {"human_answer": "['glass', 'salt']"},
        {"human_answer": {"text": ["glass", "salt"], "answer_start": [0, 9]}},
        {"human_answer": {"value": "glass", "aliases": ["salt"]}},
        {"human_answers": ["glass", "salt"], "human_answer": "glass"},
    ],
)
def test_the_best_of_several_human_answers_counts(golds: dict[str, Any]):
    rows = [row("a", 1) | {"human_answer": None} | golds, row("a", 2, answer="glass")]
    found = quick(rows)
    assert (found.arms["a"].exact_match.value, found.arms["a"].human_answers) == (0.5, 2)
    assert found.table["human_answer"].tolist() == ["glass", "salt"]
    assert any(note.startswith("1 question has several human answers") for note in found.notes)


def test_human_answers_under_the_names_that_load_rows_knows():
    """`report` on rows in which the answers have the names of the Hub's SQuAD."""
    rows = [
        {"arm": "a", "id": i, "answer": "salt", "answers": {"text": texts, "answer_start": [0]}}
        for i, texts in (("1", ["glass", "salt"]), ("2", ["glass"]), ("3", []))
    ]
    arm = quick(rows).arms["a"]
    assert (arm.human_answers, arm.unanswerable) == (2, 1)
    assert arm.exact_match.value == pytest.approx(1 / 3)
    unused = quick(rows, columns={"human_answers": None}).arms["a"]
    assert (unused.human_answers, unused.unanswerable) == (0, 0)


def test_test_sets_without_answers_are_not_unanswerable():
    rows = [row("a", i, human_answer={"text": [], "answer_start": []}) for i in range(3)]
    assert quick(rows).arms["a"].unanswerable == 0


def test_several_answers_belong_to_the_question_in_every_arm():
    rows = [
        row("a", 1, human_answer="x", human_answers=["x", "salt"]),
        row("b", 1) | {"human_answer": None},
    ]
    assert as_table(rows)["human_answers"].tolist() == [["x", "salt"], ["x", "salt"]]


def test_an_abstention_is_right_where_there_is_no_answer():
    none = {"human_answer": None, "answerable": False}
    rows = [
        row("a", 1),
        row("a", 2, **none),  # answered, though there is no answer
        abstention("a", 3, **none),
        abstention("a", 4),
        row("a", 5, answer=None, answer_reason="the LLM gave nothing", **none),
        row("a", 6, human_answer=None),  # nothing is known of it
    ]
    arm = quick(rows).arms["a"]
    assert (arm.human_answers, arm.unanswerable) == (2, 3)
    assert arm.exact_match.value == arm.f1.value == pytest.approx(2 / 5)
    assert arm.cells == {
        "grounded_right": 1,
        "grounded_wrong": 1,
        "flagged_right": 0,
        "flagged_wrong": 0,
        "unjudged": 0,
        "not_answered": 2,
        "abstained_right": 1,
    }
    # Grounded of the answerable: questions 1 and 6, of 1, 4 and 6.
    assert arm.grounded_rate.value == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("values", "unanswerable"),
    [
        ({"answerable": False}, True),
        ({"answerable": "false"}, True),
        ({"answerable": 0.0}, True),
        ({"human_answer": "CANNOTANSWER"}, True),
        ({"human_answer": {"text": [], "answer_start": []}}, True),
        ({"is_impossible": True}, True),
        ({"is_impossible": False}, False),
        ({"is_impossible": "true", "answerable": True}, False),
        ({"answerable": None}, False),
        ({"answerable": True}, False),
        ({"answerable": float("nan")}, False),
    ],
)
def test_what_says_that_there_is_no_answer(values: dict[str, Any], unanswerable: bool):
    rows = [abstention("a", 1, **{"human_answer": None, **values}), row("a", 2)]
    assert quick(rows).arms["a"].unanswerable == int(unanswerable)


def test_an_arm_is_not_worse_for_abstaining_where_there_is_no_answer():
    none = {"human_answer": None, "answerable": False}
    rows = [row("zero_shot", i, hallucination_score=0.9, **none) for i in range(20)]
    rows += [abstention("rag4rag", i, **none) for i in range(20)]
    rows += [row("zero_shot", i, hallucination_score=0.9) for i in range(20, 40)]
    rows += [row("rag4rag", i) for i in range(20, 40)]
    found = quick(rows)
    pair = found.pairs["zero_shot_vs_rag4rag"]
    assert (pair.grounded.rows, pair.grounded.rate_b.value) == (20, 1.0)
    assert (pair.f1.mean_a.value, pair.f1.mean_b.value) == (0.5, 1.0)
    assert found.verdict.winner == "rag4rag"
    assert found.to_train_on.rows == 20


@pytest.mark.parametrize("name", ["published", "repaired"])
def test_rows_of_the_computed_arm_are_computed_anew(name: str):
    rows = [row(arm, i) for arm in ("zero_shot", "rag4rag") for i in range(4)]
    expected = quick(rows)
    found = quick([*rows, row(name, 0, answer="something else")])
    assert found.arms == expected.arms
    assert list(found.arms) == ["zero_shot", "rag4rag", "repaired"]
    assert found.notes == [
        "1 row of the arm repaired in the data was left out: it is computed anew from the others.",
        *expected.notes,
    ]


def test_labels_of_answers_in_the_computed_arm_belong_to_rows():
    rows = [row(arm, i) for arm in ("zero_shot", "rag4rag") for i in range(4)]
    labels = [{"arm": "published", "id": "q0", "human_hallucinated": False}]
    assert quick([*rows, row("published", 0)], labels=labels).arms["rag4rag"].rows == 4


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({}, (3, [])),  # by the score
        ({"keep_row_after_grounding": [True, True, False, True]}, (3, ["grounding"])),
        (
            {
                "keep_row_after_grounding": [True, True, False, True],
                "keep_row_after_round_trip": ["true", None, "true", "false"],
            },
            (1, ["grounding", "round_trip"]),
        ),
        ({"keep_row_after_grounding": [None] * 4}, (3, [])),
    ],
)
def test_rows_to_train_on_passed_every_check(columns: dict[str, list], expected: tuple):
    table = pd.DataFrame(
        [row("rag4rag", i, hallucination_score=s) for i, s in enumerate([0.1] * 4)]
    )
    table.loc[2, "hallucination_score"] = 0.9
    found = quick(table.assign(**columns)).to_train_on
    assert (found.arm, found.of) == ("rag4rag", 4)
    assert (found.rows, found.columns) == (
        expected[0],
        [f"keep_row_after_{name}" for name in expected[1]],
    )


@pytest.mark.parametrize(
    ("found", "file", "expected"),
    [
        (
            (123, 176, []),
            None,
            "123 of 176 rows of rag4rag are grounded, which is not the same as right.",
        ),
        ((1, 1, []), None, "1 of 1 row of rag4rag is grounded, which is not the same as right."),
        (
            (0, 2000, []),
            None,
            "0 of 2,000 rows of rag4rag are grounded, which is not the same as right.",
        ),
        (
            (123, 176, ["keep_row_after_grounding"]),
            "out/rows.parquet",
            "123 of 176 rows of rag4rag are grounded, which is not the same as right: "
            "out/rows.parquet (arm rag4rag, keep_row_after_grounding true)",
        ),
        (
            (9, 9, ["keep_row_after_grounding", "keep_row_after_words"]),
            "rows.parquet",
            "9 of 9 rows of rag4rag passed every check: rows.parquet (arm rag4rag, "
            "keep_row_after_grounding and keep_row_after_words true)",
        ),
    ],
)
def test_the_end_of_a_result(found: tuple, file: str | None, expected: str):
    values = dict(zip(("rows", "of", "columns"), found, strict=True)) | {"arm": "rag4rag"}
    assert describe_to_train_on(values, file) == expected


def test_long_evidence_is_noted():
    rows = [
        row("rag4rag", i, evidence_windows=windows) for i, windows in enumerate((1, 4, 16, None))
    ]
    assert quick(rows).notes == [
        "rag4rag: in 2 of 4 rows the evidence took 4 or more of the judge's windows (at most 16). "
        "The longer the evidence, the less a low score says."
    ]
    assert quick(rows[:1]).notes == []


def test_questions_without_a_passage_are_noted():
    rows = [row("rag4rag", i, context=None, retrieved_contexts=["A."]) for i in range(3)]
    assert quick(rows).notes == [
        "The questions have no source passage: answers were judged against the passages that were "
        "retrieved, so the figures do not say whether these were the right ones."
    ]
    assert quick([*rows, row("rag4rag", 4, context="B.")]).notes == []
    assert quick([row("rag4rag", i, context=None) for i in range(3)]).notes == []


def test_failed_rows_are_grouped_by_cause():
    rows = [row("a", 0)] + [
        row("a", i, answer=None, answer_reason=f"context of {i} tokens") for i in range(1, 4)
    ]
    rows += [row("a", 9, answer=None, answer_reason="only reasoning")]
    found = quick(rows)
    assert found.arms["a"].failed_reasons == {"context of 1 tokens": 3, "only reasoning": 1}
    assert found.notes == [
        "a: 4 of 5 rows failed, with neither an answer nor an abstention (context of 1 tokens: 3, "
        "only reasoning: 1)."
    ]


def test_answers_by_character_are_noted():
    rows = [row("a", 0, answer="北京市", human_answer="北京"), row("a", 1)]
    found = quick(rows)
    assert found.arms["a"].f1.value == pytest.approx((0.8 + 1) / 2)
    assert found.arms["a"].answer_words.value == pytest.approx((3 + 1) / 2)
    assert found.notes == [
        "F1 of 1 answer is by character instead of by word, as in MLQA and CMRC: the text has no "
        "spaces between words."
    ]


def test_right_answers_in_another_form_are_counted_beside_the_official_figures():
    rows = [
        row("a", 0, answer="37", human_answer="Thirty-seven", hallucination_score=0.99),
        row("a", 1, answer="38", human_answer="Thirty-seven"),
    ]
    arm = quick(rows).arms["a"]
    assert (arm.exact_match.value, arm.f1.value) == (0.0, 0.0)
    assert (arm.cells["flagged_wrong"], arm.cells["grounded_wrong"]) == (1, 1)
    assert arm.right_in_other_form == 1
