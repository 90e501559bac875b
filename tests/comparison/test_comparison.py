"""Each figure against an independent computation, and what must not win."""

import io
import json
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from helpers.comparison_rows import make_rows
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from distilabel_rag4rag.comparison import Estimate, as_table, compare

KINDS = {
    "grounded": {"answer": "salt", "hallucination_score": 0.1},
    "flagged": {"answer": "glass", "hallucination_score": 0.9},
    "unjudged": {"answer": "slate", "judge_reason": "judge failed"},
    "abstained": {"abstained": True, "answer_reason": "no answer in the passages"},
    "failed": {"answer_reason": "the LLM gave nothing"},
}


def row(arm: str, i: int, kind: str, **more: object) -> dict:
    base = {"arm": arm, "id": f"q{i:04d}", "passage_id": f"p{i:04d}", "human_answer": "salt"}
    base["answer"] = None
    return base | KINDS[kind] | more


def rows_of(arm: str, kinds: list[str], **more: object) -> list[dict]:
    return [row(arm, i, kind, **more) for i, kind in enumerate(kinds)]


def quick(rows: object, **settings: object):
    return compare(rows, **{"bootstrap": 200, "by": (), **settings})


ONE_ARM = ["grounded"] * 4 + ["flagged"] * 3 + ["unjudged"] * 2 + ["abstained"] * 2 + ["failed"]


def test_every_row_of_an_arm_is_counted_once():
    arm = quick(rows_of("rag4rag", ONE_ARM)).to_dict()["arms"]["rag4rag"]
    counts = ("rows", "answered", "abstained", "failed", "judged", "unjudged", "hallucinated")
    assert [arm[name] for name in counts] == [12, 9, 2, 1, 7, 2, 3]
    assert arm["hallucination_rate"] == pytest.approx(3 / 7)
    assert arm["hallucination_rate_all"] == pytest.approx(3 / 10)  # all but the unjudged
    assert arm["hallucination_rate_worst"] == pytest.approx(5 / 9)
    assert arm["grounded_rate"] == pytest.approx(4 / 12)
    assert arm["exact_match"] == pytest.approx(4 / 12)
    assert arm["exact_match_answered"] == pytest.approx(4 / 9)
    assert arm["cells"] == {
        "grounded_right": 4,
        "grounded_wrong": 0,
        "flagged_right": 0,
        "flagged_wrong": 3,
        "unjudged": 2,
        "not_answered": 3,
        "abstained_right": 0,
    }
    assert arm["unjudged_reasons"] == {"judge failed": 2}


def test_unjudged_answers_and_failures_are_named():
    notes = quick(rows_of("rag4rag", ONE_ARM)).notes
    assert notes == [
        "rag4rag: 2 of 9 answers were not judged and count neither as clean nor as flagged "
        "(judge failed: 2).",
        "rag4rag: 1 of 12 rows failed, with neither an answer nor an abstention "
        "(the LLM gave nothing: 1).",
    ]


def test_right_and_grounded_are_two_things():
    rows = [
        row("a", 0, "grounded", answer="the Salt!"),
        row("a", 1, "grounded", answer="pepper"),
        row("a", 2, "flagged", answer="salt"),
        row("a", 3, "flagged", answer="sea salt from Ash"),  # F1 0.4
        row("a", 4, "grounded", answer="sea salt", human_answer=None),
    ]
    arm = quick(rows).arms["a"]
    assert (arm.human_answers, arm.answered) == (4, 5)
    assert arm.cells == {
        "grounded_right": 1,
        "grounded_wrong": 1,
        "flagged_right": 1,
        "flagged_wrong": 1,
        "unjudged": 0,
        "not_answered": 0,
        "abstained_right": 0,
    }
    assert arm.exact_match.value == pytest.approx(2 / 4)
    assert arm.f1.value == pytest.approx((1 + 0 + 1 + 0.4) / 4)


def test_the_threshold_itself_flags():
    rows = [row("a", i, "grounded", hallucination_score=s) for i, s in enumerate((0.69, 0.7, 0.71))]
    assert quick(rows, threshold=0.7).arms["a"].hallucinated == 2


