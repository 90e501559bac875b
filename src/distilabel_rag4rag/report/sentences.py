"""What the report says in words and tables, beyond what the comparison holds as figures."""

from collections.abc import Mapping
from typing import Any

from distilabel_rag4rag.comparison import Comparison, PairResult
from distilabel_rag4rag.comparison.formatting import number, p_value, percent, points
from distilabel_rag4rag.comparison.result import PairedMeans, PairedRates
from distilabel_rag4rag.comparison.slices import FEW_CLUSTERS, FEW_ROWS
from distilabel_rag4rag.comparison.verdict import ALPHA


def measures(pair: PairResult) -> list[dict[str, str | int]]:
    """The rows of a pair's table."""
    return [_measure(name, found) for name, found in _measured(pair)]


def _measured(pair: PairResult) -> list[tuple[str, PairedRates | PairedMeans]]:
    named: list[tuple[str, PairedRates | PairedMeans]] = [
        ("Hallucinated, where both answered", pair.hallucination),
        ("Hallucinated, of all rows", pair.hallucination_all),
        ("Grounded answer, of all rows", pair.grounded),
        ("Exact match, of all rows", pair.exact_match),
        ("F1, of all rows", pair.f1),
    ]
    return [(name, found) for name, found in named if found.rows]


def _measure(name: str, found: PairedRates | PairedMeans) -> dict[str, str | int]:
    row: dict[str, str | int] = {
        "name": name,
        "rows": found.rows,
        "p": bare_p(found.clustered_p),
    }
    if isinstance(found, PairedRates):
        return row | {
            "a": percent(found.rate_a, interval=False),
            "b": percent(found.rate_b, interval=False),
            "difference": points(found.difference),
            "only_a": found.only_a,
            "only_b": found.only_b,
            "holm": bare_p(found.holm_p),
            "mcnemar": bare_p(found.mcnemar_p),
        }
    d = found.difference
    around = "" if d.low is None else f" [{d.low:+.2f}, {d.high:+.2f}]"
    return row | {
        "a": number(found.mean_a, interval=False),
        "b": number(found.mean_b, interval=False),
        "difference": "n/a" if d.value is None else f"{d.value:+.2f}{around}",
        "only_a": "",
        "only_b": "",
        "holm": "",
        "mcnemar": "",
    }


def sentences(comparison: Comparison, pair: PairResult | None) -> dict[str, str]:
    """Sentences that depend on the figures, by the section they stand in."""
    return {
        "published": _published(pair) if pair else "",
        "disagree": _disagree(comparison),
        "crossings": _crossings(comparison),
        "floor": _floor(comparison),
        "slices": _slices(comparison),
    }


def _published(pair: PairResult) -> str:
    formula, honest = pair.published_formula, pair.hallucination.relative_decrease
    if formula.percent_decrease is None:
        return f"The published formula gives nothing here: {pair.a} has no flagged row."
    return (
        f"The {formula.name} sets {pair.a}'s rate on all {formula.rows_a} rows "
        f"({100 * (formula.rate_a or 0):.1f}%) against {pair.b}'s on only the "
        f"{formula.selection} rows that {pair.a} got flagged "
        f"({100 * (formula.rate_b_on_selection or 0):.1f}%): a decrease of "
        f"{formula.percent_decrease:.1f}%. On the same rows, in pairs, it is {percent(honest)}."
    )


def _disagree(comparison: Comparison) -> str:
    """Where the interval of a difference and the test by passages say different things."""
    found = [
        f"{name} ({pair.a}, {pair.b})"
        for pair in comparison.pairs.values()
        for name, measure in _measured(pair)
        if measure.difference.leaves_out_zero != (measure.clustered_p < ALPHA)
    ]
    if not found:
        return ""
    return (
        "The interval and the test by passages disagree on whether there is a difference, so none "
        f"is claimed: {'; '.join(found)}."
    )


def _crossings(comparison: Comparison) -> str:
    found = comparison.thresholds.crossings
    if len(comparison.arms) < 2:
        return ""
    if not found:
        return "The order of the arms is the same at every threshold."
    told = [f"{x.now_lower} falls below {x.was_lower} at {x.threshold:g}" for x in found[:6]]
    more = f", and {len(found) - 6} more changes" if len(found) > 6 else ""
    return f"The order of the arms depends on the threshold: {'; '.join(told)}{more}."


def _floor(comparison: Comparison) -> str:
    lowest = comparison.thresholds.lowest_score
    if lowest is None or lowest < 0.2:
        return ""
    return (
        f"There is no score between 0 and {lowest:.2f}, so the curves are flat there. A "
        "LettuceDetect judge keeps only spans above its own threshold; threshold=0.0 keeps all."
    )


def _slices(comparison: Comparison) -> str:
    a, b = comparison.verdict.baseline, comparison.verdict.candidate
    slices = [s for found in comparison.slices.values() for s in found]
    clear = [s.name for s in slices if s.significant]
    few = sum(s.few for s in slices)
    said = (
        f"After Holm's correction for {len(slices)} slices, {b} differs from {a} in "
        f"{len(clear)} of them."
    )
    if few:
        some = f"All {few}" if few == len(slices) else f"{few} of the {len(slices)}"
        said += f" {some} have fewer than {FEW_ROWS} questions or {FEW_CLUSTERS} passages: hints."
    # Flipping n passages gives 2^n cases, and p is at least two of them.
    if blind := sum(s.clusters < 6 for s in slices):
        said += f" With fewer than 6 passages ({blind} of them) no difference can reach p = 0.05."
    return said


def costs(
    comparison: Comparison, run: Mapping[str, Any], prices: Mapping[str, Any] | None
) -> list[dict[str, str]]:
    """Tokens, seconds and money per arm that ran; empty where nothing is known."""
    rows = []
    for name, arm in comparison.arms.items():
        if name == "published":
            continue
        seconds = (run.get("arms") or {}).get(name, {}).get("seconds")
        tokens = (arm.input_tokens, arm.output_tokens)
        if seconds is None and tokens == (None, None):
            continue
        rows.append(
            {
                "arm": name,
                "input": _count(arm.input_tokens),
                "output": _count(arm.output_tokens),
                "seconds": "n/a" if seconds is None else f"{seconds:,.1f}",
                "per_answer": "n/a"
                if seconds is None or not arm.answered
                else f"{seconds / arm.answered:.2f}",
                "money": _money(tokens, prices),
            }
        )
    return rows


def bare_p(p: float) -> str:
    """A p-value for a table, whose head says what it is."""
    return p_value(p).removeprefix("p = ").removeprefix("p ")


def _money(tokens: tuple[int | None, int | None], prices: Mapping[str, Any] | None) -> str:
    if not prices or None in tokens:
        return ""
    spent = tokens[0] * prices.get("input", 0.0) + tokens[1] * prices.get("output", 0.0)  # type: ignore[operator]
    return f"{spent / 1e6:.4f} {prices.get('currency', 'USD')}"


def _count(value: int | None) -> str:
    return "n/a" if value is None else f"{value:,}"


def describe_run(run: Mapping[str, Any]) -> dict[str, str]:
    """The settings and versions behind the rows, flat and as text."""
    told = {}
    for section in ("settings", "models", "versions"):
        for key, value in (run.get(section) or {}).items():
            if value not in (None, [], {}):
                told[f"{section[:-1]} {key}"] = str(value)
    if run.get("started"):
        told["started"] = str(run["started"])
    return told
