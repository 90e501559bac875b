"""`rag4rag check-export`: whether something stands in two splits of exported training data."""

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from distilabel_rag4rag.cli.errors import mistakes_exit
from distilabel_rag4rag.utils.text import counted, for_terminal

if TYPE_CHECKING:
    from distilabel_rag4rag.export import Leak

#: Leaks of a kind that are shown; all are counted.
SHOWN = 3


def check_export(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            help="A folder of build or of an export, with `<format>/<split>.parquet`, or one in"
            " BEIR's form.",
        ),
    ],
    near_duplicate: Annotated[
        float,
        typer.Option(min=0.1, max=1, help="The least likeness of two texts that are the same."),
    ] = 0.8,
) -> None:
    """Check that nothing of validation or test stands in another split's files.

    Looks for the same question, the same passage, passages of one document, near-duplicates and
    overlapping passages, and for faults of the files in BEIR's form. Exits 1 if there are any.
    """
    with mistakes_exit():
        from distilabel_rag4rag.data.run_folder import EXPORT_FOLDER
        from distilabel_rag4rag.export import check_export as find_leaks
        from distilabel_rag4rag.export.beir import CORPUS_FILE, check_beir

        if (folder / EXPORT_FOLDER).is_dir():
            folder = folder / EXPORT_FOLDER  # of a build
        leaks = find_leaks(folder, near_duplicate)
        places = [place for place in (folder / "beir", folder) if (place / CORPUS_FILE).is_file()]
        problems = [problem for place in places for problem in check_beir(place)]
    console = Console(soft_wrap=True, highlight=False)
    for problem in problems:
        console.print(for_terminal(problem), style="red", markup=False)
    _print_leaks(console, leaks)
    if leaks or problems:
        raise typer.Exit(1)
    if not _has_held_out(folder):
        console.print(
            "There is no validation or test split here: nothing that training could leak into.",
            style="yellow",
        )
        return
    console.print("Nothing of validation or test stands in another split.")


def _has_held_out(folder: Path) -> bool:
    names = ("validation", "test", "dev")
    return any(path.stem in names for path in folder.glob("**/*") if path.is_file())


def _print_leaks(console: Console, leaks: "list[Leak]") -> None:
    by_kind: dict[tuple[str, str, str], list[Leak]] = defaultdict(list)
    for leak in leaks:
        by_kind[leak.kind, leak.held_out, leak.other].append(leak)
    for (kind, held_out, other), found in by_kind.items():
        console.print(
            f"{counted(len(found), 'leak')} of {held_out} into {other}: {_MEANING[kind]}",
            style="red",
            markup=False,
        )
        for leak in found[:SHOWN]:
            texts = dict.fromkeys(map(_short, (leak.text, leak.other_text)))
            console.print("  " + "  |  ".join(texts), markup=False)


_MEANING = {
    "question": "the same question",
    "passage": "the same passage",
    "document": "passages of one document",
    "near-duplicate": "passages that are nearly the same",
    "overlap": "passages that overlap",
}


def _short(text: str, most: int = 60) -> str:
    text = for_terminal(" ".join(text.split()))
    return text if len(text) <= most else f"{text[: most - 1]}…"
