"""Which rows are fit to train on: those that passed every check."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from distilabel_rag4rag.schema import keep_column


def marks_among(names: Iterable[str]) -> list[str]:
    """The columns that say whether a row passed a check."""
    return [name for name in names if name.startswith(keep_column(""))]


def why_not_kept(row: Mapping[str, Any], marks: Sequence[str]) -> str | None:
    """The check that a row did not pass, or that its question has no answer; None to keep it."""
    for mark in marks:
        if not bool(row.get(mark) == True):  # noqa: E712  NaN is truthy
            return mark.removeprefix(keep_column(""))
    # A question without an answer has no passage and no answer to be paired with.
    return "unanswerable" if bool(row.get("answerable") == False) else None  # noqa: E712