PAIR_A = ["flagged"] * 12 + ["grounded"] * 8 + ["abstained"]
PAIR_B = ["flagged"] * 3 + ["grounded"] * 9 + ["flagged"] * 2 + ["grounded"] * 5 + ["failed"] * 2


def test_paired_table_difference_and_mcnemar_by_hand():
    found = quick(rows_of("zero_shot", PAIR_A) + rows_of("rag4rag", PAIR_B))
    pair = found.pairs["zero_shot_vs_rag4rag"]
    table = pair.hallucination
    assert (table.rows, table.both, table.only_a, table.only_b, table.neither) == (19, 3, 9, 2, 5)
    assert table.difference.value == pytest.approx((5 - 12) / 19)
    assert table.relative_decrease.value == pytest.approx((12 - 5) / 12)
    assert table.mcnemar_p == pytest.approx(stats.binomtest(2, 11).pvalue)
    # Every passage has one row here, so flipping passages is flipping rows.
    assert table.clustered_p == pytest.approx(table.mcnemar_p, abs=0.01)
    assert pair.hallucination_all.rows == 21
    assert pair.transitions["flagged"]["grounded"] == 9
    assert pair.transitions["abstained"]["failed"] == 1
    assert sum(sum(to.values()) for to in pair.transitions.values()) == pair.rows == 21


def test_pairs_count_only_rows_of_both_arms():
    rows = rows_of("a", ["flagged"] * 5) + rows_of("b", ["grounded"] * 3)
    pair = quick(rows).pairs["a_vs_b"]
    assert (pair.rows, pair.only_in_a, pair.only_in_b, pair.hallucination.rows) == (3, 2, 0, 3)


def test_published_figures_come_out_of_the_published_formula():
    kinds = ["flagged"] * 2152 + ["grounded"] * (4989 - 2152)
    again = (
        ["flagged"] * 452 + ["grounded"] * (2152 - 452) + ["flagged"] * 700 + ["grounded"] * 2137
    )
    rows = rows_of("zero_shot", kinds, human_answer=None)
    found = quick(rows + rows_of("rag4rag", again, human_answer=None), bootstrap=100)
    formula = found.pairs["zero_shot_vs_rag4rag"].published_formula
    assert formula.name == "published formula on the published selection"
    assert (formula.rows_a, formula.selection) == (4989, 2152)
    assert round(100 * formula.rate_a, 2) == 43.13
    assert round(100 * formula.rate_b_on_selection, 2) == 21.00
    assert round(formula.percent_decrease, 2) == 51.31
    # The same rows, compared in pairs, tell another story.
    honest = found.pairs["zero_shot_vs_rag4rag"].hallucination
    assert honest.relative_decrease.value == pytest.approx((2152 - 1152) / 2152)


def test_the_repaired_arm_replaces_the_flagged_rows_and_counts_every_row():
    zero = rows_of("zero_shot", ["flagged", "flagged", "grounded", "abstained", "flagged"])
    rag = rows_of("rag4rag", ["grounded", "flagged", "flagged", "grounded"])  # the fifth is missing
    found = quick(zero + rag)
    made = found.table[found.table["arm"] == "repaired"]
    assert list(zip(made["id"], made["repaired_from"], made["outcome"], strict=True)) == [
        ("q0000", "rag4rag", "grounded"),
        ("q0001", "rag4rag", "flagged"),
        ("q0002", "zero_shot", "grounded"),
        ("q0003", "zero_shot", "abstained"),
        ("q0004", "zero_shot", "flagged"),
    ]
    assert found.arms["repaired"].rows == 5
    assert any(note.startswith("repaired: not an arm that was run") for note in found.notes)


