"""Writes report.html, report.md and plots/*.png."""

import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from markupsafe import Markup

from distilabel_rag4rag.comparison import Comparison
from distilabel_rag4rag.comparison.table import run_arms
from distilabel_rag4rag.comparison.to_train_on import describe_to_train_on
from distilabel_rag4rag.data.run_folder import ROWS_FILE
from distilabel_rag4rag.report.charts import as_png, as_svg, draw_charts, main_pair, style
from distilabel_rag4rag.report.examples import KINDS, choose_examples
from distilabel_rag4rag.report.render import render
from distilabel_rag4rag.report.sentences import (
    costs,
    describe_run,
    failed_rows,
    measures,
    sentences,
)
from distilabel_rag4rag.schema import REPAIRED
from distilabel_rag4rag.utils.atomic import write_whole

#: The page stays under 2 MB, plots and style included; fewer examples are in it for that.
PAGE_BYTES = 1_900_000


def write_report(
    comparison: Comparison,
    out_dir: str | os.PathLike[str],
    *,
    run: Mapping[str, Any] | None = None,
    title: str = "Hallucination with and without retrieval",
    prices: Mapping[str, Any] | None = None,
    examples: int = 400,
    markdown_examples: int = 5,
) -> list[Path]:
    """Write the report of a comparison.

    The HTML file is complete in itself: it opens from disk, loads nothing from a network and
    stays under 2 MB. All text of the data is escaped.

    Args:
        comparison: what `compare` found; it holds the rows.
        out_dir: a folder, made if it is missing; files of an earlier report are replaced.
        run: how the rows were made, for the table of costs and the foot of the page: `arms`
            (arm -> `seconds`), `settings`, `models`, `versions`, `started`; all may be missing.
        title: of the page.
        prices: money per million tokens: `input`, `output`, and `currency` (default USD).
        examples: questions to show at most.
        markdown_examples: the same for report.md.

    Returns:
        The files written: report.html, report.md, then the plots.

    Raises:
        ImportError: if matplotlib is missing.
    """
    out = Path(out_dir)
    with style():
        charts = draw_charts(comparison)
        svgs = {name: Markup(as_svg(chart, name)) for name, chart in charts.items()}
        pngs = {f"plots/{name}.png": as_png(chart) for name, chart in charts.items()}
    chosen, kinds = choose_examples(comparison, examples)
    a, b = comparison.verdict.baseline, comparison.verdict.candidate
    pair = main_pair(comparison)
    values = {
        "title": title,
        "c": comparison,
        "pair": pair,
        "measures": {
            name: measures(p)
            for name, p in sorted(comparison.pairs.items(), key=lambda item: item[1] is not pair)
        },
        "says": sentences(comparison, pair),
        "failed": failed_rows(comparison),
        "unanswerable": any(arm.unanswerable for arm in comparison.arms.values()),
        "run_arms": run_arms(comparison.arms),
        "REPAIRED": REPAIRED,
        "to_train_on": describe_to_train_on(asdict(comparison.to_train_on), _rows_file(out)),
        "costs": costs(comparison, run or {}, prices),
        "run": describe_run(run or {}),
        "charts": svgs,
        "plots": list(charts),
        "examples": chosen,
        "kinds": {kind: text.format(a=a, b=b) if b else kind for kind, text in KINDS.items()},
        "kind_counts": kinds,
        "models": ", ".join(sorted(comparison.table["model_name"].dropna().unique())),
        "questions": comparison.table["id"].nunique(),
    }
    files = {
        "report.html": _page(values),
        "report.md": render("report.md.j2", values | {"examples": chosen[:markdown_examples]}),
        **pngs,
    }
    return [_write(out / name, content) for name, content in files.items()]


def _page(values: Mapping[str, Any]) -> bytes:
    """With as many of the examples as fit."""
    page, number = render("report.html.j2", values), len(values["examples"])
    while len(page) > PAGE_BYTES and number:
        number = min(number - 1, number * PAGE_BYTES // len(page))
        page = render("report.html.j2", {**values, "examples": values["examples"][:number]})
    return page


def _rows_file(out: Path) -> str | None:
    """The file that the rows are in, seen from the report."""
    return ROWS_FILE if (out / ROWS_FILE).is_file() else None


def _write(path: Path, content: bytes) -> Path:
    with write_whole(path) as part:
        part.write_bytes(content)
    return path
