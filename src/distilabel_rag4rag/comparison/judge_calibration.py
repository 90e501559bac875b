"""What a judge's score means on answers with labels: a threshold, and a probability."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from distilabel_rag4rag.comparison.judge_quality import auroc, weighted, weights_of
from distilabel_rag4rag.comparison.statistics import Estimate, Floats, Resampling, Statistic
from distilabel_rag4rag.data.judge_labels import LabelledAnswer
from distilabel_rag4rag.errors import ConfigError

#: Thresholds are given with so many digits.
DIGITS = 4
FOLDS = 5
BINS = 5


@dataclass(frozen=True)
class Bin:
    """Answers with scores in one range."""

    low: float
    high: float
    rows: int
    mean_score: float
    share_unsupported: float


@dataclass(frozen=True)
class Calibration:
    """A judge's scores against labels.

    Attributes:
        rows, supported, unsupported: how many labelled answers were judged.
        questions: about how many questions they are; intervals resample these.
        weighted: whether the answers count with weights.
        wanted: the wanted rate of false alarms.
        threshold: the lowest score from which on no larger share of the supported answers lies,
            with four digits; 1.0 where no threshold is high enough.
        false_alarms: the share of these supported answers that have it or a higher score.
        false_alarms_elsewhere: the same where the threshold is chosen on other questions than
            those that it is tried on (five folds): what to expect of new answers. None for fewer
            than five questions with supported answers.
        caught: the share of the unsupported answers that have it or a higher score.
        auroc: how often an unsupported answer has a higher score than a supported one.
        slope, offset: of Platt's scaling: the probability that an answer is unsupported is
            1 / (1 + exp(-(slope * logit(score) + offset))), among answers with as many
            unsupported ones as here. None where the labels are all alike.
        even: the score from which on an answer is more likely unsupported than not.
        reliability: scores as they are, in bins.
        reliability_scaled: after Platt's scaling, fitted on other questions.
    """

    rows: int
    supported: int
    unsupported: int
    questions: int
    weighted: bool
    wanted: float
    threshold: Estimate
    false_alarms: Estimate
    false_alarms_elsewhere: float | None
    caught: Estimate
    auroc: Estimate
    slope: float | None
    offset: float | None
    even: float | None
    reliability: list[Bin]
    reliability_scaled: list[Bin]

    @property
    def is_kept(self) -> bool:
        """Whether the wanted rate of false alarms is kept; scores end at 1."""
        return (self.false_alarms.value or 0.0) <= self.wanted + 1e-9


def calibrate(
    answers: Sequence[LabelledAnswer], scores: Floats, wanted: float, resampling: Resampling
) -> Calibration:
    """Finds the threshold for a rate of false alarms, and what a score is worth.

    Args:
        answers: with labels.
        scores: the judge's, in [0, 1]; NaN where it could not judge.
        wanted: the share of supported answers that may be flagged, in [0, 1).

    Raises:
        ConfigError: if no supported answer was judged.
    """
    judged = np.isfinite(scores)
    weights = weights_of(answers)[judged]
    scores = scores[judged]
    kept = [answer for answer, is_judged in zip(answers, judged, strict=True) if is_judged]
    wrong = np.array([answer.unsupported for answer in kept], dtype=bool)
    clusters = np.array([answer.cluster for answer in kept], dtype=object)
    if not len(kept) or wrong.all():
        raise ConfigError(
            "labels",
            f"{len(kept)} judged answers, none of them supported",
            "supported answers too: false alarms are counted among them",
        )
    right = ~wrong
    is_weighted = bool(np.ptp(weights) > 0)
    of_right = resampling.of(clusters[right])
    lowest = weighted(threshold_for(scores[right], wanted), weights[right])
    found = of_right.of_rows(lowest)
    threshold = Estimate(
        *(None if x is None else _next(x) for x in (found.value, found.low, found.high))
    )
    above = (scores >= (threshold.value or 0.0)) * weights
    caught, area = Estimate(), Estimate()
    if wrong.any():
        of_wrong = resampling.of(clusters[wrong])
        caught = of_wrong.rates({"rate": (above[wrong], weights[wrong])})["rate"]
        area = resampling.of(clusters).of_rows(weighted(auroc(scores, wrong), weights))
    slope, offset = platt(scores, wrong, weights)
    scaled = _scaled_elsewhere(scores, wrong, weights, clusters)
    return Calibration(
        rows=len(kept),
        supported=int(right.sum()),
        unsupported=int(wrong.sum()),
        questions=len(set(clusters)),
        weighted=is_weighted,
        wanted=wanted,
        threshold=threshold,
        false_alarms=of_right.rates({"rate": (above[right], weights[right])})["rate"],
        false_alarms_elsewhere=_elsewhere(scores[right], weights[right], clusters[right], wanted),
        caught=caught,
        auroc=area,
        slope=slope,
        offset=offset,
        even=_even(slope, offset),
        reliability=bins(scores, wrong, weights),
        reliability_scaled=[] if scaled is None else bins(scaled, wrong, weights),
    )


def threshold_for(scores: Floats, wanted: float) -> Statistic:
    """The lowest of the scores above which at most the wanted share of them lies, as a function of
    how much each row counts."""
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    ends = np.r_[np.flatnonzero(np.diff(ordered) > 0), len(ordered) - 1]

    def lowest(counts: Floats) -> Floats:
        upto = np.cumsum(counts[..., order], axis=-1)
        above = 1 - upto[..., ends] / upto[..., -1:]
        return ordered[ends][np.argmax(above <= wanted + 1e-12, axis=-1)]

    return lowest


def platt(
    scores: Floats, unsupported: NDArray[np.bool_], weights: Floats
) -> tuple[float, float] | tuple[None, None]:
    """Slope and offset on the logit of the score; None where the labels are all alike."""
    if unsupported.all() or not unsupported.any():
        return None, None
    model = LogisticRegression(C=1e6, max_iter=1000)
    model.fit(_logit(scores)[:, None], unsupported, sample_weight=weights)
    return float(model.coef_[0, 0]), float(model.intercept_[0])


def probability(scores: Floats, slope: float, offset: float) -> Floats:
    """Platt's scaling of scores."""
    found: Floats = 1 / (1 + np.exp(-(slope * _logit(scores) + offset)))
    return found