def test_retrieval_by_hand():
    ranks = [1, 1, 2, 3, None, None]
    kinds = ["grounded", "flagged", "grounded", "grounded", "flagged", "abstained"]
    rows = [
        row("rag4rag", i, kind, source_rank=rank, retrieved_ids=["x", "y", "z"])
        for i, (kind, rank) in enumerate(zip(kinds, ranks, strict=True))
    ]
    found = quick(rows).to_dict()["retrieval"]
    assert (found["arm"], found["rows"], found["k"], found["hits"]) == ("rag4rag", 6, 3, 4)
    assert found["hit_rate"] == pytest.approx(4 / 6)
    assert found["mrr"] == pytest.approx((1 + 1 + 1 / 2 + 1 / 3) / 6)
    assert found["hit_rate_at"]["hit_at_1"] == pytest.approx(2 / 6)
    assert found["hit"]["hallucination_rate"] == pytest.approx(1 / 4)
    assert found["miss"]["hallucination_rate"] == pytest.approx(1 / 1)
    assert found["miss"]["abstained_rate"] == pytest.approx(1 / 2)


def test_retrieval_ranks_come_from_the_ids_where_no_rank_is_given():
    rows = [
        row("rag4rag", 0, "grounded", retrieved_ids=["p0009", "p0000"]),
        row("rag4rag", 1, "grounded", retrieved_ids=["p0009", "p0008"]),
        row("rag4rag", 2, "failed", retrieved_ids=None),  # retrieval failed: a miss
    ]
    found = quick(rows).retrieval
    assert (found.rows, found.hits, found.mrr.value) == (3, 1, pytest.approx(0.5 / 3))
    assert quick(rows_of("zero_shot", ["grounded"])).retrieval is None


def test_threshold_sweep_and_where_the_order_changes():
    low, high = [0.3] * 6 + [0.0] * 4, [0.8] * 4 + [0.0] * 6
    rows = [
        row(arm, i, "grounded", hallucination_score=score)
        for arm, scores in (("a", low), ("b", high))
        for i, score in enumerate(scores)
    ]
    sweep = quick(rows).thresholds
    at = dict(zip(sweep.thresholds, range(len(sweep.thresholds)), strict=True))
    rates = {arm: [e.value for e in sweep.rates[arm]] for arm in "ab"}
    assert [rates["a"][at[t]] for t in (0.02, 0.3, 0.32, 0.8)] == [0.6, 0.6, 0.0, 0.0]
    assert [rates["b"][at[t]] for t in (0.02, 0.8, 0.82)] == [0.4, 0.4, 0.0]
    assert [(c.threshold, c.was_lower, c.now_lower) for c in sweep.crossings] == [(0.32, "b", "a")]
    assert sum(sweep.scores["a"]) == 10
    assert sweep.scores["a"][6] == 6  # 0.3 opens the bin [0.3, 0.35)
    assert sweep.lowest_score == 0.3


def test_two_arms_of_the_same_data_do_not_differ():
    rows = make_rows(20, arms=("zero_shot",))
    found = quick(rows + [r | {"arm": "rag4rag"} for r in rows])
    pair = found.pairs["zero_shot_vs_rag4rag"].hallucination
    assert found.verdict.winner is None
    assert found.verdict.meaning.startswith("There is no difference")
    assert (pair.difference.value, pair.mcnemar_p, pair.clustered_p) == (0.0, 1.0, 1.0)
    assert pair.difference.low < 0 < pair.difference.high  # sixty rows do not prove equality


def test_no_difference_is_told_where_chance_explains_it():
    rows = make_rows(25, seed=1, arms=("gold_context",))
    other = [r | {"arm": "other"} for r in make_rows(25, seed=2, arms=("gold_context",))]
    verdict = quick(rows + other).verdict
    assert verdict.winner is None
    assert verdict.meaning.startswith("These data show no difference in hallucination")


@pytest.mark.parametrize("share", [1.0, 0.8])
def test_an_arm_that_abstains_does_not_win(share: float):
    silent = ["abstained"] * int(100 * share) + ["grounded"] * (100 - int(100 * share))
    spoken = ["flagged"] * 50 + ["grounded"] * 50
    rng = np.random.default_rng(0)
    found = quick(rows_of("zero_shot", spoken) + rows_of("rag4rag", list(rng.permutation(silent))))
    arm = found.arms["rag4rag"]
    assert found.verdict.winner is None
    assert arm.hallucination_rate.value == (None if share == 1 else 0.0)
    assert arm.grounded_rate.value == pytest.approx(1 - share)
    assert arm.f1.value == pytest.approx(1 - share)
    assert (
        "is worse in other figures" in found.verdict.meaning
        or "cannot win" in found.verdict.meaning
    )


