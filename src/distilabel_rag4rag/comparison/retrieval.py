"""How well the passages were found, and what it costs to miss."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
import pandas as pd

from distilabel_rag4rag.comparison.statistics import ClusterBootstrap, Estimate, Resampling
from distilabel_rag4rag.data.duplicates import holds_source
from distilabel_rag4rag.schema import REPAIRED
from distilabel_rag4rag.utils.text import has_text

_RETRIEVED = ("retrieved_ids", "retrieved_contexts")


@dataclass(frozen=True)
class RetrievalResult:
    """Retrieval of one arm, over its rows whose own passage can be found.

    Attributes:
        rows: rows whose own passage is in the corpus: what the rates are shares of.
        left_out: rows whose own passage is not in the corpus, or that name none. They are no
            misses: a passage that is not there cannot be found.
        k: the most passages that a row got.
        hit_rate: rows whose own passage is among the retrieved; None where `rows` is 0.
        mrr: mean of 1 / rank of the own passage; a miss counts 0.
        hit_rate_at: the hit rate among the first n, under `hit_at_n`.
        hit, miss: what became of the answers of rows with and without their own passage.
    """

    arm: str
    rows: int
    left_out: int
    k: int
    hits: int
    hit_rate: Estimate
    mrr: Estimate
    hit_rate_at: dict[str, Estimate]
    hit: dict[str, Any]
    miss: dict[str, Any]

    def notes(self) -> list[str]:
        """What the figures leave out, as a sentence."""
        if not self.left_out:
            return []
        total = self.rows + self.left_out
        if not self.rows:
            return [
                f"{self.arm}: hit rate and MRR cannot be computed: none of {total} questions has "
                "a passage of the corpus to be found."
            ]
        return [
            f"{self.arm}: {self.left_out} of {total} questions have no passage of the corpus to be "
            f"found; hit rate and MRR are over the other {self.rows}."
        ]


def measure_retrieval(
    table: pd.DataFrame, resampling: Resampling, *, prefer: str
) -> RetrievalResult | None:
    """Retrieval of the arm `prefer`, or of the first arm that retrieved; None where none did."""
    retrieved = table[table["retrieved_ids"].map(_is_list) & (table["arm"] != REPAIRED)]
    if retrieved.empty:
        return None
    arms = list(dict.fromkeys(retrieved["arm"]))
    arm = prefer if prefer in arms else arms[0]
    every_row = table[table["arm"] == arm]
    k = max((len(ids) for ids in every_row["retrieved_ids"] if _is_list(ids)), default=0)
    rank, in_corpus = _ranks(every_row)
    rows, rank = every_row[in_corpus], rank[in_corpus]
    found, every = rank.notna(), rank.notna() | rank.isna()
    bootstrap = resampling.of(rows["cluster"])
    depths = [n for n in (1, 3, 5, 10, 20, 50, 100) if n < k] + [k]
    rates = bootstrap.rates(
        {"hit": (found, every), "mrr": ((1 / rank).fillna(0.0), every)}
        | {f"hit_at_{n}": (rank <= n, every) for n in depths}
    )
    return RetrievalResult(
        arm=arm,
        rows=len(rows),
        left_out=len(every_row) - len(rows),
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


def _ranks(rows: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """1-based ranks of the rows' own passages, NaN where not found; and which can be found."""
    rank = pd.to_numeric(rows["source_rank"], errors="coerce").astype(float)
    if rows["source_in_corpus"].notna().any():
        # A row that failed says nothing; another row of its passage may.
        in_corpus = rows["source_in_corpus"] == True  # noqa: E712
        known = set(rows.loc[in_corpus, "passage_id"].dropna())
        failed = ~rows["retrieved_ids"].map(_is_list).astype(bool)
        return rank, in_corpus | rank.notna() | (failed & rows["passage_id"].isin(known))
    if rank.isna().all():
        rank = pd.Series(
            [_rank(row) for row in rows.to_dict("records")], index=rows.index, dtype=float
        )
    # Without a word on what the corpus holds, one hit shows that the others were misses; where
    # nothing was hit, ids and texts may be of another source.
    names_one = rows["passage_id"].notna() | rows["context"].map(has_text).astype(bool)
    return rank, names_one & bool(rank.notna().any())


def _rank(row: Mapping[Hashable, Any]) -> float:
    """The first place with the row's own text; where a text is not known, with its id.

    An id alone is no proof where there are texts: those of two sources may number their passages
    alike.
    """
    ids, texts = (row[name] if _is_list(row[name]) else [] for name in _RETRIEVED)
    source, golds = row["context"], row["human_answers"] or ()
    for rank, (known, text) in enumerate(zip_longest(ids, texts), 1):
        if has_text(source) and has_text(text):
            if holds_source(text, source, golds):
                return float(rank)
        elif known is not None and str(known) == row["passage_id"]:
            return float(rank)
    return float("nan")


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple | np.ndarray)