def bins(scores: Floats, unsupported: NDArray[np.bool_], weights: Floats) -> list[Bin]:
    """Scores in ranges of equal width; those without answers are left out."""
    places = np.minimum((scores * BINS).astype(int), BINS - 1)
    found = []
    for place in np.unique(places):
        inside = places == place
        counts = weights[inside]
        found.append(
            Bin(
                low=place / BINS,
                high=(place + 1) / BINS,
                rows=int(inside.sum()),
                mean_score=float(np.average(scores[inside], weights=counts)),
                share_unsupported=float(np.average(unsupported[inside], weights=counts)),
            )
        )
    return found


def _logit(scores: Floats) -> Floats:
    inside = np.clip(scores, 1e-6, 1 - 1e-6)
    found: Floats = np.log(inside / (1 - inside))
    return found


def _next(score: float) -> float:
    """The next higher threshold: an answer is flagged from the threshold on, not only above it."""
    return float(min(1.0, (np.floor(round(score * 10**DIGITS, 6)) + 1) / 10**DIGITS))


def _even(slope: float | None, offset: float | None) -> float | None:
    if slope is None or offset is None or slope <= 0:
        return None
    return float(1 / (1 + np.exp(offset / slope)))


def _elsewhere(
    scores: Floats, weights: Floats, clusters: NDArray[np.object_], wanted: float
) -> float | None:
    if len(set(clusters)) < FOLDS:
        return None
    above = np.zeros(len(scores))
    for fitted, tried in GroupKFold(FOLDS).split(scores, groups=clusters):
        threshold = _next(float(threshold_for(scores[fitted], wanted)(weights[fitted])))
        above[tried] = scores[tried] >= threshold
    return float(np.average(above, weights=weights))


def _scaled_elsewhere(
    scores: Floats, unsupported: NDArray[np.bool_], weights: Floats, clusters: NDArray[np.object_]
) -> Floats | None:
    """Platt's scaling of each answer, fitted on other questions; None for too few labels."""
    if len(set(clusters)) < FOLDS:
        return None
    scaled = np.zeros(len(scores))
    for fitted, tried in GroupKFold(FOLDS).split(scores, groups=clusters):
        slope, offset = platt(scores[fitted], unsupported[fitted], weights[fitted])
        if slope is None or offset is None:
            return None
        scaled[tried] = probability(scores[tried], slope, offset)
    return scaled