def test_the_better_arm_wins_and_the_verdict_holds_its_numbers():
    verdict = quick(make_rows(40)).verdict
    assert verdict.winner == "rag4rag"
    assert "19." in verdict.headline
    assert verdict.meaning.startswith("The difference is more than chance")


@pytest.mark.slow
def test_slices_are_not_called_significant_for_chance():
    """Twenty slices without a difference, one of them off by chance."""
    rng = np.random.default_rng(7)
    rows = []
    for i in range(600):
        for arm in ("zero_shot", "rag4rag"):
            kind = "flagged" if rng.random() < 0.4 else "grounded"
            rows.append(row(arm, i, kind, title=f"article {i % 20:02d}"))
    slices = quick(rows, by=("title",)).slices["title"]
    assert len(slices) == 20
    assert min(s.clustered_p for s in slices) < 0.05
    assert not any(s.significant for s in slices)
    assert not any(s.few for s in slices)


def test_small_slices_say_so_and_many_are_put_together():
    rows = [row(a, i, "grounded", title=f"t{i % 60}") for i in range(120) for a in ("x", "y")]
    slices = quick(rows, by=("title",)).slices["title"]
    assert (len(slices), slices[-1].name, slices[-1].questions) == (40, "(all other)", 42)
    assert [s.few for s in slices] == [True] * 39 + [False]
    assert sum(s.questions for s in slices) == 120


def test_order_and_kind_of_the_rows_do_not_matter():
    rows = make_rows(12)
    expected = quick(rows).to_dict()
    table = pa.Table.from_pylist(rows)
    for same in (rows[::-1], pd.DataFrame(rows), table, datasets.Dataset(table)):
        assert quick(same).to_dict() == expected
    assert json.loads(json.dumps(expected, allow_nan=False)) == expected


def test_columns_of_other_names_and_a_single_arm():
    rows = [
        {"anchor": "What?", "synthetic_positive": "salt", "hallucinated_spans": []},
        {
            "anchor": "Who?",
            "synthetic_positive": "Ines",
            "hallucinated_spans": [{"start": 0, "end": 4, "text": "Ines", "confidence": 0.8}],
        },
    ]
    columns = {"question": "anchor", "answer": "synthetic_positive"}
    arm = quick(rows, columns=columns, arm="theirs").arms["theirs"]
    assert (arm.rows, arm.judged, arm.hallucinated, arm.human_answers) == (2, 2, 1, 0)
    assert arm.f1.value is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"threshold": 0.0}, "threshold: found 0.0, expected 0 < threshold <= 1"),
        ({"bootstrap": 3}, "bootstrap: found 3, expected at least 100"),
        ({"by": ("colour",)}, r"by: found \['colour'\], expected columns"),
        ({"columns": {"answer": "reply"}}, "'answer' is mapped to 'reply', which is not a column"),
    ],
)
def test_settings_that_cannot_be_used(change: dict, message: str):
    with pytest.raises(ValueError, match=message):
        quick(rows_of("a", ["grounded"]), **change)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"arm": "a", "id": "1"}], r"columns \['answer'\] are missing"),
        ([row("a", 1, "grounded")] * 2, "id 'q0001' comes more than once in arm 'a'"),
        ([row("a", 1, "grounded") | {"arm": None}], "`arm` and `id` must be set"),
        (rows_of("human", ["grounded"]), r"found \['human'\], expected an arm that an LLM"),
        (pd.DataFrame({"arm": [], "id": [], "answer": []}), "found none"),
    ],
)
def test_rows_that_cannot_be_used(rows: object, message: str):
    with pytest.raises(ValueError, match=message):
        quick(rows)


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(list(KINDS)), st.sampled_from(list(KINDS)), st.integers(0, 3)),
        min_size=1,
        max_size=30,
    )
)
def test_counts_add_up_whatever_happened(outcomes: list[tuple[str, str, int]]):
    rows = [
        row(arm, i, kind, passage_id=f"p{passage}")
        for i, (a, b, passage) in enumerate(outcomes)
        for arm, kind in (("zero_shot", a), ("rag4rag", b))
    ]
    found = quick(rows, bootstrap=100)
    for arm in found.arms.values():
        assert arm.answered + arm.abstained + arm.failed == arm.rows == len(outcomes)
        assert arm.judged + arm.unjudged == arm.answered
        assert sum(arm.cells.values()) == arm.human_answers
    for pair in found.pairs.values():
        for t in (pair.hallucination, pair.hallucination_all, pair.grounded, pair.exact_match):
            assert t.both + t.only_a + t.only_b + t.neither == t.rows
    json.dumps(found.to_dict(), allow_nan=False)


