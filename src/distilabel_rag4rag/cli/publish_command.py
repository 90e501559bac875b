"""`rag4rag publish`: a run as a data set on the Hugging Face Hub."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from distilabel_rag4rag.cli.errors import mistakes_exit

if TYPE_CHECKING:
    from distilabel_rag4rag.hub.prepare import Prepared


def publish(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="A folder of `compare`, or one saved by a Distiset or by datasets."
        ),
    ],
    repo_id: Annotated[str, typer.Argument(metavar="REPO_ID", help="OWNER/NAME on the Hub.")],
    license: Annotated[
        str | None,
        typer.Option(
            help="The Hub's id of the licence, e.g. cc-by-4.0. No default for documents of others."
        ),
    ] = None,
    language: Annotated[str | None, typer.Option(help="Codes, comma-separated, e.g. en.")] = None,
    passages: Annotated[
        str | None, typer.Option(help="Where the passages come from, as a sentence for the card.")
    ] = None,
    title: Annotated[
        str | None, typer.Option(help="Title of the card. Default: the repository's name.")
    ] = None,
    private: Annotated[
        bool, typer.Option("--private", help="Make the repository private.")
    ] = False,
    revision: Annotated[str | None, typer.Option(help="Branch; made if it is missing.")] = None,
    configs: Annotated[
        str | None,
        typer.Option(
            help="Which configs, comma-separated: the arms, kept, pairs, passage_pairs, corpus,"
            " queries, qrels, notebook (the published notebooks' columns). Default: all but"
            " notebook."
        ),
    ] = None,
    accept: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TEXT",
            help="A text that looks like a key and is harmless, in full, e.g. a key that a passage"
            " invents. May be given several times.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write what would be sent into --out; send nothing.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder of --dry-run. Default: DIR-publish."),
    ] = None,
) -> None:
    """Publish a run as a data set: rows, card, plots, pipelines, in one commit or not at all.

    The token comes from HF_TOKEN or `hf auth login`. Pipelines, settings and rows are searched for
    keys before anything is sent; local paths are taken out.
    """
    from distilabel_rag4rag.hub import dry_run as write
    from distilabel_rag4rag.hub import publish as send

    console = Console()
    settings = {
        "license": license,
        "language": language,
        "passages": passages,
        "title": title,
        "private": private,
        "revision": revision,
        "accept": accept or (),
        "configs": None if configs is None else [name.strip() for name in configs.split(",")],
    }
    with mistakes_exit():
        if out and not dry_run:
            raise ValueError(
                "--out is the folder of --dry-run, which is not set: nothing was sent."
            )
        if dry_run:
            run_folder = source.expanduser().resolve()
            folder = out or run_folder.with_name(f"{run_folder.name}-publish")
            _list(write(source, repo_id, folder, **settings), console)
            console.print(
                f"Nothing was sent. The files are in {folder}", highlight=False, markup=False
            )
            return
        done = send(source, repo_id, **settings)  # type: ignore[arg-type]
    _list(done.prepared, console)
    outcome = "Published" if done.changed else "Nothing had changed"
    console.print(f"{outcome}: {done.url}", highlight=False, markup=False, soft_wrap=True)


def _list(prepared: "Prepared", console: Console) -> None:
    """The files with their sizes, the configs with their rows, what was left out."""
    for name, size in prepared.files.items():
        console.print(f"  {size:>11,}  {name}", highlight=False, markup=False, soft_wrap=True)
    for name, splits in prepared.configs.items():
        sizes = ", ".join(f"{split} {rows:,}" for split, rows in splits.items())
        console.print(f"{name}: {sizes}", highlight=False, markup=False, soft_wrap=True)
    for note in prepared.notes:
        console.print(f"- {note}", style="dim", highlight=False, markup=False, soft_wrap=True)
