"""Writes report.html, report.md and plots/*.png."""

import base64
import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from distilabel_rag4rag.comparison import Comparison, formatting
from distilabel_rag4rag.report.charts import as_png, as_svg, draw_charts, main_pair, style
from distilabel_rag4rag.report.examples import KINDS, choose_examples
from distilabel_rag4rag.report.markdown import escape_markdown
from distilabel_rag4rag.report.sentences import bare_p, costs, describe_run, measures, sentences

#: The page stays under 2 MB, plots and style included; it shows fewer examples for that.
PAGE_BYTES = 1_900_000

#: An interval in a sentence, which no line break should part.
_INTERVAL = re.compile(r"\[(\S+), (\S+)\]")


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
        "told": sentences(comparison, pair),
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
        "report.md": _render("report.md.j2", values | {"examples": chosen[:markdown_examples]}),
        **pngs,
    }
    return [_write(out / name, content) for name, content in files.items()]


def _page(values: Mapping[str, Any]) -> bytes:
    """With as many of the examples as fit."""
    page, shown = _render("report.html.j2", values), len(values["examples"])
    while len(page) > PAGE_BYTES and shown:
        shown = min(shown - 1, shown * PAGE_BYTES // len(page))
        page = _render("report.html.j2", {**values, "examples": values["examples"][:shown]})
    return page


def _render(template: str, values: Mapping[str, Any]) -> bytes:
    html = template == "report.html.j2"
    environment = Environment(
        loader=PackageLoader("distilabel_rag4rag.report"),
        autoescape=html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        # Markdown is not HTML: what stands in {{ }} goes through its own escape.
        finalize=None if html else escape_markdown,
    )
    environment.filters |= {
        "percent": formatting.percent,
        "number": formatting.number,
        "points": formatting.points,
        "p": formatting.p_value,
        "bare": bare_p,
        "piece": lambda text: Markup(escape_markdown(text, keep_ends=True)),
        "tie": lambda text: _INTERVAL.sub("[\\1,\u00a0\\2]", text),
        "count": lambda n: "n/a" if n is None else f"{n:,}",
    }
    loader = environment.loader
    assert loader is not None
    css, script = (loader.get_source(environment, name)[0] for name in ("style.css", "report.js"))
    # The page runs this one script and no other, whatever the data hold.
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    environment.globals |= {
        "css": Markup(css),
        "script": Markup(script),
        "script_hash": f"sha256-{digest}",
    }
    return environment.get_template(template).render(values).encode()


def _write(path: Path, content: bytes) -> Path:
    """Complete or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(content)
    os.replace(part, path)
    return path