def test_ids_may_be_numbers():
    rows = [
        row(arm, i, "grounded", id=i, passage_id=None if i == 3 else i, retrieved_ids=[i + 1, i])
        for arm in ("zero_shot", "rag4rag")
        for i in range(4)
    ]
    found = quick(rows)
    assert found.settings["clusters"] == 4
    assert (found.retrieval.rows, found.retrieval.hits, found.retrieval.mrr.value) == (3, 3, 0.5)


def test_a_table_keeps_the_columns_it_does_not_know():
    table = as_table(rows_of("a", ["grounded"], article="Ash"))
    assert table["article"].tolist() == ["Ash"]


def _scored(arm: str, scores: list[float | None], per_passage: int = 3) -> list[dict[str, Any]]:
    return [
        {
            "arm": arm,
            "id": str(i),
            "passage_id": str(i // per_passage),
            "answer": "a",
            "hallucination_score": score,
        }
        for i, score in enumerate(scores)
    ]


def test_few_passages_are_too_few_to_tell() -> None:
    rows = _scored("zero_shot", [0.9] * 12, 6) + _scored("rag4rag", [0.1] * 12, 6)
    verdict = compare(rows, bootstrap=200).verdict
    assert verdict.winner is None
    assert verdict.meaning.startswith("Too few passages (2) to tell")


def test_an_arm_that_is_judged_on_few_of_its_rows_does_not_win() -> None:
    base = [0.9, 0.1] * 30  # 30 of 60 grounded
    some: list[float | None] = [0.1 if i % 5 == 0 else None for i in range(60)]  # 12 of 60
    verdict = compare(
        _scored("zero_shot", list(base)) + _scored("rag4rag", some), bootstrap=200
    ).verdict
    assert verdict.winner is None
    assert "grounded answers of all rows are 20.0%" in verdict.meaning


CSV = """
arm,id,passage_id,answer,abstained,hallucinated_spans,retrieved_ids,source_rank
a,1,7,1989,False,[],"['7', '8']",1
a,2,7,glass,false,"[{""start"": 0, ""end"": 5, ""confidence"": 0.9}]","[""8""]",
a,3,,,TRUE,,,
"""


@pytest.mark.parametrize("read", [{}, {"dtype": str, "keep_default_na": False}])
def test_values_from_csv(read: dict[str, Any]):
    """As pandas reads them, and all as text: numbers, blanks, lists as JSON or as Python."""
    table = as_table(pd.read_csv(io.StringIO(CSV), **read))
    assert table["id"].tolist() == ["1", "2", "3"]
    assert table["passage_id"].tolist()[:2] == ["7", "7"]
    assert table["answer"].tolist()[:2] == ["1989", "glass"]
    assert table["abstained"].tolist() == [False, False, True]
    assert table["hallucination_score"].tolist()[:2] == [0.0, 0.9]
    assert pd.isna(table["hallucination_score"][2])
    assert table["retrieved_ids"].tolist() == [["7", "8"], ["8"], None]
    assert table["source_rank"].tolist() == [1, None, None]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"source_rank": "first"}, "column 'source_rank', row 1: found 'first', expected int64"),
        ({"abstained": "perhaps"}, "column 'abstained', row 1: found 'perhaps', expected bool"),
        ({"retrieved_ids": "p1"}, "column 'retrieved_ids', row 1: found 'p1', expected list"),
        ({"hallucination_score": "n/a"}, "column 'hallucination_score', row 1: found 'n/a'"),
        (
            {"hallucinated_spans": [{"end": 3}]},
            "column 'hallucinated_spans', row 1.'start'.: found",
        ),
    ],
)
def test_a_value_that_does_not_fit_its_column(values: dict, message: str):
    with pytest.raises(ValueError, match=message):
        as_table([row("a", 0, "grounded"), row("a", 1, "grounded") | values])


