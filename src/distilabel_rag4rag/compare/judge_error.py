"""How wrong the judge itself is, and what the rates become when that is taken into account."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.calibration import calibration_curve

from distilabel_rag4rag.compare.statistics import (
    ClusterBootstrap,
    Estimate,
    Floats,
    Resampling,
    ratio,
)


@dataclass(frozen=True)
class FalseAlarms:
    """Flags on answers that are known to be right: each of them is a false alarm."""

    rows: int
    flagged: int
    rate: Estimate


@dataclass(frozen=True)
class Corrected:
    """An arm's hallucination rate as flagged, and corrected for the judge's error.

    Attributes:
        flagged_rate: of judged answers.
        corrected_rate: Rogan and Gladen's, kept within [0, 1]; its interval carries the
            uncertainty of the rate and of the labels.
        unclipped: the same before it was kept within [0, 1].
    """

    flagged_rate: Estimate
    corrected_rate: Estimate
    unclipped: float


@dataclass(frozen=True)
class LabelledJudge:
    """The judge against people, on the rows that people labelled, of all arms together.

    Attributes:
        rows: labelled and judged rows.
        true_flags, missed, false_flags, true_passes: the four cells.
        weighted: the labelled rows count with their weights in the sample (`review_weight`) in
            all of the following but the calibration.
        sensitivity: flagged, of what people call hallucinated.
        specificity: passed, of what people call supported.
        kappa: Cohen's.
        calibration: per bin of scores: rows, mean_score, share_hallucinated.
        corrected: arm -> rates; empty where the correction is impossible.
        reason: why it is, or None.

    References:
        Rogan and Gladen, American Journal of Epidemiology 107 (1978).
    """

    rows: int
    true_flags: int
    missed: int
    false_flags: int
    true_passes: int
    weighted: bool
    sensitivity: Estimate
    specificity: Estimate
    kappa: Estimate
    calibration: list[dict[str, Any]]
    corrected: dict[str, Corrected]
    reason: str | None


@dataclass(frozen=True)
class JudgeError:
    """What is known about the judge.

    Attributes:
        human_answers: flags on the human answers, where they were judged (the arm `human`).
        right_answers: flags on the LLMs' answers that match the human answer exactly.
        labelled: against people's labels, where there are any.
    """

    human_answers: FalseAlarms | None
    right_answers: FalseAlarms | None
    labelled: LabelledJudge | None


def measure_judge(table: pd.DataFrame, human: pd.DataFrame, resampling: Resampling) -> JudgeError:
    """From the rows of the arms that ran and the judged human answers (none: no rows)."""
    right = table[(table["exact"] > 0) & table["judged"]]
    return JudgeError(
        human_answers=_false_alarms(human[human["judged"]], resampling),
        right_answers=_false_alarms(right, resampling),
        labelled=_against_labels(table, resampling),
    )


def _false_alarms(rows: pd.DataFrame, resampling: Resampling) -> FalseAlarms | None:
    if rows.empty:
        return None
    rates = resampling.of(rows["cluster"]).rates({"rate": (rows["flagged"], rows["judged"])})
    return FalseAlarms(len(rows), int(rows["flagged"].sum()), rates["rate"])


def _against_labels(table: pd.DataFrame, resampling: Resampling) -> LabelledJudge | None:
    known = table["label"].notna() & table["judged"]
    if not known.any():
        return None
    positive, negative = known & (table["label"] == True), known & (table["label"] == False)  # noqa: E712
    cells = {
        "true_flags": positive & table["flagged"],
        "missed": positive & ~table["flagged"],
        "false_flags": negative & table["flagged"],
        "true_passes": negative & ~table["flagged"],
    }
    drawn = bool(table.loc[known, "weight"].notna().all())
    weight = table["weight"].fillna(0.0) if drawn else pd.Series(1.0, index=table.index)
    of_wrong, of_right = positive * weight, negative * weight
    counted = {name: cell * weight for name, cell in cells.items()}
    bootstrap = resampling.of(table["cluster"])
    rates = bootstrap.rates(
        {
            "sensitivity": (counted["true_flags"], of_wrong),
            "specificity": (counted["true_passes"], of_right),
        }
    )
    youden = (rates["sensitivity"].value or 0) + (rates["specificity"].value or 0) - 1
    reason = None
    if not positive.any() or not negative.any():
        reason = "the labels hold only one of the two answers"
    elif not drawn:
        reason = (
            "the labelled answers were picked, by their score or for disagreement, and none of the "
            "others had a chance, so the judge's error on them cannot be known"
        )
    elif youden <= 0:
        reason = "by the labels the judge is no better than chance"
    corrected = {}
    for arm, rows in table.groupby("arm", sort=False) if reason is None else ():
        columns = [counted["true_flags"], of_wrong, counted["true_passes"], of_right]
        here = table["arm"] == arm
        columns += [table["flagged"] & here, table["judged"] & here]
        if rows["judged"].any():
            corrected[str(arm)] = _correct(bootstrap, columns, resampling)
    return LabelledJudge(
        rows=int(known.sum()),
        true_flags=int(cells["true_flags"].sum()),
        missed=int(cells["missed"].sum()),
        false_flags=int(cells["false_flags"].sum()),
        true_passes=int(cells["true_passes"].sum()),
        weighted=drawn and bool(weight[known].nunique() > 1),
        sensitivity=rates["sensitivity"],
        specificity=rates["specificity"],
        kappa=bootstrap.estimates({"kappa": (kappa, list(counted.values()))})["kappa"],
        calibration=_calibration(table[known]),
        corrected=corrected,
        reason=reason,
    )


def kappa(sums: Floats) -> Floats:
    """Cohen's kappa from true flags, missed, false flags, true passes; over resamples at once."""
    tp, fn, fp, tn = np.moveaxis(sums, -1, 0)
    n = tp + fn + fp + tn
    agreed = (tp + tn) / n
    by_chance = ((tp + fn) * (tp + fp) + (fp + tn) * (fn + tn)) / n**2
    return (agreed - by_chance) / (1 - by_chance)


