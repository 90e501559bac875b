"""Rows in, one table out, in which every row has exactly one outcome."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa

from distilabel_rag4rag.comparison.column_types import typed
from distilabel_rag4rag.schema import BY_NAME


class HasToPandas(Protocol):
    """A `datasets.Dataset`, an Arrow table and their like."""

    def to_pandas(self) -> Any: ...


Rows: TypeAlias = pd.DataFrame | HasToPandas | Sequence[Mapping[str, Any]]

#: What became of a row; every row is exactly one of these.
OUTCOMES = ("grounded", "flagged", "unjudged", "abstained", "failed")

#: The arms in the order in which they are told; others follow by name.
ARM_ORDER = ("zero_shot", "gold_context", "rag4rag", "published")

#: Share of the human answer's words, as F1, from which an answer counts as right.
RIGHT_F1 = 0.5


#: The column of human labels: True where a person calls the answer hallucinated.
LABEL = "human_hallucinated"

#: How many rows a labelled row stands for: one over the chance with which it was drawn. Without
#: the column all stand for as many; None: the row was not drawn at random.
WEIGHT = "review_weight"


#: The column of ties: True where as many people say hallucinated as not.
TIE = "gold_tie"


def as_table(
    rows: Rows, *, columns: Mapping[str, str | None] | None = None, arm: str | None = None
) -> pd.DataFrame:
    """One table with our columns, sorted by arm and id, whatever the order of the rows.

    Args:
        rows: one row per question and arm: a DataFrame, a Dataset or dicts.
        columns: our name -> the name in `rows`, for data of other origin; None: not used.
        arm: the arm of all rows, for data without the column.

    Raises:
        ValueError: if there are no rows, a needed column is missing, a value does not fit its
            column, or an id comes twice.
    """
    table = _frame(rows)
    ours_all = {*BY_NAME, LABEL, WEIGHT}
    if unknown := sorted((columns or {}).keys() - ours_all):
        raise ValueError(f"columns: found {unknown}, expected some of {sorted(ours_all)}")
    for ours, theirs in (columns or {}).items():
        if theirs is None:
            table = table.drop(columns=ours, errors="ignore")
            continue
        if theirs not in table:
            raise ValueError(
                f"columns: {ours!r} is mapped to {theirs!r}, which is not a column; "
                f"found {sorted(map(str, table.columns))}"
            )
        table[ours] = table[theirs]
    if arm is not None:
        table["arm"] = arm
    if "id" not in table and "question" in table:
        table["id"] = table["question"]
    if missing := [name for name in ("arm", "id", "answer") if name not in table]:
        raise ValueError(
            f"rows: columns {missing} are missing; found {sorted(map(str, table.columns))}; "
            "map others with columns={'answer': 'their_name'} or name the arm with arm='…'"
        )
    if table.empty:
        raise ValueError("rows: found none, expected at least one per arm")
    if "passage_id" not in table:
        table["passage_id"] = table["context"] if "context" in table else table["id"]
    table = typed(table)
    if "hallucination_score" not in table and "hallucinated_spans" in table:
        table["hallucination_score"] = table["hallucinated_spans"].map(_largest_confidence)
    for name in BY_NAME:
        if name not in table:
            table[name] = None
    # The human answer belongs to the question, whichever arm's rows carry it.
    known = table["human_answer"].where(table["human_answer"].map(_has_text))
    table["human_answer"] = known.fillna(known.groupby(table["id"]).transform("first"))
    table["human_answer"] = (
        table["human_answer"].astype(object).where(table["human_answer"].notna(), None)
    )
    return _sorted(table)


def arm_names(table: pd.DataFrame) -> list[str]:
    """The arms in the order in which they are told."""
    return sorted(table["arm"].unique(), key=_arm_rank)


def mark_outcomes(table: pd.DataFrame, threshold: float, right_f1: float) -> pd.DataFrame:
    """Add what is counted: `outcome`, booleans, EM and F1, and the cluster of each row."""
    from distilabel_rag4rag.comparison.metrics import squad_scores

    abstained = table["abstained"] == True  # noqa: E712
    score = table["hallucination_score"].astype(float)
    answered = table["answer"].map(_has_text).astype(bool) & ~abstained
    judged = answered & score.notna()
    flagged = judged & (score >= threshold)
    human = table["human_answer"].map(_has_text).astype(bool)
    exact, f1 = squad_scores(
        [answer if ok else None for answer, ok in zip(table["answer"], answered, strict=True)],
        [truth if ok else None for truth, ok in zip(table["human_answer"], human, strict=True)],
    )
    return table.assign(
        answered=answered,
        abstained=abstained,
        failed=~answered & ~abstained,
        judged=judged,
        unjudged=answered & ~judged,
        flagged=flagged,
        grounded=judged & ~flagged,
        outcome=np.select(
            [flagged, judged, answered, abstained],
            ["flagged", "grounded", "unjudged", "abstained"],
            default="failed",
        ),
        score=score,
        human=human,
        exact=exact,
        f1=f1,
        right=human & (f1 >= right_f1),
        label=_labels(table),
        tie=typed(table, {TIE: pa.bool_()})[TIE] == True if TIE in table else False,  # noqa: E712
        weight=typed(table, {WEIGHT: pa.float64()})[WEIGHT].astype(float)
        if WEIGHT in table
        else 1.0,
        words=[
            len(a.split()) if ok else 0 for a, ok in zip(table["answer"], answered, strict=True)
        ],
        # A row without a passage is a cluster of its own.
        cluster=table["passage_id"].where(table["passage_id"].notna(), "id:" + table["id"]),
    )


def add_labels(table: pd.DataFrame, labels: Rows) -> pd.DataFrame:
    """Put human labels from another table (`id`, `arm`, `human_hallucinated`) beside the rows.

    With them their `review_weight` and `gold_tie`, where there are any.

    Raises:
        ValueError: if a column is missing or a label belongs to no row.
    """
    given = _frame(labels)
    if missing := [name for name in ("arm", "id", LABEL) if name not in given]:
        raise ValueError(f"labels: columns {missing} are missing; found {list(given.columns)}")
    kinds = {"arm": pa.string(), "id": pa.string(), LABEL: pa.bool_(), TIE: pa.bool_()}
    kinds |= {WEIGHT: pa.float64()}
    given = typed(given, {name: kind for name, kind in kinds.items() if name in given})
    if given[["arm", "id"]].isna().any(axis=None):
        raise ValueError("labels: `arm` and `id` must be set in every row; found None")
    names = [name for name in (LABEL, TIE, WEIGHT) if name in given]
    by_row = given.set_index(["arm", "id"])[names]
    if len(twice := by_row.index[by_row.index.duplicated()]):
        raise ValueError(
            f"labels: arm and id {twice[0]} come more than once, expected one label per answer"
        )
    index = pd.MultiIndex.from_frame(table[["arm", "id"]])
    if strange := sorted(set(by_row.index) - set(index)):
        raise ValueError(
            f"labels: {len(strange)} belong to no row, the first to arm and id {strange[0]}"
        )
    found = by_row.reindex(index)
    return table.assign(**{name: found[name].to_numpy() for name in names})


def published_arm(table: pd.DataFrame, *, baseline: str, candidate: str) -> pd.DataFrame:
    """The published procedure: the baseline's rows, the flagged ones replaced by the candidate's.

    Every row of the baseline counts. A flagged row that the candidate does not have stays.
    Takes and returns rows of `mark_outcomes`; `published_from` says which arm a row is from.
    """
    kept = table[table["arm"] == baseline].set_index("id", drop=False)
    new = table[table["arm"] == candidate].set_index("id", drop=False)
    replaced = kept.index[kept["flagged"]].intersection(new.index)
    rows = pd.concat([kept.drop(index=replaced), new.loc[replaced]])
    return rows.assign(published_from=rows["arm"], arm="published").sort_index()


def _frame(rows: Any) -> pd.DataFrame:
    """A table of its own, whose index says nothing."""
    if isinstance(rows, pd.DataFrame):
        return rows.reset_index(drop=True)
    return rows.to_pandas() if hasattr(rows, "to_pandas") else pd.DataFrame(list(rows))


def _sorted(table: pd.DataFrame) -> pd.DataFrame:
    if table["arm"].isna().any() or table["id"].isna().any():
        raise ValueError("rows: `arm` and `id` must be set in every row; found None")
    twice = table[table.duplicated(["arm", "id"])]
    if len(twice):
        first = twice.iloc[0]
        raise ValueError(
            f"rows: id {first['id']!r} comes more than once in arm {first['arm']!r} "
            f"({len(twice)} such rows); expected one row per question and arm"
        )
    rank = {arm: i for i, arm in enumerate(arm_names(table))}
    order = table.assign(_rank=table["arm"].map(rank)).sort_values(["_rank", "id"]).index
    return table.loc[order].reset_index(drop=True)


def _arm_rank(arm: str) -> tuple[int, str]:
    return (ARM_ORDER.index(arm) if arm in ARM_ORDER else len(ARM_ORDER), arm)


def _labels(table: pd.DataFrame) -> pd.Series:
    """True, False or None per row."""
    if LABEL not in table:
        return pd.Series(None, index=table.index, dtype=object)
    return typed(table, {LABEL: pa.bool_()})[LABEL]


def _has_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _largest_confidence(spans: Any) -> float | None:
    return None if spans is None else max((span["confidence"] for span in spans), default=0.0)
