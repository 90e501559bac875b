"""Runs the arms and puts their rows into one table: one row per question and arm."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from distilabel.errors import DistilabelUserError

from distilabel_rag4rag.columns import arrow_schema

if TYPE_CHECKING:
    import pyarrow as pa
    from distilabel.distiset import Distiset
    from distilabel.pipeline import Pipeline

#: Packages whose versions shape the result.
PACKAGES = (
    "distilabel-rag4rag",
    "distilabel",
    "lettucedetect",
    "faiss-cpu",
    "sentence-transformers",
    "transformers",
    "torch",
    "datasets",
    "numpy",
)


@dataclass(frozen=True)
class ArmRun:
    """One arm's rows, in the order of the questions, and what they took.

    Attributes:
        rows: all columns of columns.py.
        seconds: wall time, loading of the models included.
    """

    arm: str
    rows: "pa.Table"
    seconds: float

    def tokens(self) -> dict[str, int | None]:
        """Tokens in and out, summed; None where the LLM does not count."""
        import pyarrow.compute as pc

        return {name: pc.sum(self.rows[name]).as_py() for name in ("input_tokens", "output_tokens")}

    def model_name(self) -> str | None:
        """The LLM, as its rows name it."""
        return next((name for name in self.rows["model_name"].to_pylist() if name), None)

    def counts(self) -> dict[str, Any]:
        """Rows, and how many have None in each column that a step writes."""
        nulls = {name: self.rows[name].null_count for name in self.rows.column_names}
        return {"rows": self.rows.num_rows, "none": {n: c for n, c in nulls.items() if c}}


def run_arm(arm: str, pipeline: "Pipeline", ids: Sequence[str]) -> ArmRun:
    """Runs one arm and returns its rows in the order of `ids`.

    Args:
        arm: its name, for the column `arm`.
        pipeline: one of pipelines.py, or any that ends in rows with our columns.
        ids: the ids of the questions that went in.

    Raises:
        DistilabelUserError: if a row was lost, doubled or invented.
    """
    start = time.monotonic()
    distiset = pipeline.run(use_cache=False)
    seconds = time.monotonic() - start
    return ArmRun(arm, in_order(arm, leaf_rows(distiset), ids), seconds)


def leaf_rows(distiset: "Distiset") -> "Iterable[dict[str, Any]]":
    """The rows of a pipeline that has one leaf step."""
    dataset = distiset["default"]
    return dataset["train"] if "train" in dataset else dataset  # type: ignore[no-any-return]


def in_order(arm: str, rows: Iterable[dict[str, Any]], ids: Sequence[str]) -> "pa.Table":
    """The rows as a table with all our columns, in the order of `ids`; each id exactly once.

    Raises:
        DistilabelUserError: naming the ids that are missing, double or unknown.
    """
    import pyarrow as pa

    schema = arrow_schema()
    by_id: dict[str, dict[str, Any]] = {}
    wrong: list[str] = []
    for row in rows:
        if row["id"] in by_id:
            wrong.append(f"'{row['id']}' came out twice")
        by_id[row["id"]] = row
    wrong += [f"'{id_}' did not come out" for id_ in ids if id_ not in by_id]
    wrong += [f"'{id_}' did not go in" for id_ in by_id.keys() - set(ids)]
    if wrong:
        raise DistilabelUserError(
            f"Arm '{arm}': {len(ids)} rows went in and {len(by_id)} came out:"
            f" {'; '.join(wrong[:5])}{' …' if len(wrong) > 5 else ''}."
        )
    return pa.Table.from_pylist([{**by_id[id_], "arm": arm} for id_ in ids], schema=schema)


def versions() -> dict[str, str]:
    """The installed versions of the packages that shape the result."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
