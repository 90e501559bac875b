"""A check of a finished run: whether each row came out once and in order, and what is None."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from distilabel_rag4rag.errors import RunFailed
from distilabel_rag4rag.runtime.tally import Tally


@dataclass(frozen=True)
class RunCheck:
    """The rows that went into a run, compared with those that came out.

    Attributes:
        rows_in: rows that went in.
        rows_out: rows that came out.
        missing: ids that went in and did not come out.
        unknown: ids that came out and had not gone in.
        repeated: ids that came out more often than they went in.
        in_order: whether the ids that went in and came out did both in the same order.
        none: column -> rows in which it is None or missing; columns without such rows are left
            out.
        steps: step -> its rows, failed rows and first error, from the pipeline's `tally`.
    """

    rows_in: int
    rows_out: int
    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    repeated: tuple[str, ...]
    in_order: bool
    none: dict[str, int]
    steps: dict[str, dict[str, Any]]

    @property
    def complete(self) -> bool:
        """Every row came out exactly once, in order."""
        return self.in_order and not (self.missing or self.unknown or self.repeated)

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON can hold them."""
        return asdict(self)

    def summary(self) -> str:
        """The counts, and one line for each problem."""
        lines = [f"{self.rows_in} rows in, {self.rows_out} rows out"]
        for what in ("missing", "unknown", "repeated"):
            if ids := getattr(self, what):
                more = ", …" if len(ids) > 5 else ""
                lines.append(f"{what}: {len(ids)} ({', '.join(map(str, ids[:5]))}{more})")
        if not self.in_order:
            lines.append("the rows came out in another order")
        lines += [f"{column}: None in {count} rows" for column, count in self.none.items()]
        for step, count in self.steps.items():
            if count["failed"]:
                cause = f", first error: {count['first_error']}" if count["first_error"] else ""
                lines.append(f"step '{step}': {count['failed']} of {count['rows']} failed{cause}")
        return "\n".join(lines)

    def raise_if_incomplete(self) -> None:
        """Raise an error for rows that are not as they were.

        Raises:
            RunFailed: if a row is missing, unknown, repeated or out of order.
        """
        if not self.complete:
            raise RunFailed(self.summary())


def check_run(
    rows_in: Iterable[Mapping[str, Any]],
    rows_out: Iterable[Mapping[str, Any]],
    *,
    columns: Sequence[str] | None = None,
    id_column: str = "id",
    tally: Tally | None = None,
) -> RunCheck:
    """Compare the rows that came out of a run with those that went in.

    Args:
        rows_in: the rows that went in.
        rows_out: the rows that came out.
        columns: those to look for None in; by default all that any row out has.
        id_column: the column that names a row in both.
        tally: `pipeline.tally` of the run, for the counts by step.

    Raises:
        KeyError: if a row has no id.
    """
    out = list(rows_out)
    ids_in, ids_out = [row[id_column] for row in rows_in], [row[id_column] for row in out]
    expected, found = Counter(ids_in), Counter(ids_out)
    names = columns if columns is not None else dict.fromkeys(name for row in out for name in row)
    none = {name: sum(row.get(name) is None for row in out) for name in names}
    return RunCheck(
        rows_in=len(ids_in),
        rows_out=len(ids_out),
        missing=tuple(expected - found),
        unknown=tuple(id_ for id_ in found if id_ not in expected),
        repeated=tuple(id_ for id_ in found - expected if id_ in expected),
        in_order=_first_seen(ids_in, found) == _first_seen(ids_out, expected),
        none={name: count for name, count in none.items() if count},
        steps={name: count.counts() for name, count in tally.steps.items()} if tally else {},
    )


def _first_seen(ids: Sequence[str], also_in: Mapping[str, int]) -> list[str]:
    """The ids that are also in the other rows, each at its first place."""
    return list(dict.fromkeys(id_ for id_ in ids if id_ in also_in))
