"""A judge held against labels: figures against scikit-learn, brute force and by hand."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from distilabel_rag4rag.comparison.judge_calibration import bins, calibrate
from distilabel_rag4rag.comparison.judge_quality import Verdicts, auroc, measure_quality
from distilabel_rag4rag.comparison.statistics import ClusterBootstrap, Estimate, Resampling
from distilabel_rag4rag.data.judge_labels import LabelledAnswer
from distilabel_rag4rag.errors import ConfigError


def answer(
    question: str, unsupported: bool, kind: str = "answer", **more: object
) -> LabelledAnswer:
    return LabelledAnswer(kind, ("Evidence.",), question, "0123456789", unsupported, **more)  # type: ignore[arg-type]


def test_the_area_is_scikit_learns_with_weights_and_ties() -> None:
    rng = np.random.default_rng(0)
    scores, wrong = rng.integers(0, 8, 60) / 8, rng.random(60) < 0.4
    counts = rng.integers(0, 4, (5, 60)).astype(float)
    expected = [roc_auc_score(wrong, scores, sample_weight=row) for row in counts]
    assert auroc(scores, wrong)(counts) == pytest.approx(expected)


def test_a_statistic_of_rows_has_the_interval_of_the_same_one_of_sums() -> None:
    rng = np.random.default_rng(1)
    clusters = rng.integers(0, 70, 200)
    hits, all_ = (rng.random(200) < 0.3).astype(float), np.ones(200)
    bootstrap = ClusterBootstrap(clusters, samples=500)
    found = bootstrap.of_rows(lambda counts: (counts * hits).sum(-1) / counts.sum(-1))
    expected = bootstrap.means({"rate": (hits, all_)})["rate"]
    assert (found.value, found.low, found.high) == pytest.approx(
        (expected.value, expected.low, expected.high)
    )


def test_kinds_are_set_against_what_they_were_made_from() -> None:
    answers = [
        answer("a", False, "phrase", spans=()),
        answer("b", False, "phrase", spans=()),
        answer("a", False, "sentence", spans=()),
        answer("a", True, "invented", against="phrase", spans=((0, 4),)),
        answer("b", True, "invented", against="phrase"),
        answer("a", True, "sentence", spans=((2, 6),)),
        answer("c", True, "unlike"),
    ]
    verdicts = Verdicts(
        "judge",
        scores=np.array([0.1, 0.6, 0.9, 0.8, 0.3, 0.2, np.nan]),
        flagged=np.array([False, True, True, True, False, False, False]),
        spans=[(), (), (), ((2, 8),), ((0, 9),), (), ()],
    )
    found = {
        (quality.unsupported, quality.kind): quality
        for quality in measure_quality(answers, verdicts, Resampling(samples=200))
    }
    assert list(found) == [
        (False, "phrase"),
        (False, "sentence"),
        (True, "invented"),
        (True, "sentence"),
        (False, "all"),
        (True, "all"),
    ]

    def values(*key: object) -> list[float | None]:
        quality = found[key]  # type: ignore[index]
        estimates = (quality.flagged, quality.auroc, quality.precision)
        return [estimate and estimate.value for estimate in estimates]

    assert values(False, "phrase") == [0.5, None, None]
    assert values(False, "all") == [pytest.approx(2 / 3), None, None]
    assert values(True, "invented") == [0.5, 0.75, 0.5]
    assert values(True, "sentence") == [0.0, 0.0, 0.0]
    # Of 9 pairs 0.8 is above two scores, 0.3 and 0.2 above one each.
    assert values(True, "all") == [pytest.approx(1 / 3), pytest.approx(4 / 9), pytest.approx(1 / 3)]
    invented = found[True, "invented"]
    assert (invented.rows, invented.questions) == (2, 2)
    assert invented.span_precision == pytest.approx(2 / 6)  # of the one whose spans are known
    assert invented.span_recall == pytest.approx(2 / 4)
    assert invented.span_f1 == pytest.approx(2 * 2 / 10)
    assert found[True, "sentence"].span_f1 == 0.0


def test_a_kind_without_supported_answers_is_set_against_all_of_them() -> None:
    answers = [answer("a", False, "x"), answer("b", False, "y"), answer("c", True, "z")]
    verdicts = Verdicts("judge", np.array([0.1, 0.5, 0.4]), np.array([False] * 3))
    [*_, last] = [q for q in measure_quality(answers, verdicts, Resampling()) if q.kind == "z"]
    assert last.auroc == Estimate(0.5, *_interval_of(last.auroc))


def _interval_of(estimate: Estimate | None) -> tuple[float | None, float | None]:
    assert estimate is not None
    return estimate.low, estimate.high


@pytest.mark.parametrize(
    ("wanted", "threshold", "flagged"),
    [(0.0, 1.0, 0.05), (0.05, 0.9501, 0.05), (0.12, 0.9001, 0.1)],
)
def test_the_threshold_is_the_lowest_that_flags_no_more_than_wanted(
    wanted: float, threshold: float, flagged: float
) -> None:
    answers = [answer(str(n), False) for n in range(20)]
    answers += [answer(str(n), True) for n in range(4)]
    scores = np.r_[np.arange(1, 21) / 20, [0.2, 0.93, 0.97, 1.0]]
    found = calibrate(answers, scores, wanted, Resampling(samples=200))
    assert found.threshold.value == threshold
    assert found.is_kept == (flagged <= wanted)  # one of the supported has the score 1
    assert found.false_alarms.value == pytest.approx(flagged)
    assert found.caught.value == np.mean(scores[20:] >= threshold)
    assert found.threshold.low is None or found.threshold.low <= threshold
    assert (found.rows, found.supported, found.unsupported, found.questions) == (24, 20, 4, 20)


def test_weights_move_the_threshold() -> None:
    """The highest score stands for as many rows as all others together."""
    answers = [answer(str(n), False, weight=9.0 if n == 9 else 1.0) for n in range(10)]
    found = calibrate(answers, np.arange(1, 11) / 10, 0.4, Resampling(samples=100))
    assert found.weighted
    assert found.threshold.value == 1.0
    assert found.caught == Estimate()


def test_platt_scaling_makes_probabilities_of_scores() -> None:
    """Scores that say 0.9 where a half is wrong: drawn from a known curve."""
    rng = np.random.default_rng(0)
    margins = rng.normal(0, 2, 4000)
    wrong = rng.random(4000) < 1 / (1 + np.exp(-(1.5 * margins - 1)))
    answers = [answer(str(n), bool(is_wrong)) for n, is_wrong in enumerate(wrong)]
    found = calibrate(answers, 1 / (1 + np.exp(-margins)), 0.05, Resampling(samples=50))
    assert found.slope == pytest.approx(1.5, abs=0.15)
    assert found.offset == pytest.approx(-1, abs=0.15)
    assert found.even == pytest.approx(1 / (1 + np.exp(-1 / 1.5)), abs=0.03)
    off = [abs(one.mean_score - one.share_unsupported) for one in found.reliability]
    scaled = [abs(one.mean_score - one.share_unsupported) for one in found.reliability_scaled]
    assert max(scaled) < 0.06 < max(off)
    # A threshold that is chosen elsewhere flags about as many.
    assert found.false_alarms_elsewhere == pytest.approx(0.05, abs=0.01)


def test_bins_count_what_lies_in_them() -> None:
    scores = np.array([0.0, 0.19, 0.5, 1.0])
    found = bins(scores, np.array([False, True, True, True]), np.array([1.0, 3.0, 1.0, 1.0]))
    assert [(one.low, one.rows, one.mean_score, one.share_unsupported) for one in found] == [
        (0.0, 2, pytest.approx(0.1425), 0.75),
        (0.4, 1, 0.5, 1.0),
        (0.8, 1, 1.0, 1.0),
    ]


def test_without_supported_answers_there_is_no_threshold() -> None:
    with pytest.raises(ConfigError, match="none of them supported"):
        calibrate([answer("a", True)], np.array([0.5]), 0.05, Resampling())
