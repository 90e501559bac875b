"""What a comparison finds: plain dataclasses, and their JSON."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from distilabel_rag4rag.comparison.statistics import Estimate


@dataclass(frozen=True)
class ArmResult:
    """One arm. Rates are shares in [0, 1]; what they are shares of stands beside each.

    Attributes:
        rows: all rows; each is answered, abstained or failed.
        answered: the LLM gave an answer.
        abstained: it said that the passages hold none.
        failed: it gave nothing.
        judged: answered rows that have a score.
        unjudged: answered rows without one; never counted as clean.
        hallucinated: judged rows whose score reaches the threshold.
        hallucination_rate: hallucinated of judged.
        hallucination_rate_all: hallucinated of all rows but the unjudged.
        hallucination_rate_worst: of answered, were every unjudged answer hallucinated.
        grounded_rate: judged and not flagged, of all rows whose question has an answer.
        human_answers: rows with a human answer.
        unanswerable: rows known to have none (`answerable` is False); with the former they are
            the base of the following.
        exact_match, f1: SQuAD's; no answer counts 0, but 1 where the question has none and the
            LLM abstained.
        exact_match_answered, f1_answered: the same over the answered ones among them.
        cells: how many of these rows are grounded_right, grounded_wrong, flagged_right,
            flagged_wrong, unjudged, not_answered or abstained_right.
        cell_rates: the cells as shares of these rows.
        right_in_other_form: answers that F1 calls wrong and that match a human answer where the
            form of numbers and articles does not count (37, thirty-seven).
        answer_words: mean length of an answer in words; in characters, in scripts without spaces.
        evidence_truncated: rows in which some evidence did not fit the judge's window.
        many_windows: rows whose evidence took at least `arms.MANY_WINDOWS` of the judge's windows.
        most_windows: the most that a row's evidence took; None where that is not known.
        unjudged_reasons, failed_reasons: cause -> rows, the most common first.
    """

    rows: int
    answered: int
    abstained: int
    failed: int
    judged: int
    unjudged: int
    hallucinated: int
    hallucination_rate: Estimate
    hallucination_rate_all: Estimate
    hallucination_rate_worst: Estimate
    answered_rate: Estimate
    abstained_rate: Estimate
    failed_rate: Estimate
    grounded_rate: Estimate
    human_answers: int
    unanswerable: int
    exact_match: Estimate
    f1: Estimate
    exact_match_answered: Estimate
    f1_answered: Estimate
    cells: dict[str, int]
    cell_rates: dict[str, Estimate]
    right_in_other_form: int
    answer_words: Estimate
    evidence_truncated: int
    many_windows: int
    most_windows: int | None
    unjudged_reasons: dict[str, int] = field(default_factory=dict)
    failed_reasons: dict[str, int] = field(default_factory=dict)
    input_tokens: int | None = None
    output_tokens: int | None = None


@dataclass(frozen=True)
class PairedRates:
    """One yes-or-no measure of two arms on the same rows.

    Attributes:
        rows: rows that count.
        clusters: passages that they are about.
        both, only_a, only_b, neither: the cells of the paired table.
        difference: rate_b - rate_a.
        relative_decrease: (rate_a - rate_b) / rate_a.
        mcnemar_p: exact McNemar test; takes rows for independent.
        clustered_p: paired permutation test that swaps whole passages; the one to believe.
        holm_p: `clustered_p` adjusted for all pairs of arms, within this measure.
    """

    rows: int
    clusters: int
    both: int
    only_a: int
    only_b: int
    neither: int
    rate_a: Estimate
    rate_b: Estimate
    difference: Estimate
    relative_decrease: Estimate
    mcnemar_p: float
    clustered_p: float
    holm_p: float


@dataclass(frozen=True)
class PairedMeans:
    """One graded measure of two arms on the same rows; `difference` is mean_b - mean_a."""

    rows: int
    mean_a: Estimate
    mean_b: Estimate
    difference: Estimate
    clustered_p: float


@dataclass(frozen=True)
class PublishedFormula:
    """The formula of the published notebooks, on their selection: not a paired comparison.

    It compares a's rate on all rows with b's rate on only the rows that a got flagged.
    """

    name: str
    rows_a: int
    rate_a: float | None
    selection: int
    rate_b_on_selection: float | None
    percent_decrease: float | None


@dataclass(frozen=True)
class PairResult:
    """Two arms on the rows that both have.

    Attributes:
        rows: rows of both arms; `only_in_a` and `only_in_b` are left out.
        identical_answers: rows in which both gave the same text, or none.
        hallucination: flagged, on rows that both answered and that were judged in both.
        hallucination_all: flagged, on all rows but those unjudged in either arm.
        grounded: answered and not flagged, on the same rows but those of unanswerable questions:
            here an abstention costs.
        exact_match, f1: as in `ArmResult`.
        transitions: outcome in a -> outcome in b -> rows.
        published_formula: for comparison with the figure in the published notebooks.
    """

    a: str
    b: str
    rows: int
    only_in_a: int
    only_in_b: int
    identical_answers: int
    hallucination: PairedRates
    hallucination_all: PairedRates
    grounded: PairedRates
    exact_match: PairedRates
    f1: PairedMeans
    transitions: dict[str, dict[str, int]]
    published_formula: PublishedFormula


def estimate_from_json(values: Mapping[str, Any], name: str) -> Estimate:
    """A figure of what `to_json` wrote."""
    low, high = values.get(f"{name}_ci") or (None, None)
    return Estimate(values.get(name), low, high)


def to_json(value: Any) -> Any:
    """Plain JSON data; an Estimate becomes `name` and, beside it, `name_ci`: [low, high]."""
    if is_dataclass(value) and not isinstance(value, type):
        value = {f.name: getattr(value, f.name) for f in fields(value)}
    if isinstance(value, dict):
        plain: dict[str, Any] = {}
        for key, item in value.items():
            if isinstance(item, Estimate):
                plain[key] = to_json(item.value)
                plain[f"{key}_ci"] = [to_json(item.low), to_json(item.high)]
            else:
                plain[key] = to_json(item)
        return plain
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if isinstance(value, float):  # the last digits differ between machines
        return float(f"{value:.10g}") if math.isfinite(value) else None
    return value
