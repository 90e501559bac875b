"""The rows of a run that has ended, as distilabel's Distiset."""

from contextlib import contextmanager
from shutil import rmtree
from typing import TYPE_CHECKING

import datasets
from distilabel.constants import DISTILABEL_METADATA_KEY, STEPS_OUTPUTS_PATH
from distilabel.distiset import create_distiset
from distilabel.utils.docstring import parse_google_docstring

from distilabel_rag4rag.errors import RunFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from distilabel.distiset import Distiset
    from distilabel.steps.base import _Step


def read_distiset(
    files: "Mapping[str, Path]",
    steps: "Iterable[_Step]",
    rows: "Mapping[str, int]",
    *,
    enable_metadata: bool,
) -> "Distiset":
    """As distilabel, less the metadata that is not needed and the search on arXiv.

    The search has no time limit; the citations that docstrings hold are kept. The parquet files
    go: the `datasets` library has made a copy of its own.

    Args:
        files: where the run's files are, by distilabel's names.
        steps: all the steps of the run.
        rows: name of a last step -> the rows that it has finished.
        enable_metadata: whether to keep the metadata column.

    Raises:
        RunFailed: if distilabel left out rows that it could not read.
    """
    with _without_progress_bars():
        distiset = create_distiset(
            files["data"], files["pipeline"], files["log_file"], enable_metadata
        )
    for name, splits in distiset.items():
        if not enable_metadata and DISTILABEL_METADATA_KEY in splits["train"].features:
            distiset[name] = splits.remove_columns(DISTILABEL_METADATA_KEY)
    distiset._citations = [
        citation for step in steps for citation in parse_google_docstring(step)["citations"]
    ]
    if len(rows) > 1 and "default" in distiset:  # no row was routed to the others
        (name,) = (leaf for leaf, count in rows.items() if count)
        distiset[name] = distiset.pop("default")
    for leaf, count in rows.items():
        splits = distiset.get(leaf if len(rows) > 1 else "default")
        found = 0 if splits is None else splits["train"].num_rows
        if found != count:
            raise RunFailed(f"step '{leaf}' gave {count} rows, {found} could be read again")
    rmtree(files["data"] / STEPS_OUTPUTS_PATH)
    return distiset


@contextmanager
def _without_progress_bars() -> "Iterator[None]":
    if datasets.are_progress_bars_disabled():
        yield
        return
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        datasets.enable_progress_bars()
