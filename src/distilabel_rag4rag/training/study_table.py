"""What training on each set of rows did for a retriever, and what the data did beyond placebos."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from distilabel_rag4rag.comparison.formatting import gain, number
from distilabel_rag4rag.comparison.rankings import smallest_difference
from distilabel_rag4rag.comparison.statistics import Estimate, Resampling, difference, ratio

#: The retrievers that are not trained.
AS_IT_WAS, BM25 = "as it was", "BM25"


@dataclass(frozen=True)
class StudyLine:
    """One set of rows, or a retriever that was not trained.

    Attributes:
        name, about: what it is.
        rows: rows that were trained on; None without training.
        seeds: trainings, whose figures are averaged query by query.
        is_data: whether it is what the study is about.
        ndcg: mean nDCG@10.
        by_seed: the same for each seed.
        gain: over the model as it was.
        over_placebo: of the data, over the best placebo.
    """

    name: str
    about: str
    rows: int | None
    seeds: int
    is_data: bool
    ndcg: Estimate
    by_seed: list[float]
    gain: Estimate | None = None
    over_placebo: Estimate | None = None


@dataclass(frozen=True)
class Measured:
    """nDCG@10 of each query, for each seed: what a line is made of."""

    name: str
    about: str
    rows: int | None
    scores: list[npt.NDArray[np.float64]]
    is_data: bool = False

    @property
    def mean(self) -> npt.NDArray[np.float64]:
        """Over the seeds."""
        return np.mean(self.scores, axis=0)


@dataclass(frozen=True)
class StudyTable:
    """One model on one set of queries.

    Attributes:
        title: model and set.
        lines: BM25, the model as it was, the data, the placebos.
        best_placebo: the one that the data is compared with; the model as it was, where no placebo
            is better.
        verdict: what may be claimed, in a sentence.
        smallest_difference: that the queries show between the data and the best placebo.
    """

    title: str
    lines: list[StudyLine]
    best_placebo: str
    verdict: str
    smallest_difference: float | None

    def table(self) -> list[StudyLine]:
        """The lines, for templates."""
        return self.lines

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def line(self, name: str) -> StudyLine:
        """The line of a name."""
        return next(line for line in self.lines if line.name == name)


def study_table(
    title: str, measured: Sequence[Measured], clusters: Sequence[str], seed: int = 0
) -> StudyTable:
    """Intervals and the verdict.

    Queries are resampled in clusters; seeds are averaged and not resampled, so that the intervals
    speak of other queries, not of other trainings.

    Args:
        title: of the table.
        measured: `AS_IT_WAS` among them, at least one of the data, and the placebos. The verdict is
            about the first of the data.
        clusters: of each query.
        seed: of the intervals.
    """
    found = {one.name: one for one in measured}
    trained = [one for one in measured if one.rows is not None]
    others = [found[AS_IT_WAS], *(one for one in trained if not one.is_data)]
    best = max(others, key=lambda one: float(one.mean.mean()))
    bootstrap = Resampling(seed=seed).of(clusters)
    ones = np.ones(len(clusters))

    def over(one: Measured, other: Measured) -> Estimate:
        columns = (other.mean, one.mean, ones)
        return bootstrap.estimates({"d": (difference, columns)})["d"]

    lines = [
        StudyLine(
            one.name,
            one.about,
            one.rows,
            0 if one.rows is None else len(one.scores),
            one.is_data,
            bootstrap.estimates({"m": (ratio, (one.mean, ones))})["m"],
            [float(scores.mean()) for scores in one.scores],
            over(one, found[AS_IT_WAS]) if one.rows is not None else None,
            over(one, best) if one.is_data else None,
        )
        for one in measured
    ]
    data = next(line for line in lines if line.is_data)
    smallest = smallest_difference(found[data.name].mean - best.mean, clusters)
    by_name = {line.name: line for line in lines}
    verdict = _verdict(data, by_name[best.name], smallest, by_name)
    return StudyTable(title, lines, best.name, verdict, smallest)


def _verdict(
    data: StudyLine, best: StudyLine, smallest: float | None, lines: Mapping[str, StudyLine]
) -> str:
    """Claims only the difference from the best placebo."""
    assert data.over_placebo is not None
    assert data.gain is not None
    change = gain(data.over_placebo)
    untrained = best.name == AS_IT_WAS
    trained = any(line.rows is not None and not line.is_data for line in lines.values())
    beaten = "which no placebo beats" if trained else "and no placebo was trained"
    placebo = f"the model as it was, {beaten}" if untrained else best.name
    gains = f"over the model as it was {data.name} gains {gain(data.gain)}"
    if best.gain is not None:
        gains += f", {best.name} {gain(best.gain)}"
    if not data.over_placebo.leaves_out_zero:
        than = placebo if untrained else f"a placebo, {placebo}"
        text = f"{data.name} gives no more than {than}: {change} nDCG@10"
        if smallest is not None:
            text += f"; these queries show a difference from {smallest:.3f} on"
    elif (data.over_placebo.value or 0) > 0:
        than = placebo if untrained else f"the best placebo, {placebo}"
        text = f"{data.name} gives {change} nDCG@10 more than {than}"
    else:
        text = f"{data.name} gives less than {placebo}: {change} nDCG@10"
    if not untrained:
        text += f". {gains[0].upper()}{gains[1:]}"
    bm25 = lines.get(BM25)
    if bm25 is not None and (bm25.ndcg.value or 0) > (data.ndcg.value or 0):
        text += f". BM25, without training, has {number(bm25.ndcg, digits=3, interval=False)}"
    return f"{text[0].upper()}{text[1:]}."
