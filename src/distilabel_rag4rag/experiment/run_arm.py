"""Runs the arms and puts their rows into one table: one row per question and arm."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from distilabel_rag4rag.runtime.fail_fast_pipeline import FailFastPipeline
from distilabel_rag4rag.runtime.row_check import RunCheck, check_run
from distilabel_rag4rag.schema import COLUMNS, arrow_schema

if TYPE_CHECKING:
    import pyarrow as pa

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
        arm: its name.
        rows: all columns of columns.py.
        seconds: wall time, loading of the models included.
        check: rows in against rows out, None per column, failed rows per step.
    """

    arm: str
    rows: "pa.Table"
    seconds: float
    check: RunCheck

    def record(self) -> dict[str, Any]:
        """For run.json: seconds, tokens (None where the LLM does not count), the check."""
        import pyarrow.compute as pc

        tokens = {
            name: pc.sum(self.rows[name]).as_py() for name in ("input_tokens", "output_tokens")
        }
        return {"seconds": round(self.seconds, 2), **tokens, "check": self.check.to_dict()}


def run_arm(arm: str, pipeline: FailFastPipeline, questions: Iterable[Mapping[str, Any]]) -> ArmRun:
    """Runs one arm.

    Args:
        arm: its name, for the column `arm`.
        pipeline: one of pipelines.py, or any with one leaf step whose rows have our columns.
        questions: the rows that go in, for the check.

    Raises:
        RunFailed: if the run fails, or a row was lost, doubled or invented.
    """
    import pyarrow as pa

    start = time.monotonic()
    distiset = pipeline.run()
    seconds = time.monotonic() - start
    out = [{**row, "arm": arm} for row in distiset["default"]["train"]]
    check = check_run(
        questions, out, columns=[column.name for column in COLUMNS], tally=pipeline.tally
    )
    check.raise_if_incomplete()
    return ArmRun(arm, pa.Table.from_pylist(out, schema=arrow_schema()), seconds, check)


def versions() -> dict[str, str]:
    """The installed versions of the packages that shape the result."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
