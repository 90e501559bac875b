"""The report's sentences and tables that depend on the figures."""

from collections.abc import Mapping
from typing import Any

from distilabel_rag4rag.comparison import Comparison, PairResult
from distilabel_rag4rag.comparison.formatting import (
    UNKNOWN,
    bare_p,
    count,
    difference,
    number,
    percent,
    points,
)
from distilabel_rag4rag.comparison.result import PairedMeans, PairedRates
from distilabel_rag4rag.comparison.slices import FEW_CLUSTERS, FEW_ROWS
from distilabel_rag4rag.comparison.table import run_arms
from distilabel_rag4rag.comparison.verdict import ALPHA
from distilabel_rag4rag.utils.text import counted


def measures(pair: PairResult) -> list[dict[str, str | int]]:
    """The rows of a pair's table: the measures that could be compared."""
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
    return row | {
        "a": number(found.mean_a, interval=False),
        "b": number(found.mean_b, interval=False),
        "difference": difference(found.difference),
        "only_a": "",
        "only_b": "",
        "holm": "",
        "mcnemar": "",
    }


def sentences(comparison: Comparison, pair: PairResult | None) -> dict[str, str]:
    """By the section that they are for; empty where there is nothing to say."""
    return {
        "changes": _changes(pair) if pair else "",
        "published": _published_formula(pair) if pair else "",
        "disagree": _disagree(comparison),
        "crossings": _crossings(comparison),
        "floor": _floor(comparison),
        "slices": _slices(comparison),
        "accuracy": _accuracy(comparison),
        "retrieval": _retrieval(comparison),
    }


def _changes(pair: PairResult) -> str:
    if not pair.hallucination.rows:
        return "No question was answered and judged in both arms."
    fixed, broken = pair.transitions["flagged"]["grounded"], pair.transitions["grounded"]["flagged"]
    return (
        f"{counted(fixed, 'question')} went from flagged to grounded, {broken:,} from grounded to "
        "flagged."
    )


def _published_formula(pair: PairResult) -> str:
    formula, paired = pair.published_formula, pair.hallucination.relative_decrease
    if formula.percent_decrease is None:
        return (
            "The formula of the published notebooks gives nothing here: "
            f"{pair.a} has no flagged row."
        )
    return (
        f"The formula of the published notebooks compares {pair.a}'s rate on all {formula.rows_a} "
        f"rows ({100 * (formula.rate_a or 0):.1f}%) with {pair.b}'s on only the "
        f"{formula.selection} that {pair.a} got flagged "
        f"({100 * (formula.rate_b_on_selection or 0):.1f}%): a decrease of "
        f"{formula.percent_decrease:.1f}%. On the same rows, in pairs, it is {percent(paired)}."
    )


def _accuracy(comparison: Comparison) -> str:
    """What `right` means, and which right answers F1 does not see."""
    arms = {name: comparison.arms[name] for name in run_arms(comparison.arms)}
    sentence = (
        "Exact match and F1 are those of SQuAD's official script. An answer counts as right from "
        f"an F1 of {comparison.settings['right_f1']}."
    )
    others = [f"{arm.right_in_other_form} in {name}" for name, arm in arms.items()]
    if any(arm.right_in_other_form for arm in arms.values()):
        sentence += (
            " Answers that count as wrong there but are right if the form of numbers and articles "
            f"does not matter (thirty-seven, 37): {', '.join(others)}."
        )
    return sentence


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
    if sum(arm.judged > 0 for arm in comparison.arms.values()) < 2:
        return ""
    if not found:
        return "The order of the arms is the same at every threshold."
    changes = [f"{x.now_lower} falls below {x.was_lower} at {x.threshold:g}" for x in found[:6]]
    more = f", and {counted(len(found) - 6, 'more change')}" if len(found) > 6 else ""
    return f"The order of the arms depends on the threshold: {'; '.join(changes)}{more}."


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
    compared = [s for s in slices if s.difference.value is not None]
    if not compared:
        return f"In no slice was a question answered and judged in both {a} and {b}."
    significant = sum(s.significant for s in slices)
    few = sum(s.few for s in slices)
    sentence = (
        f"After Holm's correction for {counted(len(slices), 'slice')}, {b} differs from {a} in "
        f"{significant} of them."
    )
    if few:
        some = f"All {few}" if few == len(slices) else f"{few} of the {len(slices)}"
        sentence += (
            f" {some} {'has' if few == 1 else 'have'} fewer than {FEW_ROWS} questions or "
            f"{FEW_CLUSTERS} passages and can only be hints."
        )
    # Flipping n passages gives 2^n cases, and p is at least two of them.
    if blind := sum(s.clusters < 6 for s in slices):
        sentence += f" With fewer than 6 passages ({blind} of them) no p can reach 0.05."
    return sentence


