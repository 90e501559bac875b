"""Intervals and tests against brute force, scipy, statsmodels and scikit-learn."""

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from distilabel_rag4rag.comparison import compare
from distilabel_rag4rag.comparison.label_rates import label_cell
from distilabel_rag4rag.comparison.pairs import paired_rates
from distilabel_rag4rag.comparison.result import to_json
from distilabel_rag4rag.comparison.statistics import (
    ClusterBootstrap,
    Estimate,
    Resampling,
    flip_p,
    holm,
    ratio,
)
from distilabel_rag4rag.report import write_report


def clustered(clusters: int, per: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of a passage all share one fate."""
    fates = np.random.default_rng(seed).random(clusters) < 0.4
    return np.repeat(np.arange(clusters), per), np.repeat(fates, per)


def test_a_resample_is_what_drawing_whole_clusters_gives():
    rng = np.random.default_rng(0)
    clusters = rng.integers(0, 7, 40)
    flagged, judged = rng.random(40) < 0.3, rng.random(40) < 0.8
    bootstrap = ClusterBootstrap(clusters, samples=50, seed=3)
    resampled = bootstrap.resample(bootstrap.sums((flagged & judged, judged)))
    draws = np.random.default_rng(3)
    for sums in resampled:
        drawn = draws.integers(0, 7, 7)
        rows = np.concatenate([np.flatnonzero(clusters == c) for c in drawn])
        assert sums.tolist() == [(flagged & judged)[rows].sum(), judged[rows].sum()]


def test_intervals_are_those_of_scipys_bca_bootstrap_over_clusters():
    rng = np.random.default_rng(1)
    clusters = rng.integers(0, 400, 1500)
    yes = rng.random(1500) < rng.beta(1, 6, 400)[clusters]
    found = ClusterBootstrap(clusters, samples=20_000).rates({"r": (yes, np.ones(1500))})["r"]
    sums = [np.bincount(clusters, w, 400) for w in (yes, np.ones(1500))]
    other = stats.bootstrap(
        sums,
        lambda n, d, axis: n.sum(axis=axis) / d.sum(axis=axis),
        paired=True,
        method="BCa",
        n_resamples=20_000,
        batch=1000,
        rng=np.random.default_rng(2),
    ).confidence_interval
    assert found.value == pytest.approx(yes.mean())
    assert (found.low, found.high) == pytest.approx((other.low, other.high), abs=0.0012)


def test_the_interval_that_ignores_clusters_is_visibly_too_narrow():
    clusters, yes = clustered(60, 5, seed=0)
    found = ClusterBootstrap(clusters).rates({"r": (yes, np.ones(300))})["r"]
    low, high = proportion_confint(yes.sum(), 300)
    # Five rows with one fate carry the information of one: the truth is sqrt(5) times as wide.
    assert (found.high - found.low) / (high - low) == pytest.approx(np.sqrt(5), rel=0.1)


def test_rates_of_nought_and_one_are_not_taken_for_certain():
    clusters, every = np.repeat(np.arange(30), 4), np.ones(120)
    found = ClusterBootstrap(clusters, samples=200).rates(
        {"none": (0 * every, every), "all": (every, every), "empty": (0 * every, 0 * every)}
    )
    assert (found["none"].low, found["none"].high) == pytest.approx(
        proportion_confint(0, 30, method="beta")
    )
    assert (found["all"].low, found["all"].high) == pytest.approx(
        proportion_confint(30, 30, method="beta")
    )
    assert found["empty"] == Estimate()


def test_one_passage_gives_no_interval():
    found = ClusterBootstrap(["p"] * 9).means({"r": (np.arange(9), np.ones(9))})["r"]
    assert found == Estimate(4.0, None, None)


def test_flipping_passages_is_the_full_enumeration():
    d = np.array([3.0, -1, 2, 2, -1, 1, 0, 0])
    sums = [np.dot(signs, d[d != 0]) for signs in product((-1, 1), repeat=6)]
    assert flip_p(d) == pytest.approx(np.mean(np.abs(sums) >= abs(d.sum())))
    assert flip_p([0, 0, 5]) == flip_p([]) == 1.0


def test_many_passages_give_durkalskis_test():
    d = np.random.default_rng(0).integers(-2, 4, 500)
    chi2 = d.sum() ** 2 / (d**2).sum()
    assert flip_p(d) == pytest.approx(stats.chi2.sf(chi2, 1))


def test_clusters_make_mcnemar_too_sure():
    """Four passages of ten rows changed as one: forty rows, but four events."""
    clusters = np.repeat(np.arange(20), 10)
    a = pd.Series(clusters < 4)
    found = paired_rates(a, a & False, a | ~a, ClusterBootstrap(clusters, samples=200))
    assert (found.only_a, found.only_b) == (40, 0)
    assert found.mcnemar_p == pytest.approx(2 * 0.5**40)
    assert found.clustered_p == pytest.approx(2 * 0.5**4)


def test_holm_is_statsmodels():
    p = [0.01, 0.04, 0.03, 0.005, 0.5, 0.03]
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1].tolist())
    assert holm([]) == []


def labelled_rows(n: int, sens: float, spec: float, rate: float, seed: int = 0) -> list[dict]:
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        bad = bool(rng.random() < rate)
        flag = rng.random() < (sens if bad else 1 - spec)
        rows.append(
            {
                "arm": "a",
                "id": f"{i:05d}",
                "passage_id": f"p{i // 3}",
                "answer": "salt",
                "hallucination_score": float(rng.uniform(0.5, 1) if flag else rng.uniform(0, 0.49)),
                "human_hallucinated": bad if i % 2 else None,
            }
        )
    return rows


def judged(rows: list[dict], **settings: object):
    return compare(rows, **{"bootstrap": 500, "by": (), **settings}).judge


def test_judge_against_labels():
    rows = labelled_rows(1200, 0.8, 0.9, 0.3)
    found = judged(rows).labelled
    known = pd.DataFrame([r for r in rows if r["human_hallucinated"] is not None])
    flag, bad = known["hallucination_score"] >= 0.5, known["human_hallucinated"].astype(bool)
    sens, spec = flag[bad].mean(), (~flag[~bad]).mean()
    assert found.rows == 600
    assert found.sensitivity.value == pytest.approx(sens)
    assert found.specificity.value == pytest.approx(spec)
    assert found.kappa.value == pytest.approx(cohen_kappa_score(bad, flag))
    assert found.kappa.low < found.kappa.value < found.kappa.high
    assert sum(b["rows"] for b in found.calibration) == 600
    top = known[known["hallucination_score"] >= 0.9]
    assert found.calibration[-1]["share_hallucinated"] == pytest.approx(
        top["human_hallucinated"].astype(bool).mean()
    )
    # Rogan and Gladen by hand, on the rate of all rows, labelled or not.
    rate = np.mean([r["hallucination_score"] >= 0.5 for r in rows])
    corrected = found.corrected["a"]
    assert corrected.flagged_rate.value == pytest.approx(rate)
    assert corrected.unclipped == pytest.approx((rate + spec - 1) / (sens + spec - 1))
    width = corrected.corrected_rate.high - corrected.corrected_rate.low
    assert width > corrected.flagged_rate.high - corrected.flagged_rate.low


def test_labels_may_come_in_a_table_of_their_own():
    rows = labelled_rows(90, 0.8, 0.9, 0.3)
    bare = [{k: v for k, v in r.items() if k != "human_hallucinated"} for r in rows]
    labels = [r for r in rows if r["human_hallucinated"] is not None]
    assert judged(bare, labels=labels) == judged(rows)
    assert judged(bare).labelled is None
    with pytest.raises(ValueError, match="labels: 1 belong to no row"):
        judged(bare, labels=[labels[0] | {"id": "elsewhere"}])
    with pytest.raises(ValueError, match=r"'human_hallucinated', row 0: found 'maybe', expected"):
        judged([rows[0] | {"human_hallucinated": "maybe"}])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([{"arm": None}], "labels: `arm` and `id` must be set"),
        ([{}, {}], r"labels: arm and id \('a', .*\) come more than once"),
        (
            [{"human_hallucinated": 7}],
            "column 'human_hallucinated', row 0: found 7, expected",
        ),
    ],
)
def test_labels_that_cannot_be_used(wrong: list[dict], message: str):
    rows = labelled_rows(30, 0.8, 0.9, 0.3)
    label = {"arm": "a", "id": rows[0]["id"], "human_hallucinated": True}
    with pytest.raises(ValueError, match=message):
        judged(rows, labels=[label | change for change in wrong])


def test_two_labels_tell_nothing_about_kappa():
    rows = labelled_rows(30, 1.0, 1.0, 0.5)
    seen: set[bool] = set()
    for row in rows:
        flagged = row["hallucination_score"] >= 0.5
        row["human_hallucinated"] = None if flagged in seen else flagged
        seen.add(flagged)
    found = judged(rows).labelled
    assert (found.rows, found.kappa.value, found.kappa.low) == (2, 1.0, None)


def test_perfect_on_the_labels_is_not_perfect():
    found = judged(labelled_rows(120, 1.0, 1.0, 0.3)).labelled
    assert found.sensitivity.value == found.specificity.value == 1.0
    assert found.sensitivity.low < 0.95
    corrected = found.corrected["a"]
    assert corrected.corrected_rate.value == pytest.approx(corrected.flagged_rate.value)
    as_flagged = corrected.flagged_rate.high - corrected.flagged_rate.low
    assert corrected.corrected_rate.high - corrected.corrected_rate.low > 1.05 * as_flagged


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (labelled_rows(200, 0.2, 0.6, 0.5), "by the labels the judge is no better than chance"),
        (labelled_rows(200, 0.9, 0.9, 0.0), "the labels hold only one of the two answers"),
    ],
)
def test_where_no_correction_is_possible(rows: list[dict], reason: str):
    found = judged(rows).labelled
    assert found.reason == reason
    assert (found.corrected["a"].corrected_rate, found.corrected["a"].unclipped) == (
        Estimate(),
        None,
    )
    # Of a single arm's own labels the rate is known all the same: by hand, cell by cell.
    flags = [row["hallucination_score"] >= 0.5 for row in rows]
    by_hand = 0.0
    for cell in (True, False):
        labels = [
            r["human_hallucinated"]
            for r, flag in zip(rows, flags, strict=True)
            if flag is cell and r["human_hallucinated"] is not None
        ]
        by_hand += flags.count(cell) / len(rows) * np.mean(labels)
    own = found.corrected["a"].own_rate
    assert own.value == pytest.approx(by_hand)
    assert 0 <= own.low <= own.value < own.high < 1


def cells(arm: str, hit: int, miss: int, false: int, right: int) -> list[dict]:
    """Rows whose labels fill the four cells; negative: as many rows without a label."""
    kinds = ((True, 0.9, hit), (True, 0.0, miss), (False, 0.9, false), (False, 0.0, right))
    made = [(bad, score, n > 0) for bad, score, n in kinds for _ in range(abs(n))]
    return [
        {"arm": arm, "id": f"q{i}", "passage_id": f"p{i}", "answer": "x"}
        | {"hallucination_score": score, "human_hallucinated": bad if known else None}
        for i, (bad, score, known) in enumerate(made)
    ]


def test_an_arms_own_labels_tell_where_the_judge_errs_otherwise():
    rows = cells("rag4rag", 15, 15, 0, 70) + cells("zero_shot", 60, 0, 10, 30)
    found = compare(rows, by=()).judge.labelled.corrected
    for arm, truth, flagged in (("rag4rag", 0.30, 0.15), ("zero_shot", 0.60, 0.70)):
        own = found[arm].own_rate
        assert found[arm].flagged_rate.value == pytest.approx(flagged)
        assert own.value == pytest.approx(truth)  # every row has a label: the rate is known
        # As wide as the share of 100 independent rows is uncertain, by Wilson.
        low, high = proportion_confint(100 * truth, 100, method="wilson")
        assert (own.low, own.high) == pytest.approx((low, high), abs=0.035)
    assert found["rag4rag"].corrected_rate.value == pytest.approx(0.0796, abs=1e-4)  # pooled


def test_a_draw_of_hard_passages_is_hard_for_rare_misses_too():
    clusters = np.repeat(np.arange(30), 4)
    missed = pd.Series(np.isin(np.arange(120), [0, 1, 2, 40]).astype(float))
    bootstrap = ClusterBootstrap(clusters, samples=500, seed=3)
    cell = label_cell(bootstrap, missed, pd.Series(np.ones(120)))
    resampled = ratio(bootstrap.resample(bootstrap.sums((missed, np.ones(120)))))
    assert (cell.known, cell.share) == (120, pytest.approx(4 / 120))
    assert cell.shares.min() > 0  # though a resample without the misses holds none
    assert (np.diff(cell.shares[np.lexsort((cell.shares, resampled))]) >= 0).all()


def test_labels_in_one_passage_leave_an_interval():
    bootstrap = ClusterBootstrap(np.repeat(np.arange(10), 20), samples=500)
    known = np.arange(200) < 20
    cell = label_cell(bootstrap, pd.Series(1.0 * (np.arange(200) < 10)), pd.Series(1.0 * known))
    low, high = np.quantile(cell.shares, [0.025, 0.975])
    assert (low, high) == pytest.approx(proportion_confint(10, 20, method="jeffreys"), abs=0.03)


@pytest.mark.slow
def test_a_cell_without_labels_may_hold_anything(tmp_path: Path):
    rows = cells("a", 8, -10, 2, -80) + cells("b", -5, -5, -5, -5) + cells("c", 30, 5, 5, 60)
    comparison = compare(rows, by=(), bootstrap=500)
    found = comparison.judge.labelled.corrected
    assert found["b"].own_rate is None
    own = found["a"].own_rate
    assert own.value is None
    assert 0.02 < own.low < 0.08  # of 10% flagged 8 in 10 are wrong, of the others none
    assert 0.96 < own.high < 1  # of the others all
    plain = to_json(found["a"])
    assert (plain["own_rate"], plain["own_rate_ci"]) == (None, pytest.approx([own.low, own.high]))
    write_report(comparison, tmp_path)
    report = (tmp_path / "report.md").read_text()
    assert f"between {100 * own.low:.1f}% and {100 * own.high:.1f}% by its own labels" in report
    assert "- b: 50.0% " in report
    assert "no labels of its own" in report
    page = (tmp_path / "report.html").read_text()
    assert f"{100 * own.low:.1f} to {100 * own.high:.1f}" in page


@pytest.mark.slow
def test_the_report_says_where_the_two_corrections_contradict(tmp_path: Path):
    rows = cells("rag4rag", 30, 30, 0, 140) + cells("zero_shot", 120, 0, 20, 60)
    write_report(compare(rows, by=(), bootstrap=500), tmp_path)
    sentence = "The two contradict each other for zero_shot, rag4rag, so there the judge errs"
    assert sentence in (tmp_path / "report.md").read_text().replace("\\", "")
    assert sentence in (tmp_path / "report.html").read_text()


def test_few_labels_never_give_nan():
    # One hallucinated answer labelled, and it is passed: in many draws the judge is at chance.
    rows = cells("a", 1, 1, 1, 20) + cells("b", -4, -4, -4, -60)
    for row in rows:
        if row["human_hallucinated"] is not None:
            row["review_weight"] = 1.0 if row["hallucination_score"] else 40.0
    found = compare(rows, by=(), bootstrap=500).judge.labelled
    for corrected in found.corrected.values():
        assert (corrected.corrected_rate.low, corrected.corrected_rate.high) == (0.0, 1.0)
    # A heavy miss is one label, however much it weighs: the interval is not that of its weight.
    assert found.sensitivity.value == pytest.approx(1 / 41)
    assert found.sensitivity.high > 0.2


def test_no_miss_among_few_labels_is_no_proof_of_none():
    # 30 rightly flagged of weight 1, none missed among 30 passed of weight 50.
    rows = cells("a", 30, 0, 0, 30) + [
        {**row, "id": f"more-{row['id']}", "passage_id": f"more-{row['id']}"}
        for row in cells("a", 0, 0, 0, -1470)
    ]
    for row in rows:
        if row["human_hallucinated"] is not None:
            row["review_weight"] = 1.0 if row["hallucination_score"] else 50.0
    found = compare(rows, by=(), bootstrap=2000).judge.labelled
    # By Jeffreys up to 8% of 1500 answers are missed, against 30 flagged ones.
    missed = stats.beta.ppf(0.975, 0.5, 30.5)
    assert found.sensitivity.low == pytest.approx(30 / (30 + 1500 * missed), abs=0.04)
    assert found.sensitivity.high == 1.0


def test_false_alarms_without_labels():
    rows = [
        {"arm": arm, "id": str(i), "answer": answer, "human_answer": "salt"}
        | {"hallucination_score": score}
        for arm, answer, scores in (
            ("rag4rag", "Salt", [0.9, 0.1, 0.1, 0.1]),
            ("human", "salt", [0.9, 0.9, 0.0, 0.0]),
        )
        for i, score in enumerate(scores)
    ]
    found = compare(rows, bootstrap=200, by=())
    assert list(found.arms) == ["rag4rag"]  # the human answers are no arm
    assert (found.judge.human_answers.rows, found.judge.human_answers.flagged) == (4, 2)
    assert found.judge.human_answers.rate.value == 0.5
    assert (found.judge.right_answers.rows, found.judge.right_answers.flagged) == (4, 1)


def test_equal_settings_give_equal_draws():
    same = Resampling(300, 7, 0.9)
    columns = (np.arange(12.0), np.ones(12))
    a, b = (same.of(list("aabbccddeeff")).means({"m": columns})["m"] for _ in range(2))
    assert a == b
    wider = Resampling(300, 7, 0.99).of(list("aabbccddeeff")).means({"m": columns})["m"]
    assert wider.low < a.low < a.value < a.high < wider.high
    assert ratio(np.array([[1.0, 4.0], [3.0, 4.0]])).tolist() == [0.25, 0.75]
