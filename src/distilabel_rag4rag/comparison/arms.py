"""One arm: counts, rates with intervals, accuracy against the human answers."""

import pandas as pd

from distilabel_rag4rag.comparison.result import ArmResult
from distilabel_rag4rag.comparison.statistics import ClusterBootstrap


def measure_arm(rows: pd.DataFrame, bootstrap: ClusterBootstrap) -> ArmResult:
    """All figures of one arm from its rows (see `table.mark_outcomes`)."""
    r = rows
    every = r["answered"] | ~r["answered"]
    human, answered = r["human"], r["answered"]
    cells = {
        "grounded_right": r["grounded"] & r["right"],
        "grounded_wrong": r["grounded"] & human & ~r["right"],
        "flagged_right": r["flagged"] & r["right"],
        "flagged_wrong": r["flagged"] & human & ~r["right"],
        "unjudged": r["unjudged"] & human,
        "not_answered": ~answered & human,
    }
    rates = bootstrap.rates(
        {
            "hallucination_rate": (r["flagged"], r["judged"]),
            "hallucination_rate_all": (r["flagged"], ~r["unjudged"]),
            "hallucination_rate_worst": (r["flagged"] | r["unjudged"], answered),
            "answered_rate": (answered, every),
            "abstained_rate": (r["abstained"], every),
            "failed_rate": (r["failed"], every),
            "grounded_rate": (r["grounded"], every),
            "exact_match": (r["exact"], human),
            "f1": (r["f1"], human),
            "exact_match_answered": (r["exact"], human & answered),
            "f1_answered": (r["f1"], human & answered),
        }
    )
    return ArmResult(
        rows=len(r),
        answered=int(answered.sum()),
        abstained=int(r["abstained"].sum()),
        failed=int(r["failed"].sum()),
        judged=int(r["judged"].sum()),
        unjudged=int(r["unjudged"].sum()),
        hallucinated=int(r["flagged"].sum()),
        human_answers=int(human.sum()),
        cells={name: int(cell.sum()) for name, cell in cells.items()},
        cell_rates=bootstrap.rates({name: (cell, human) for name, cell in cells.items()}),
        answer_words=bootstrap.means({"words": (r["words"], answered)})["words"],
        evidence_truncated=int((r["evidence_truncated"] == True).sum()),  # noqa: E712
        unjudged_reasons=_reasons(r.loc[r["unjudged"], "judge_reason"]),
        failed_reasons=_reasons(r.loc[r["failed"], "answer_reason"]),
        input_tokens=_total(r["input_tokens"]),
        output_tokens=_total(r["output_tokens"]),
        **rates,
    )


def _reasons(reasons: pd.Series) -> dict[str, int]:
    counts = reasons.fillna("no reason given").astype(str).value_counts()
    return {
        str(reason): int(n)
        for reason, n in sorted(counts.items(), key=lambda c: (-c[1], str(c[0])))
    }


def _total(tokens: pd.Series) -> int | None:
    known = pd.to_numeric(tokens, errors="coerce").dropna()
    return int(known.sum()) if len(known) else None
