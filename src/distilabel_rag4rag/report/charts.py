"""The plots, each once: as PNG for a dataset card, as SVG that takes its colours from the page."""

import io
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from distilabel_rag4rag.comparison import Comparison, Estimate
from distilabel_rag4rag.comparison.formatting import number, shorten
from distilabel_rag4rag.comparison.formatting import percent as as_percent
from distilabel_rag4rag.comparison.table import run_arms
from distilabel_rag4rag.report.flow_chart import draw_flow
from distilabel_rag4rag.schema import REPAIRED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Colours in the PNG files, and the CSS variables that replace them in the page. Arms take
#: theirs in order; the set of Okabe and Ito is distinguishable by colour-blind readers.
INK, MUTED, HAIR = "#22252b", "#6f747c", "#d9d6cf"
ARM_COLOURS = ("#c8501e", "#b98500", "#0a6fae", "#8b8f96", "#8a5aa8", "#2f8f6b")
VARIABLES = {INK: "--ink", MUTED: "--muted", HAIR: "--hair"} | {
    colour: f"--arm-{i}" for i, colour in enumerate(ARM_COLOURS)
}
OUTCOME_COLOURS = {
    "grounded": "#3f8f7a",
    "flagged": "#d0563b",
    "unjudged": "#c9a63f",
    "abstained": "#9aa0a8",
    "failed": "#5c6169",
}
VARIABLES |= {colour: f"--{outcome}" for outcome, colour in OUTCOME_COLOURS.items()}

STYLE: dict[str, Any] = {
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": HAIR,
    "axes.titlecolor": INK,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9.5,
    "svg.fonttype": "none",  # text stays text
    "text.parse_math": False,  # names of arms are no formulas
}


def draw_charts(comparison: Comparison) -> dict[str, "Figure"]:
    """All plots that these data allow, by file name; draw them inside `style()`."""
    c = comparison
    charts = {
        "hallucination_rate": _dots(c, "hallucination_rate", "Hallucinated, of judged answers"),
        "grounded_rate": _dots(c, "grounded_rate", "Grounded answers, of all questions"),
    }
    if any(arm.f1.value is not None for arm in c.arms.values()):
        charts["f1"] = _dots(c, "f1", "F1 against the human answer", percent=False)
    pair = main_pair(c)
    if pair is not None and pair.rows:
        charts["paired"] = draw_flow(_figure(4.6, 3.7), pair, OUTCOME_COLOURS)
    if any(arm.judged for arm in c.arms.values()):
        charts["thresholds"] = _thresholds(c)
        charts["scores"] = _scores(c)
    if c.judge.labelled is not None:
        charts["calibration"] = _calibration(c)
    return charts


def main_pair(comparison: Comparison) -> Any:
    """The pair that the verdict is about, or None."""
    a, b = comparison.verdict.baseline, comparison.verdict.candidate
    pairs = comparison.pairs
    return pairs.get(f"{a}_vs_{b}") or pairs.get(f"{b}_vs_{a}")


def style() -> Any:
    """The look of the plots, as a context."""
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError(
            "The report's plots need matplotlib: pip install 'distilabel-rag4rag[report]'"
        ) from error
    return matplotlib.rc_context(STYLE)  # type: ignore[arg-type]


def as_png(figure: "Figure") -> bytes:
    """For Markdown: light, on white."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=200, facecolor="white", metadata={"Software": None})
    return file.getvalue()


def as_svg(figure: "Figure", name: str) -> str:
    """For the page: transparent, its colours replaced by the page's variables."""
    import matplotlib

    file = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": name}):
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    # The page gives the size; ids are made unique, since several plots share one document.
    svg = re.sub(r' (width|height)="[\d.]+pt"', "", svg, count=2)
    return re.sub(r'( id="|href="#|url\(#)', rf"\g<1>{name}-", svg)


def arm_colour(comparison: Comparison, arm: str) -> str:
    return ARM_COLOURS[list(comparison.arms).index(arm) % len(ARM_COLOURS)]


def _figure(width: float, height: float) -> "Figure":
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _dots(c: Comparison, measure: str, title: str, *, percent: bool = True) -> "Figure":
    """One dot and its interval per arm."""
    figure = _figure(3.3, 0.8 + 0.34 * len(c.arms))
    axes = figure.subplots()
    for y, (name, arm) in enumerate(c.arms.items()):
        _dot(axes, y, getattr(arm, measure), arm_colour(c, name), percent)
    axes.set_yticks(range(len(c.arms)), list(map(shorten, c.arms)))
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.invert_yaxis()
    axes.margins(y=0.18)
    axes.spines["left"].set_visible(False)
    _share_axis(axes, "x", percent)
    axes.set_xlim(-0.02, 1.28)  # the figures stand in a column of their own
    axes.spines["bottom"].set_bounds(0, 1)
    figure.suptitle(title, x=0.02, ha="left", fontsize=10)
    return figure


