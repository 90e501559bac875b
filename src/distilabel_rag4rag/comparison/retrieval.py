"""How well the passages were found, and what it costs to miss."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from distilabel_rag4rag.comparison.statistics import ClusterBootstrap, Estimate, Resampling
from distilabel_rag4rag.schema import REPAIRED


@dataclass(frozen=True)
class RetrievalResult:
    """Retrieval of one arm, over all its rows that name a source passage.

    Attributes:
        k: the most passages that a row got.
        hit_rate: rows whose own passage is among the retrieved.
        mrr: mean of 1 / rank of the own passage; a miss counts 0.
        hit_rate_at: the hit rate among the first n, under `hit_at_n`.
        hit, miss: what became of the answers of rows with and without their own passage.
    """

    arm: str
    rows: int
    k: int
    hits: int
    hit_rate: Estimate
    mrr: Estimate
    hit_rate_at: dict[str, Estimate]
    hit: dict[str, Any]
    miss: dict[str, Any]


def measure_retrieval(
    table: pd.DataFrame, resampling: Resampling, *, prefer: str
) -> RetrievalResult | None:
    """Retrieval of the arm `prefer`, or of the first arm that retrieved; None where none did."""
    retrieved = table[table["retrieved_ids"].map(_is_list) & (table["arm"] != REPAIRED)]
    if retrieved.empty:
        return None
    arms = list(dict.fromkeys(retrieved["arm"]))
    arm = prefer if prefer in arms else arms[0]
    rows = table[(table["arm"] == arm) & table["passage_id"].notna()]
    if rows.empty:
        return None
    rank = _ranks(rows)
    found, every = rank.notna(), rank.notna() | rank.isna()
    k = max((len(ids) for ids in rows["retrieved_ids"] if _is_list(ids)), default=0)
    bootstrap = resampling.of(rows["cluster"])
    shown = [n for n in (1, 3, 5, 10, 20, 50, 100) if n < k] + [k]
    rates = bootstrap.rates(
        {"hit": (found, every), "mrr": ((1 / rank).fillna(0.0), every)}
        | {f"hit_at_{n}": (rank <= n, every) for n in shown}
    )
    return RetrievalResult(
        arm=arm,
        rows=len(rows),
        k=k,
        hits=int(found.sum()),
        hit_rate=rates.pop("hit"),
        mrr=rates.pop("mrr"),
        hit_rate_at=rates,
        hit=_given(rows, found, bootstrap),
        miss=_given(rows, ~found, bootstrap),
    )


def _given(rows: pd.DataFrame, which: pd.Series, bootstrap: ClusterBootstrap) -> dict[str, Any]:
    r = rows
    counts: dict[str, Any] = {
        "rows": int(which.sum()),
        "judged": int((r["judged"] & which).sum()),
        "hallucinated": int((r["flagged"] & which).sum()),
    }
    return counts | bootstrap.rates(
        {
            "hallucination_rate": (r["flagged"] & which, r["judged"] & which),
            "abstained_rate": (r["abstained"] & which, which),
            "exact_match": (r["exact"].where(which, 0.0), r["human"] & which),
            "f1": (r["f1"].where(which, 0.0), r["human"] & which),
        }
    )


def _ranks(rows: pd.DataFrame) -> pd.Series:
    """1-based ranks of the rows' own passages, NaN for a miss; from the ids where not given."""
    given = pd.to_numeric(rows["source_rank"], errors="coerce").astype(float)
    if given.notna().any():
        return given
    return pd.Series(
        [
            _rank(ids, own)
            for ids, own in zip(rows["retrieved_ids"], rows["passage_id"], strict=True)
        ],
        index=rows.index,
        dtype=float,
    )


def _rank(ids: Sequence[str] | None, own: str) -> float:
    ids = [str(i) for i in ids] if _is_list(ids) else []  # type: ignore[union-attr]
    return ids.index(own) + 1.0 if own in ids else float("nan")


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple | np.ndarray)
