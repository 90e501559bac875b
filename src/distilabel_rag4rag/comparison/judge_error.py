"""How wrong the judge itself is, and what the rates become when that is taken into account."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.calibration import calibration_curve

from distilabel_rag4rag.comparison.label_rates import Cell, interval, label_cell, own_rate
from distilabel_rag4rag.comparison.statistics import (
    ClusterBootstrap,
    Estimate,
    Floats,
    Resampling,
    Statistic,
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
        own_rate: from the arm's own labels, whatever the judge's error in other arms; None where
            the arm has no label; without a value where only its flagged or only its passed
            answers have labels.
        corrected_rate: Rogan and Gladen's, which takes the judge's error to be the same in all
            arms, kept within [0, 1]; its interval carries the uncertainty of the rate and of the
            labels. Empty where `LabelledJudge.reason` says why.
        unclipped: the same before it was kept within [0, 1].
        apart: the intervals of the two do not meet.
    """

    flagged_rate: Estimate
    own_rate: Estimate | None
    corrected_rate: Estimate
    unclipped: float | None
    apart: bool


@dataclass(frozen=True)
class LabelledJudge:
    """The judge against people, on the rows that people labelled, of all arms together.

    Attributes:
        rows: labelled and judged rows.
        ties: judged rows about which as many people say the one as the other; in all of the
            following but the four cells and the calibration each counts half.
        true_flags, missed, false_flags, true_passes: the four cells.
        weighted: the labelled rows count with their weights in the sample (`review_weight`) in
            all of the following but the calibration.
        sensitivity: flagged, of what people call hallucinated.
        specificity: passed, of what people call supported.
        kappa: Cohen's.
        calibration: per bin of scores: rows, mean_score, share_hallucinated.
        corrected: arm -> rates; empty where the labelled rows were picked.
        reason: why Rogan and Gladen's correction is impossible, or None.

    References:
        Rogan and Gladen, American Journal of Epidemiology 107 (1978).
    """

    rows: int
    ties: int
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
    ties = table["tie"] & ~known & table["judged"]
    if not known.any():
        return None
    positive, negative = known & (table["label"] == True), known & (table["label"] == False)  # noqa: E712
    cells = {
        "true_flags": positive & table["flagged"],
        "missed": positive & ~table["flagged"],
        "false_flags": negative & table["flagged"],
        "true_passes": negative & ~table["flagged"],
    }
    drawn = bool(table.loc[known | ties, "weight"].notna().all())
    weight = table["weight"].fillna(0.0) if drawn else pd.Series(1.0, index=table.index)
    halves = {"flagged": ties & table["flagged"], "passed": ties & ~table["flagged"]}
    of = dict(zip(cells, ("flagged", "passed", "flagged", "passed"), strict=True))
    counted = {name: (cell + halves[of[name]] / 2) * weight for name, cell in cells.items()}
    bootstrap = resampling.of(table["cluster"])
    flags = counted["true_flags"] + counted["false_flags"]
    labels = flags + counted["missed"] + counted["true_passes"]
    share = label_cell(bootstrap, flags, labels)
    if drawn and abs(labels.sum() - table["judged"].sum()) < 0.01 * labels.sum():
        # The labels stand for all rows, whose share of flags is known without them.
        every = label_cell(bootstrap, 1.0 * (table["flagged"] & table["judged"]), table["judged"])
        share = replace(share, shares=every.shares)
    total, replicates = _four(share, *_label_cells(bootstrap, counted))
    youden = float(_sensitivity(total) + _specificity(total) - 1)
    reason = None
    if not positive.any() or not negative.any():
        reason = "the labels hold only one of the two answers"
    elif not drawn:
        reason = (
            "the labelled answers were picked, by their score or for disagreement, or too few, and "
            "some of the others had no chance, so the judge's error on them cannot be known"
        )
    elif youden <= 0:
        reason = "by the labels the judge is no better than chance"
    corrected = {}
    for arm in table["arm"].unique() if drawn else ():
        here = table["arm"] == arm
        if table.loc[here, "judged"].any():
            pooled = (total, replicates) if reason is None else None
            corrected[str(arm)] = _correct(bootstrap, table, here, counted, pooled)
    return LabelledJudge(
        rows=int(known.sum()),
        ties=int(ties.sum()),
        true_flags=int(cells["true_flags"].sum()),
        missed=int(cells["missed"].sum()),
        false_flags=int(cells["false_flags"].sum()),
        true_passes=int(cells["true_passes"].sum()),
        weighted=drawn and bool(weight[known].nunique() > 1),
        sensitivity=_share(bootstrap, _sensitivity, total, replicates),
        specificity=_share(bootstrap, _specificity, total, replicates),
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


def _label_cells(
    bootstrap: ClusterBootstrap, counted: dict[str, pd.Series], here: pd.Series | bool = True
) -> tuple[Cell, Cell]:
    """The flagged and the passed answers that people labelled, of all arms or of one."""
    true_flags, missed = counted["true_flags"] * here, counted["missed"] * here
    return (
        label_cell(bootstrap, true_flags, true_flags + counted["false_flags"] * here),
        label_cell(bootstrap, missed, missed + counted["true_passes"] * here),
    )


def _four(labels: Cell, flagged: Cell, passed: Cell) -> tuple[Floats, Floats]:
    """True flags, missed, false flags, true passes: as they are, and drawn anew.

    From the share of flags among the labels, and of hallucinated answers in either cell.
    """

    def four(flags: Any, wrong_f: Any, wrong_p: Any) -> Floats:
        wrong_f, wrong_p = np.nan_to_num(wrong_f), np.nan_to_num(wrong_p)
        parts = (flags * wrong_f, (1 - flags) * wrong_p)
        return np.stack([*parts, flags - parts[0], 1 - flags - parts[1]], axis=-1)

    return (
        four(labels.share, flagged.share, passed.share),
        four(labels.shares, flagged.shares, passed.shares),
    )


def _sensitivity(four: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return four[..., 0] / (four[..., 0] + four[..., 1])


def _specificity(four: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return four[..., 3] / (four[..., 3] + four[..., 2])


def _share(
    bootstrap: ClusterBootstrap, statistic: Statistic, total: Floats, replicates: Floats
) -> Estimate:
    value, drawn = float(statistic(total)), statistic(replicates)
    return interval(bootstrap, value, drawn, drawn) if np.isfinite(value) else Estimate()


def _correct(
    bootstrap: ClusterBootstrap,
    table: pd.DataFrame,
    here: pd.Series,
    counted: dict[str, pd.Series],
    pooled: tuple[Floats, Floats] | None,
) -> Corrected:
    """Resampling passages carries the uncertainty of rate and labels at once."""
    columns = (table["flagged"] & table["judged"] & here, table["judged"] & here)
    sums = bootstrap.sums(columns)
    total, resampled = sums.sum(axis=0), bootstrap.resample(sums)
    cells = _label_cells(bootstrap, counted, here)
    own = None
    if cells[0].known or cells[1].known:
        with np.errstate(divide="ignore", invalid="ignore"):
            rates = np.concatenate([[ratio(total)], ratio(resampled)])
        own = own_rate(bootstrap, rates, cells)
    corrected, unclipped = Estimate(), None
    if pooled is not None:
        unclipped = float(rogan_gladen(_pairs(pooled[0], total)))
        pairs = _pairs(pooled[1], resampled)
        with np.errstate(divide="ignore", invalid="ignore"):
            replicates = rogan_gladen(pairs)
            better = ratio(pairs[..., 0:2]) + ratio(pairs[..., 2:4]) > 1
        # In draws in which the judge is no better than chance the rate may be anything.
        replicates[~better] = np.nan
        corrected = interval(bootstrap, unclipped, replicates, replicates)
    return Corrected(
        flagged_rate=bootstrap.rates({"rate": columns})["rate"],
        own_rate=own,
        corrected_rate=corrected,
        unclipped=unclipped,
        apart=own is not None and _apart(own, corrected),
    )


def _pairs(four: Floats, rate: Floats) -> Floats:
    """What `rogan_gladen` takes."""
    tp, fn, fp, tn = np.moveaxis(four, -1, 0)
    return np.stack([tp, tp + fn, tn, tn + fp, rate[..., 0], rate[..., 1]], axis=-1)


def _apart(a: Estimate, b: Estimate) -> bool:
    if a.low is None or a.high is None or b.low is None or b.high is None:
        return False
    return a.low > b.high or b.low > a.high


def _calibration(rows: pd.DataFrame, bins: int = 10) -> list[dict[str, Any]]:
    labels, scores = rows["label"].astype(bool), rows["score"].clip(0, 1)
    share, mean_score = calibration_curve(labels, scores, n_bins=bins)
    counts = np.bincount(np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], scores))
    return [
        {"rows": int(n), "mean_score": float(score), "share_hallucinated": float(share_of_bin)}
        for n, score, share_of_bin in zip(counts[counts > 0], mean_score, share, strict=True)
    ]