def rogan_gladen(sums: Floats) -> Floats:
    """(rate + specificity - 1) / (sensitivity + specificity - 1), from pairs of sums."""
    sensitivity, specificity, rate = (ratio(sums[..., i : i + 2]) for i in (0, 2, 4))
    return (rate + specificity - 1) / (sensitivity + specificity - 1)


def _correct(
    bootstrap: ClusterBootstrap, columns: list[pd.Series], resampling: Resampling
) -> Corrected:
    """Resampling passages carries the uncertainty of rate, sensitivity and specificity at once."""
    sums = bootstrap.sums(columns)
    total, resampled = sums.sum(axis=0), bootstrap.resample(sums)
    rng = np.random.default_rng(resampling.seed)
    for right, known in ((0, 1), (2, 3)):
        if total[right] in (0, total[known]):  # perfect on the labels is not perfect
            rows = total[known] ** 2 / np.square(columns[known]).sum()  # Kish's effective number
            hits = rows * total[right] / total[known]
            drawn = rng.beta(hits + 0.5, rows - hits + 0.5, len(resampled))
            resampled[:, right] = drawn * resampled[:, known]
    with np.errstate(divide="ignore", invalid="ignore"):
        replicates = rogan_gladen(resampled)
    tail = (1 - resampling.level) / 2
    low, high = np.nanquantile(replicates, [tail, 1 - tail])
    unclipped = float(rogan_gladen(total))
    return Corrected(
        flagged_rate=bootstrap.rates({"rate": (columns[4], columns[5])})["rate"],
        corrected_rate=Estimate(*(float(np.clip(x, 0, 1)) for x in (unclipped, low, high))),
        unclipped=unclipped,
    )


def _calibration(rows: pd.DataFrame, bins: int = 10) -> list[dict[str, Any]]:
    labels, scores = rows["label"].astype(bool), rows["score"].clip(0, 1)
    share, mean_score = calibration_curve(labels, scores, n_bins=bins)
    counts = np.bincount(np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], scores))
    return [
        {"rows": int(n), "mean_score": float(score), "share_hallucinated": float(share_of_bin)}
        for n, score, share_of_bin in zip(counts[counts > 0], mean_score, share, strict=True)
    ]
