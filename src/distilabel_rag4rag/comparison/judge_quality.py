"""How well a judge tells supported answers from others, on answers with labels."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distilabel_rag4rag.comparison.statistics import Estimate, Floats, Resampling, Statistic
from distilabel_rag4rag.data.judge_labels import LabelledAnswer, Span

#: The kind that holds all supported or all unsupported answers.
ALL = "all"


@dataclass(frozen=True)
class Verdicts:
    """What a judge says of labelled answers, in their order.

    Attributes:
        judge: its name.
        scores: the higher, the less supported; NaN where it could not judge.
        flagged: whether it flags them, None for a judge without a threshold.
        spans: what it takes for unsupported, None for a judge without spans.
        failed: how many it could not judge.
        reason: why not, of the first.
    """

    judge: str
    scores: Floats
    flagged: NDArray[np.bool_] | None = None
    spans: Sequence[Sequence[Span]] | None = None
    failed: int = 0
    reason: str | None = None


@dataclass(frozen=True)
class KindQuality:
    """A judge on one kind of answer.

    Attributes:
        kind: its name; "all" are all of them.
        unsupported: whether they are.
        rows: how many were judged.
        questions: about how many questions they are; intervals resample these.
        flagged: the share that is flagged: false alarms among supported answers, what is caught
            among unsupported ones.
        auroc: how often an unsupported answer has a higher score than a supported one.
        precision: of the flagged ones of this kind and of the supported ones beside it.
        span_precision, span_recall, span_f1: over characters of unsupported answers of which it is
            known what is wrong.
    """

    kind: str
    unsupported: bool
    rows: int
    questions: int
    flagged: Estimate | None = None
    auroc: Estimate | None = None
    precision: Estimate | None = None
    span_precision: float | None = None
    span_recall: float | None = None
    span_f1: float | None = None


def measure_quality(
    answers: Sequence[LabelledAnswer], verdicts: Verdicts, resampling: Resampling
) -> list[KindQuality]:
    """Per kind of answers, supported kinds first; the last two are of all together.

    Answers with weights, where all have one, count with them.
    """
    judged = [n for n in range(len(answers)) if np.isfinite(verdicts.scores[n])]
    kinds: dict[tuple[bool, str], list[int]] = {}
    for unsupported in (False, True):
        for n in judged:
            if answers[n].unsupported == unsupported:
                kinds.setdefault((unsupported, answers[n].kind), []).append(n)
    for unsupported in (False, True):
        every = [n for n in judged if answers[n].unsupported == unsupported]
        if every:
            kinds[unsupported, ALL] = every
    right = kinds.get((False, ALL), [])
    found = []
    for (unsupported, kind), rows in kinds.items():
        beside: list[int] = []
        if unsupported:
            against = answers[rows[0]].against or kind
            beside = right if kind == ALL else kinds.get((False, against), right)
        found.append(_measure(answers, verdicts, kind, rows, beside, resampling))
    return found


def auroc(scores: Floats, unsupported: NDArray[np.bool_]) -> Statistic:
    """The area under the ROC curve as a function of how much each row counts; ties count half."""
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(scores[order]) > 0])
    wrong = unsupported[order]

    def area(counts: Floats) -> Floats:
        counts = counts[..., order]
        above = np.add.reduceat(counts * wrong, starts, axis=-1)
        other = np.add.reduceat(counts * ~wrong, starts, axis=-1)
        below = np.cumsum(other, axis=-1) - other / 2
        found: Floats = (above * below).sum(-1) / (above.sum(-1) * other.sum(-1))
        return found

    return area


def weights_of(answers: Sequence[LabelledAnswer]) -> Floats:
    """The answers' weights, 1.0 where not all have one."""
    given = [answer.weight for answer in answers]
    return np.array([1.0 if None in given else w for w in given], dtype=float)


def weighted(statistic: Statistic, weights: Floats) -> Callable[[Floats], Floats]:
    """The statistic with every row's count times its weight."""
    return lambda counts: statistic(counts * weights)


def _measure(
    answers: Sequence[LabelledAnswer],
    verdicts: Verdicts,
    kind: str,
    rows: list[int],
    beside: list[int],
    resampling: Resampling,
) -> KindQuality:
    chosen = [answers[n] for n in rows]
    weights = weights_of(answers)
    bootstrap = resampling.of([answer.cluster for answer in chosen])
    figures: dict[str, Any] = {}
    if verdicts.flagged is not None:
        flags, counts = verdicts.flagged[rows], weights[rows]
        figures["flagged"] = bootstrap.rates({"rate": (flags * counts, counts)})["rate"]
    if beside:
        both = rows + beside
        wide = resampling.of([answers[n].cluster for n in both])
        wrong = np.array([answers[n].unsupported for n in both])
        area = weighted(auroc(verdicts.scores[both], wrong), weights[both])
        figures["auroc"] = wide.of_rows(area)
        if verdicts.flagged is not None:
            drawn = verdicts.flagged[both] * weights[both]
            figures["precision"] = wide.rates({"rate": (drawn * wrong, drawn)})["rate"]
    if chosen[0].unsupported and verdicts.spans is not None:
        known = [n for n in rows if answers[n].spans is not None]
        if known:
            figures |= _spans([(answers[n].spans or (), verdicts.spans[n]) for n in known])
    return KindQuality(kind, chosen[0].unsupported, len(rows), bootstrap.clusters, **figures)


def _spans(pairs: Sequence[tuple[Sequence[Span], Sequence[Span]]]) -> dict[str, float | None]:
    """Precision, recall and F1 over characters."""
    hit = given = true = 0
    for wrong, found in pairs:
        first, second = ({n for a, b in spans for n in range(a, b)} for spans in (wrong, found))
        hit, given, true = hit + len(first & second), given + len(second), true + len(first)
    precision = hit / given if given else None
    recall = hit / true if true else None
    f1 = 2 * hit / (given + true) if given + true else None
    return {"span_precision": precision, "span_recall": recall, "span_f1": f1}