def test_spans_without_confidence_are_certain():
    table = as_table(
        [
            {"arm": "a", "id": "1", "answer": "x", "hallucinated_spans": spans}
            for spans in ([{"start": 0, "end": 1}],)
        ]
    )
    assert table["hallucination_score"].tolist() == [1.0]


def test_an_arm_that_is_not_there():
    rows = [row(arm, 0, "grounded") for arm in ("zero_shot", "mine")]
    with pytest.raises(
        ValueError, match=r"candidate: found 'mein', expected one of \['zero_shot', 'mine'\]"
    ):
        quick(rows, candidate="mein")
    assert quick(rows, candidate="mine").verdict.candidate == "mine"


@pytest.mark.parametrize("sign", [1, -1])
def test_a_difference_in_every_row_is_no_certainty(sign: int):
    arms = ("flagged", "grounded")[::sign]
    rows = rows_of("zero_shot", [arms[0]] * 9) + rows_of("rag4rag", [arms[1]] * 9)
    pair = quick(rows).pairs["zero_shot_vs_rag4rag"].hallucination
    hidden = 1 - 0.025 ** (1 / 9)  # Clopper and Pearson's bound for 0 of 9 passages
    assert pair.difference.value == -sign
    assert sorted([-sign, -sign * (1 - 2 * hidden)]) == pytest.approx(
        [pair.difference.low, pair.difference.high]
    )
    if sign == 1:
        assert pair.relative_decrease == Estimate(1.0, pytest.approx(1 - hidden), 1.0)


def test_questions_of_one_arm_alone_are_told():
    rows = rows_of("zero_shot", ["grounded"] * 5) + rows_of("rag4rag", ["grounded"] * 3)
    assert "2 questions are in zero_shot alone and in no paired figure." in quick(rows).notes


def test_the_index_of_a_table_says_nothing():
    rows = [
        pd.DataFrame(rows_of(arm, ["grounded", "flagged"] * 5)) for arm in ("zero_shot", "rag4rag")
    ]
    repeated = pd.concat(rows)  # each index twice
    assert quick(repeated).to_dict() == quick(pd.concat(rows, ignore_index=True)).to_dict()
    assert quick(repeated.set_index("id", drop=False)).arms["rag4rag"].rows == 10


def test_the_human_answer_belongs_to_the_question():
    rows = rows_of("zero_shot", ["grounded"] * 6) + [
        row | {"human_answer": None} for row in rows_of("rag4rag", ["grounded"] * 6)
    ]
    pair = quick(rows).pairs["zero_shot_vs_rag4rag"]
    assert (pair.f1.rows, pair.f1.mean_b.value, pair.exact_match.rows) == (6, 1.0, 6)


def test_equal_texts_with_other_outcomes_are_not_the_same():
    rows = rows_of("zero_shot", ["grounded"] * 12)
    rows += [row | {"arm": "rag4rag", "abstained": i % 2 == 0} for i, row in enumerate(rows)]
    assert "There is no difference" not in quick(rows).verdict.meaning


def test_what_is_paid_is_what_got_worse():
    """More grounded answers, which match the human answers less."""
    rows = rows_of("zero_shot", ["flagged"] * 12, answer="salt")
    rows += rows_of("rag4rag", ["grounded"] * 12, answer="glass")
    meaning = quick(rows).verdict.meaning
    assert "is worse in other figures, so it is not better: F1 1.00" in meaning
    assert "grounded answers" not in meaning


@pytest.mark.parametrize(
    ("kinds", "headline"),
    [
        (
            (["flagged"] * 4, ["abstained"] * 4),
            "rag4rag answered none of 4 questions. zero_shot hallucinates in 100.0%",
        ),
        (
            (["flagged"] * 4, ["unjudged"] * 4),
            "No answer of rag4rag was judged. zero_shot hallucinates in 100.0%",
        ),
    ],
)
def test_headlines_of_arms_without_a_rate(kinds: tuple, headline: str):
    rows = rows_of("zero_shot", kinds[0]) + rows_of("rag4rag", kinds[1])
    assert quick(rows).verdict.headline.startswith(headline)