def _dot(axes: "Axes", y: int, estimate: Estimate, colour: str, percent: bool) -> None:
    if estimate.value is None:
        axes.text(0.0, y, "no answers", va="center", color=MUTED, fontsize=9)
        return
    if estimate.low is not None and estimate.high is not None:
        axes.plot([estimate.low, estimate.high], [y, y], color=colour, lw=3, alpha=0.45)
    axes.plot(estimate.value, y, "o", color=colour, ms=7)
    text = as_percent if percent else number
    axes.text(1.05, y, text(estimate, interval=False), va="center", fontsize=9.5)


def _share_axis(axes: "Axes", which: Literal["x", "y"], percent: bool = True) -> None:
    from matplotlib.ticker import PercentFormatter

    axis = axes.xaxis if which == "x" else axes.yaxis
    (axes.set_xlim if which == "x" else axes.set_ylim)(-0.02, 1.02)
    axis.set_ticks([0, 0.25, 0.5, 0.75, 1])
    if percent:
        axis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.grid(axis=which, color=HAIR, lw=0.7)
    axes.set_axisbelow(True)


def _thresholds(c: Comparison) -> "Figure":
    figure = _figure(4.6, 3.4)
    axes = figure.subplots()
    x = c.thresholds.thresholds
    for name, rates in c.thresholds.rates.items():
        colour = arm_colour(c, name)
        if name != REPAIRED:  # computed from two others, whose bands are drawn
            axes.fill_between(x, *_band(rates), color=colour, alpha=0.14, lw=0)
        axes.plot(
            x,
            [_or_nan(rate.value) for rate in rates],
            color=colour,
            lw=1.8,
            ls="--" if name == REPAIRED else "-",
            label=shorten(name),
        )
    axes.axvline(c.settings["threshold"], color=MUTED, lw=0.9, ls=":")
    _share_axis(axes, "y")
    axes.set_xlim(0, 1)
    axes.set_xlabel("threshold")
    axes.set_title("Hallucination rate at every threshold")
    _legend(figure, axes)
    return figure


def _scores(c: Comparison) -> "Figure":
    names = run_arms(c.arms)
    figure = _figure(4.6, 0.9 + 0.75 * len(names))
    rows = figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
    edges = c.thresholds.score_edges
    for axes, name in zip(rows, names, strict=True):
        counts = c.thresholds.scores[name]
        axes.stairs(counts, edges, fill=True, color=arm_colour(c, name), alpha=0.8)
        axes.axvline(c.settings["threshold"], color=MUTED, lw=0.9, ls=":")
        axes.set_yticks([0, max(counts)] if max(counts) else [0])
        axes.set_ylabel(shorten(name), rotation=0, ha="right", va="center", color=INK)
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0, labelsize=8)
    rows[-1].set_xlim(0, 1)
    rows[-1].set_xlabel("hallucination score")
    rows[0].set_title("Answers by score")
    return figure


def _calibration(c: Comparison) -> "Figure":
    figure = _figure(4.6, 3.4)
    axes = figure.subplots()
    bins = c.judge.labelled.calibration if c.judge.labelled else []
    axes.plot([0, 1], [0, 1], color=HAIR, lw=1)
    axes.plot(
        [b["mean_score"] for b in bins],
        [b["share_hallucinated"] for b in bins],
        color=ARM_COLOURS[2],
        lw=1.5,
    )
    for b in bins:
        size = 3 + 9 * (b["rows"] / max(b["rows"] for b in bins)) ** 0.5
        axes.plot(
            b["mean_score"],
            b["share_hallucinated"],
            "o",
            color=ARM_COLOURS[2],
            ms=size,
            clip_on=False,
        )
    _share_axis(axes, "y")
    axes.set_xlim(0, 1)
    axes.set_xlabel("mean hallucination score")
    axes.set_title("Called hallucinated by people")
    return figure


def _legend(figure: "Figure", axes: "Axes") -> None:
    figure.legend(
        *axes.get_legend_handles_labels(),
        loc="outside lower center",
        ncols=2,
        frameon=False,
        fontsize=9,
        handlelength=1.4,
    )


def _band(rates: Sequence[Estimate]) -> tuple[list[float], list[float]]:
    return [_or_nan(rate.low) for rate in rates], [_or_nan(rate.high) for rate in rates]


_or_nan: Callable[[float | None], float] = lambda x: float("nan") if x is None else x  # noqa: E731
