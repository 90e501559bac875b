"""How many rows of an arm can be trained on, and by which columns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa

from distilabel_rag4rag.comparison.column_types import with_types
from distilabel_rag4rag.schema import keep_column
from distilabel_rag4rag.utils.text import counted


@dataclass(frozen=True)
class RowsToTrainOn:
    """Rows that passed every check; rows of unanswerable questions are never among them.

    Attributes:
        arm: the arm that the verdict is for.
        rows: how many of its rows.
        of: of so many.
        columns: the keep columns that are all true in them; none: the rows have no such columns,
            and those are counted that are grounded at the threshold of the comparison.
    """

    arm: str
    rows: int
    of: int
    columns: list[str]


def count_to_train_on(rows: pd.DataFrame, arm: str) -> RowsToTrainOn:
    """From the rows of one arm (see `table.mark_outcomes`)."""
    prefix = keep_column("")
    names = [str(name) for name in rows if str(name).startswith(prefix)]
    columns = [name for name in names if rows[name].notna().any()]
    kept = with_types(rows, dict.fromkeys(columns, pa.bool_()))
    fit = rows["grounded"] if not columns else (kept[columns] == True).all(axis=1)  # noqa: E712
    return RowsToTrainOn(arm, int((fit & ~rows["unanswerable"]).sum()), len(rows), columns)


def describe_to_train_on(found: Mapping[str, Any], file: str | None = None) -> str:
    """The end of a result: what can be trained on, and where it is.

    Args:
        found: `to_train_on` of summary.json.
        file: that holds the rows, where there is one.
    """
    rows = f"{found['rows']:,} of {counted(found['of'], 'row')} of {found['arm']}"
    if set(found["columns"]) <= {keep_column("grounding")}:
        be = "is" if found["rows"] == 1 else "are"
        text = f"{rows} {be} grounded, which is not the same as right"
    else:
        text = f"{rows} passed every check"
    if file is None:
        return f"{text}."
    columns = " and ".join(found["columns"])
    chosen = f"arm {found['arm']}" + (f", {columns} true" if columns else ", grounded answers")
    return f"{text}: {file} ({chosen})"