def test_passages_that_count_are_those_of_the_counted_rows():
    """Twenty passages, of which the candidate was judged on three."""
    rows = rows_of("zero_shot", ["flagged"] * 20)
    rows += rows_of("rag4rag", ["grounded"] * 3 + ["unjudged"] * 17)
    found = quick(rows)
    assert found.pairs["zero_shot_vs_rag4rag"].hallucination.clusters == 3
    assert found.verdict.meaning.startswith("Too few passages (3) to tell")


@pytest.mark.parametrize(
    ("changes", "settings", "message"),
    [
        ({"hallucination_score": 87}, {}, "'hallucination_score', row 0: found 87"),
        ({"hallucination_score": float("inf")}, {}, "'hallucination_score', row 0: found inf"),
        ({"source_rank": 0}, {}, "'source_rank', row 0: found 0, expected"),
        (
            {"human_answer": {"label": "salt"}},
            {},
            "'human_answer', row 0: found an object with the keys 'label'",
        ),
        ({"review_weight": -1, "human_hallucinated": True}, {}, "'review_weight', row 0: found -1"),
        (
            {"review_weight": "x", "human_hallucinated": True},
            {},
            "'review_weight', row 0: found 'x'",
        ),
        ({"arm": "repaired"}, {}, r"rows: found \['repaired'\], expected an arm that was run"),
        ({"arm": "published"}, {}, r"rows: found \['repaired'\], expected an arm that was run"),
        ({}, {"level": 95}, "level: found 95, expected"),
        ({}, {"right_f1": 50}, "right_f1: found 50, expected"),
        ({}, {"seed": -1}, "seed: found -1, expected 0 or more"),
        ({}, {"by": "title"}, "by: found 'title', expected a list"),
        ({"title": ["a"]}, {"by": ["retrieved_ids"]}, "'title', row 0"),
        ({"retrieved_ids": ["a"]}, {"by": ["retrieved_ids"]}, "by: found 'retrieved_ids'"),
        ({}, {"columns": {"nonsense": "answer"}}, "columns: found .'nonsense'., expected"),
        ({}, {"baseline": "rag4rag"}, "baseline and candidate: found 'rag4rag', expected two"),
        ({}, {"candidate": "gold_context"}, "candidate: found 'gold_context', expected one of"),
    ],
)
def test_values_and_settings_that_cannot_be_meant(changes: dict, settings: dict, message: str):
    rows = [row | changes for row in rows_of("rag4rag", ["grounded"] * 3)]
    with pytest.raises(ValueError, match=message):
        quick(rows, **settings)


def test_right_is_counted_to_the_last_digit():
    """F1 of 4 / 5, which float32 makes 0.79999992."""
    rows = rows_of("a", ["grounded"], answer="b c d e f g x0 y0", human_answer="b c d e f g y1 y2")
    found = quick(
        [row | {"answer": "b c d e x", "human_answer": "b c d e y"} for row in rows], right_f1=0.8
    )
    assert found.arms["a"].f1.value == 0.8
    assert found.arms["a"].cells["grounded_right"] == 1


def test_an_interval_without_zero_beside_a_test_that_is_not_sure_is_no_null_result():
    """Five of seven passages get better, none worse: p = 2 / 2**5."""
    rows = [
        row | {"answer": "salt", "abstained": False, "hallucination_score": float(flagged)}
        for row in make_rows(7, arms=("zero_shot", "rag4rag"))
        for passage, question in [(int(row["passage_id"][1:]), int(row["id"][-1]))]
        for flagged in [question < 2 - (row["arm"] == "rag4rag" and passage < 5)]
    ]
    verdict = compare(rows, bootstrap=500).verdict
    assert verdict.winner is None
    assert verdict.meaning.startswith(
        "The interval speaks for a difference in hallucination and the test does not on the 21 "
    )
