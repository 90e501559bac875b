"""Questions with their hard negatives, as sentence-transformers trains on them."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import pyarrow as pa

#: Pairs of question and passage -> a score for each, such as the `predict` of a CrossEncoder.
Teacher = Callable[[list[tuple[str, str]]], Sequence[float]]


class Mined(NamedTuple):
    """A question, the passage that answers it, and passages that do not, the hardest first.

    `scores` are those of the positive and of each negative; None where they are not known.
    """

    anchor: str
    positive: str
    negatives: list[str]
    scores: list[float] | None = None


def triplets(rows: Sequence[Mined]) -> pa.Table:
    """`anchor`, `positive`, `negative`: a row for each negative."""
    each = [(row, negative) for row in rows for negative in row.negatives]
    return pa.table(
        {
            "anchor": _texts(row.anchor for row, _ in each),
            "positive": _texts(row.positive for row, _ in each),
            "negative": _texts(negative for _, negative in each),
        }
    )


def tuples(rows: Sequence[Mined], count: int) -> pa.Table:
    """`anchor`, `positive`, `negative_1` to `negative_<count>`: rows with so many negatives."""
    enough = [row for row in rows if len(row.negatives) >= count]
    columns = {
        "anchor": _texts(row.anchor for row in enough),
        "positive": _texts(row.positive for row in enough),
    }
    for n in range(count):
        columns[f"negative_{n + 1}"] = _texts(row.negatives[n] for row in enough)
    return pa.table(columns)


def scored_tuples(rows: Sequence[Mined], count: int) -> pa.Table:
    """As `tuples`, with `score`, the scores of the positive and of each negative.

    This is the label of `MarginMSELoss` and `DistillKLDivLoss`.
    """
    scored = [row for row in rows if row.scores and len(row.negatives) >= count]
    scores = [list(row.scores or ())[: count + 1] for row in scored]
    label = pa.array(scores, pa.list_(pa.float64()))
    return tuples(scored, count).append_column("score", label)


def with_teacher(rows: Sequence[Mined], teacher: Teacher) -> list[Mined]:
    """The rows with the teacher's scores."""
    pairs = [(row.anchor, text) for row in rows for text in (row.positive, *row.negatives)]
    scores = iter([float(score) for score in teacher(pairs)] if pairs else [])
    return [row._replace(scores=[next(scores) for _ in (0, *row.negatives)]) for row in rows]


def best_count(rows: Sequence[Mined]) -> int:
    """How many negatives per question make the file with the most of them; 0 if there are none."""
    sizes = Counter(len(row.negatives) for row in rows)
    held = {
        count: count * sum(rows for size, rows in sizes.items() if size >= count) for count in sizes
    }
    return max(held, key=lambda count: (held[count], count), default=0)


def _texts(values: object) -> pa.Array:
    return pa.array(list(values), pa.string())  # type: ignore[call-overload]
