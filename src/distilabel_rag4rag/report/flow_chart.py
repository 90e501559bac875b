"""The paired picture: which questions went from what to what."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from distilabel_rag4rag.comparison import PairResult
from distilabel_rag4rag.comparison.formatting import shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

BAR, GAP = 0.035, 0.02


def draw_flow(figure: "Figure", pair: PairResult, colours: Mapping[str, str]) -> "Figure":
    """Two columns of outcomes, a's left and b's right, with bands for the questions between."""
    axes = figure.subplots()
    outcomes = [o for o in colours if _total(pair, o, left=True) + _total(pair, o, left=False)]
    tops_a = _stack(axes, pair, outcomes, colours, left=True)
    tops_b = _stack(axes, pair, outcomes, colours, left=False)
    for a in outcomes:
        for b in outcomes:
            share = pair.transitions[a][b] / pair.rows
            if share:
                _band(axes, tops_a[a], tops_b[b], share, colours[b])
                tops_a[a] -= share
                tops_b[b] -= share
    beside = 0.3 + 0.04 * len(f"{pair.rows:,}")  # for the labels
    axes.set_xlim(-beside, 1 + beside)
    axes.set_ylim(-0.02, 1.11 + GAP * (len(outcomes) - 1))
    axes.axis("off")
    return figure


def _total(pair: PairResult, outcome: str, *, left: bool) -> int:
    if left:
        return sum(pair.transitions[outcome].values())
    return sum(to[outcome] for to in pair.transitions.values())


def _stack(
    axes: "Axes",
    pair: PairResult,
    outcomes: list[str],
    colours: Mapping[str, str],
    *,
    left: bool,
) -> dict[str, float]:
    """Draws one column from the top down; gives the top of each outcome."""
    top = 1 + GAP * (len(outcomes) - 1)
    x = 0.0 if left else 1.0
    side = "right" if left else "left"
    axes.text(x, top + 0.05, shorten(pair.a if left else pair.b), ha=side, fontweight="bold")
    tops, last = {}, float("inf")
    for outcome in outcomes:
        count = _total(pair, outcome, left=left)
        height = count / pair.rows
        tops[outcome] = top
        axes.add_patch(_rectangle(x - BAR if left else x, top - height, height, colours[outcome]))
        if count:
            # Labels of thin neighbours are pushed apart.
            y = last = min(top - height / 2, last - 0.055)
            beside = x - BAR - 0.02 if left else x + BAR + 0.02
            axes.text(beside, y, f"{outcome} {count:,}", ha=side, va="center", fontsize=9)
        top -= height + GAP
    return tops


def _rectangle(x: float, y: float, height: float, colour: str) -> "Rectangle":
    from matplotlib.patches import Rectangle

    return Rectangle((x, y), BAR, height, color=colour, lw=0)


def _band(axes: "Axes", left: float, right: float, share: float, colour: str) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    path = Path(
        [
            (0, left),
            (0.5, left),
            (0.5, right),
            (1, right),
            (1, right - share),
            (0.5, right - share),
            (0.5, left - share),
            (0, left - share),
            (0, left),
        ],
        [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY],
    )
    axes.add_patch(PathPatch(path, facecolor=colour, alpha=0.32, lw=0))
