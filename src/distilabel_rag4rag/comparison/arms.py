"""One arm: counts, rates with intervals, accuracy against the human answers."""

import pandas as pd

from distilabel_rag4rag.comparison.causes import count_causes
from distilabel_rag4rag.comparison.result import ArmResult
from distilabel_rag4rag.comparison.statistics import ClusterBootstrap


def measure_arm(rows: pd.DataFrame, bootstrap: ClusterBootstrap) -> ArmResult:
    """All figures of one arm from its rows (see `table.mark_outcomes`)."""
    r = rows
    every = r["answered"] | ~r["answered"]
    known, answered = r["has_truth"], r["answered"]
    cells = {
        "grounded_right": r["grounded"] & r["right"],
        "grounded_wrong": r["grounded"] & known & ~r["right"],
        "flagged_right": r["flagged"] & r["right"],
        "flagged_wrong": r["flagged"] & known & ~r["right"],
        "unjudged": r["unjudged"] & known,
        "not_answered": ~answered & known & ~r["right"],
        "abstained_right": r["abstained"] & r["right"],
    }
    rates = bootstrap.rates(
        {
            "hallucination_rate": (r["flagged"], r["judged"]),
            "hallucination_rate_all": (r["flagged"], ~r["unjudged"]),
            "hallucination_rate_worst": (r["flagged"] | r["unjudged"], answered),
            "answered_rate": (answered, every),
            "abstained_rate": (r["abstained"], every),
            "failed_rate": (r["failed"], every),
            "grounded_rate": (r["grounded"] & ~r["unanswerable"], ~r["unanswerable"]),
            "exact_match": (r["exact"], known),
            "f1": (r["f1"], known),
            "exact_match_answered": (r["exact"], known & answered),
            "f1_answered": (r["f1"], known & answered),
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
        human_answers=int(r["human"].sum()),
        unanswerable=int(r["unanswerable"].sum()),
        cells={name: int(cell.sum()) for name, cell in cells.items()},
        cell_rates=bootstrap.rates({name: (cell, known) for name, cell in cells.items()}),
        right_in_other_form=int((answered & ~r["right"] & r["lenient_right"]).sum()),
        answer_words=bootstrap.means({"words": (r["words"], answered)})["words"],
        evidence_truncated=int((r["evidence_truncated"] == True).sum()),  # noqa: E712
        many_windows=int((_numbers(r["evidence_windows"]) >= MANY_WINDOWS).sum()),
        most_windows=_largest(r["evidence_windows"]),
        unjudged_reasons=count_causes(r.loc[r["unjudged"], "judge_reason"]),
        failed_reasons=count_causes(r.loc[r["failed"], "answer_reason"]),
        input_tokens=_total(r["input_tokens"]),
        output_tokens=_total(r["output_tokens"]),
        **rates,
    )


#: From so many windows on, evidence is called long.
MANY_WINDOWS = 4


def _numbers(column: pd.Series) -> pd.Series:
    return pd.to_numeric(column, errors="coerce")


def _largest(column: pd.Series) -> int | None:
    known = _numbers(column).dropna()
    return int(known.max()) if len(known) else None


def _total(tokens: pd.Series) -> int | None:
    known = _numbers(tokens).dropna()
    return int(known.sum()) if len(known) else None
