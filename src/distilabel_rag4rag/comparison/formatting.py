"""Figures as text, with their intervals."""

from distilabel_rag4rag.comparison.statistics import Estimate

UNKNOWN = "n/a"


def percent(estimate: Estimate, *, interval: bool = True) -> str:
    """`21.0% [18.2, 24.1]`, or `n/a`."""
    return _figure(estimate, 100, ".1f", "%", interval)


def number(estimate: Estimate, *, digits: int = 2, interval: bool = True) -> str:
    """`0.41 [0.37, 0.45]`, or `n/a`."""
    return _figure(estimate, 1, f".{digits}f", "", interval)


def points(estimate: Estimate) -> str:
    """A difference of rates in percentage points: `-22.1 points [-27.0, -17.3]`."""
    return _figure(estimate, 100, "+.1f", " points", True)


def difference(estimate: Estimate) -> str:
    """A difference of means: `+0.12 [+0.05, +0.19]`."""
    return _figure(estimate, 1, "+.2f", "", True)


def gain(estimate: Estimate) -> str:
    """A difference of means with three digits: `+0.031 [0.010, 0.052]`."""
    return _figure(estimate, 1, "+.3f", "", True).replace("[+", "[").replace(", +", ", ")


def _figure(estimate: Estimate, scale: int, form: str, unit: str, interval: bool) -> str:
    if estimate.value is None:
        return UNKNOWN
    text = f"{scale * estimate.value:{form}}{unit}"
    if not interval or estimate.low is None or estimate.high is None:
        return text
    return f"{text} [{scale * estimate.low:{form}}, {scale * estimate.high:{form}}]"


def p_value(p: float) -> str:
    """`p = 0.012`, or `p < 0.001`."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def bare_p(p: float) -> str:
    """A p-value for a table whose heading says what it is: `0.012`, or `< 0.001`."""
    return p_value(p).removeprefix("p = ").removeprefix("p ")


def count(n: int | None) -> str:
    """`12,345`, or `n/a`."""
    return UNKNOWN if n is None else f"{n:,}"


def shorten(name: str, longest: int = 18) -> str:
    """A name for a plot, where a long one does not fit."""
    return name if len(name) <= longest else f"{name[: longest - 1]}…"