def _retrieval(comparison: Comparison) -> str:
    found = comparison.retrieval
    if found is None:
        return ""
    if found.hit_rate.value is None:
        return (
            "The hit rate and the mean reciprocal rank cannot be computed: none of "
            f"{counted(found.left_out, 'question')} has a passage of the corpus to be found."
        )
    retrieved = "the one retrieved" if found.k == 1 else f"among the {found.k} retrieved"
    left_out = (
        f" {counted(found.left_out, 'more question')} without a passage of the corpus to be found"
        f" {'is' if found.left_out == 1 else 'are'} left out."
    )
    return (
        f"The question's own passage was {retrieved} in {percent(found.hit_rate)} "
        f"of {counted(found.rows, 'row')}; the mean reciprocal rank is {number(found.mrr)}."
    ) + (left_out if found.left_out else "")


def failed_rows(comparison: Comparison) -> list[dict[str, str | int]]:
    """The causes of failed rows, per arm that ran, the most common first."""
    return [
        {"arm": name, "cause": cause, "rows": rows}
        for name in run_arms(comparison.arms)
        for cause, rows in comparison.arms[name].failed_reasons.items()
    ]


def costs(
    comparison: Comparison, run: Mapping[str, Any], prices: Mapping[str, Any] | None
) -> list[dict[str, str]]:
    """Tokens, seconds and money per arm that ran; empty where nothing is known."""
    rows = []
    for name in run_arms(comparison.arms):
        arm = comparison.arms[name]
        seconds = (run.get("arms") or {}).get(name, {}).get("seconds")
        tokens = (arm.input_tokens, arm.output_tokens)
        if seconds is None and tokens == (None, None):
            continue
        rows.append(
            {
                "arm": name,
                "input": count(arm.input_tokens),
                "output": count(arm.output_tokens),
                "seconds": UNKNOWN if seconds is None else f"{seconds:,.1f}",
                "per_answer": UNKNOWN
                if seconds is None or not arm.answered
                else f"{seconds / arm.answered:.2f}",
                "money": _money(tokens, prices),
            }
        )
    return rows


def _money(tokens: tuple[int | None, int | None], prices: Mapping[str, Any] | None) -> str:
    if not prices or None in tokens:
        return ""
    spent = tokens[0] * prices.get("input", 0.0) + tokens[1] * prices.get("output", 0.0)  # type: ignore[operator]
    return f"{spent / 1e6:.4f} {prices.get('currency', 'USD')}"


def describe_run(run: Mapping[str, Any]) -> dict[str, str]:
    """The settings and versions behind the rows, and what is unusual in the input, as text."""
    texts = {}
    for section in ("settings", "models", "versions"):
        for key, value in (run.get(section) or {}).items():
            if value not in (None, [], {}):
                texts[f"{section[:-1]} {key}"] = str(value)
    if run.get("started"):
        texts["started"] = str(run["started"])
    if run.get("notes"):
        texts["input"] = "; ".join(note.rstrip(".") for note in run["notes"]) + "."
    return texts
