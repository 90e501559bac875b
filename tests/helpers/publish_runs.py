"""Runs to publish, and what the clients do with them; the functions run in the clients' process."""

import json
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from distilabel_rag4rag.schema import arrow_schema
from helpers.comparison_rows import make_rows

#: What a user who publishes documents of others must say.
TERMS = {"license": "cc-by-4.0", "language": "en", "passages": "invented towns, for tests"}


def marked_rows(passages: int = 12, **settings: Any) -> list[dict[str, Any]]:
    """Rows of three arms, marked as MarkGrounded marks them."""
    rows = make_rows(passages, **settings)
    for row in rows:
        score = row["hallucination_score"]
        row["keep_row_after_grounding"] = score is not None and score < 0.5
        row["grounding_reason"] = None if row["keep_row_after_grounding"] else "not kept"
    return rows


def table(rows: list[dict[str, Any]]) -> pa.Table:
    """The rows as a run writes them."""
    return pa.Table.from_pylist(rows, schema=arrow_schema())


def write_run(folder: Path, rows: list[dict[str, Any]], **settings: Any) -> Path:
    """A folder as `rag4rag compare` leaves it, without plots."""
    from distilabel_rag4rag.comparison import compare

    folder.mkdir(parents=True)
    pq.write_table(table(rows), folder / "rows.parquet")
    summary = compare(rows, bootstrap=100).to_dict()
    (folder / "summary.json").write_text(json.dumps(summary))
    run = {
        "settings": {"source": "towns.jsonl", "llm": "synthetic", "k": 3, "seed": 0, **settings},
        "started": "2026-01-02T03:04:05+00:00",
        "versions": {"distilabel": "1.5.3"},
    }
    (folder / "run.json").write_text(json.dumps(run))
    (folder / "pipelines").mkdir()
    (folder / "pipelines" / "rag4rag.yaml").write_text("pipeline:\n  name: x\n  steps: []\n")
    return folder


def push(source: Any, repo_id: str, **settings: Any) -> tuple[str, bool, list[str]]:
    """Publishes; the commit, whether anything was new, the notes."""
    from distilabel_rag4rag.hub import publish

    done = publish(source, repo_id, **{**TERMS, **settings})
    return done.commit, done.changed, done.prepared.notes


def load(repo_id: str, config: str | None = None, **settings: Any) -> dict[str, list[dict]]:
    """What `datasets.load_dataset` reads: split -> rows."""
    from datasets import load_dataset

    loaded = load_dataset(repo_id, config, **settings)
    return {split: list(rows) for split, rows in loaded.items()}


def load_by_step(repo_id: str, config: str, split: str) -> list[dict]:
    """What distilabel's LoadDataFromHub reads."""
    from distilabel.steps import LoadDataFromHub

    step = LoadDataFromHub(repo_id=repo_id, config=config, split=split, batch_size=7)
    step.load()
    assert step.outputs == list(arrow_schema().names)
    return [row for rows, _ in step.process() for row in rows]


def load_equal(repo_id: str, config: str, rows: Path) -> dict[str, int]:
    """Rows per split of a config, which must hold the rows of a parquet file, in any order."""
    from datasets import load_dataset

    parts = load_dataset(repo_id, config)
    found = pa.concat_tables([part.with_format("arrow")[:] for part in parts.values()])
    expected = pq.read_table(rows).sort_by("id")
    assert found.cast(expected.schema).sort_by("id").equals(expected)
    return {split: len(part) for split, part in parts.items()}


def run_and_push(repo_id: str) -> None:
    """A pipeline on the sample world, and what it returned to the Hub."""
    from distilabel_rag4rag import (
        FailFastPipeline,
        GroundedAnswerGeneration,
        LettuceDetectJudge,
        LoadRows,
        MarkGrounded,
    )
    from distilabel_rag4rag.hub import SafeDistiset
    from distilabel_rag4rag.testing import ScriptedLLM, VerbatimDetector

    with FailFastPipeline(name="published") as pipeline:
        answer = GroundedAnswerGeneration(
            llm=ScriptedLLM(default="Ambleth"), input_mappings={"contexts": "context"}
        )
        judge = LettuceDetectJudge(model=VerbatimDetector(), input_mappings={"contexts": "context"})
        LoadRows(limit=20) >> answer >> judge >> MarkGrounded()
    found = SafeDistiset(pipeline.run())
    found.save_to_disk(sys.argv[2])
    assert found.log_filename_path.is_file()
    assert found.push_to_hub(repo_id, **TERMS).changed


if __name__ == "__main__":
    run_and_push(sys.argv[1])
