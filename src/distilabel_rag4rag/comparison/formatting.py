"""Figures as text, with their intervals."""

from distilabel_rag4rag.comparison.statistics import Estimate


def short(name: str) -> str:
    """A name for a plot, which has no room for a long one."""
    return name if len(name) <= 18 else f"{name[:17]}…"


def percent(estimate: Estimate, *, interval: bool = True) -> str:
    """`21.0% [18.2, 24.1]`, or `n/a`."""
    if estimate.value is None:
        return "n/a"
    text = f"{100 * estimate.value:.1f}%"
    if not interval or estimate.low is None or estimate.high is None:
        return text
    return f"{text} [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"


def number(estimate: Estimate, *, interval: bool = True) -> str:
    """`0.41 [0.37, 0.45]`, or `n/a`."""
    if estimate.value is None:
        return "n/a"
    text = f"{estimate.value:.2f}"
    if not interval or estimate.low is None or estimate.high is None:
        return text
    return f"{text} [{estimate.low:.2f}, {estimate.high:.2f}]"


def points(estimate: Estimate) -> str:
    """A difference of rates in percentage points: `-22.1 points [-27.0, -17.3]`."""
    if estimate.value is None:
        return "n/a"
    text = f"{100 * estimate.value:+.1f} points"
    if estimate.low is None or estimate.high is None:
        return text
    return f"{text} [{100 * estimate.low:+.1f}, {100 * estimate.high:+.1f}]"


def p_value(p: float) -> str:
    """`p = 0.012`, or `p < 0.001`."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
