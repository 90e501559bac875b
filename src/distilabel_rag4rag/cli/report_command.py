"""`rag4rag report`: the comparison and its report on rows that exist already."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from distilabel_rag4rag.cli.errors import mistakes_exit
from distilabel_rag4rag.cli.options import parse_columns
from distilabel_rag4rag.schema import RAG4RAG, ZERO_SHOT

if TYPE_CHECKING:
    from distilabel_rag4rag.comparison import Comparison


def report(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="DIR|DATASET…",
            help="A folder of `compare`, or data with `id`, `answer` and `hallucination_score`"
            " (JSONL, CSV, parquet, a saved dataset, a Hub id); without a column `arm` each is an"
            " arm of its name. The Hub id of what `publish` wrote brings all its arms.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder for the report. Default: the folder of compare."),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            "--column",
            metavar="OURS=THEIRS",
            help="What the data calls one of our columns. May be repeated.",
        ),
    ] = None,
    split: Annotated[str | None, typer.Option(help="Split of a Hub data set.")] = None,
    threshold: Annotated[
        float, typer.Option(min=0.01, max=1, help="Score from which an answer is flagged.")
    ] = 0.5,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the intervals.")] = 0,
    baseline: Annotated[str, typer.Option(help="The arm to compare with.")] = ZERO_SHOT,
    candidate: Annotated[str, typer.Option(help="The arm that the verdict is about.")] = RAG4RAG,
    by: Annotated[
        list[str] | None, typer.Option(help="Break down by this column. May be repeated.")
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(help="Human labels: data with `id`, `arm` and `human_hallucinated`."),
    ] = None,
    price_in: Annotated[
        float | None, typer.Option(min=0, help="Money per million tokens in.")
    ] = None,
    price_out: Annotated[
        float | None, typer.Option(min=0, help="Money per million tokens out.")
    ] = None,
    currency: Annotated[str, typer.Option(help="Of the prices.")] = "USD",
    title: Annotated[
        str, typer.Option(help="Title of the page.")
    ] = "Hallucination with and without retrieval",
) -> None:
    """Compare arms whose rows exist already, also rows that others made.

    Writes summary.json, report.html, report.md and plots; those of an earlier report in the same
    folder are replaced. No model is loaded.
    """
    from distilabel_rag4rag.cli.console import print_comparison, print_files
    from distilabel_rag4rag.data.run_folder import ROWS_FILE

    console = Console()
    with mistakes_exit():
        comparison, files = _report(
            sources,
            out,
            columns=parse_columns(column or ()),
            split=split,
            labels=labels,
            title=title,
            prices=_prices(price_in, price_out, currency),
            settings={
                "threshold": threshold,
                "seed": seed,
                "baseline": baseline,
                "candidate": candidate,
                "by": tuple(by or ("title",)),
            },
        )
    print_comparison(comparison.to_dict(), {}, console)
    rows = Path(sources[0]) / ROWS_FILE
    is_folder = len(sources) == 1 and rows.is_file()
    print_files(comparison.to_dict(), files, rows if is_folder else None, console)


def _report(
    sources: list[str],
    out: Path | None,
    *,
    columns: dict[str, str | None],
    split: str | None,
    labels: str | None,
    title: str,
    prices: dict[str, Any] | None,
    settings: dict[str, Any],
) -> "tuple[Comparison, list[Path]]":
    import pandas as pd

    from distilabel_rag4rag.cli.read_rows import read_rows
    from distilabel_rag4rag.comparison import as_table, compare
    from distilabel_rag4rag.data.run_folder import RunFolder
    from distilabel_rag4rag.errors import ConfigError
    from distilabel_rag4rag.report import write_report

    folder = RunFolder(Path(sources[0]))
    tables = []
    for source in sources:
        rows = read_rows(source, split)
        arm = None if columns.get("arm", "arm") in rows else Path(source).stem
        tables.append(as_table(rows, columns=columns, arm=arm))
    if out is None and not (folder.has_rows and len(sources) == 1):
        raise ConfigError("out", None, "a folder for the report")
    comparison = compare(
        pd.concat(tables, ignore_index=True),
        labels=None if labels is None else read_rows(labels, split),
        **settings,
    )
    target = out or folder.path
    summary = RunFolder(target).write_summary(comparison.to_dict())
    run = folder.run() if folder.has_rows else None
    files = write_report(comparison, target, run=run, title=title, prices=prices)
    return comparison, [summary, *files]


def _prices(
    price_in: float | None, price_out: float | None, currency: str
) -> dict[str, Any] | None:
    if price_in is None and price_out is None:
        return None
    return {"input": price_in or 0.0, "output": price_out or 0.0, "currency": currency}
