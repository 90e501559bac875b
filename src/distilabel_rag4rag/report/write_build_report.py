"""Writes report.html and report.md of a build."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from distilabel_rag4rag.report.build_figures import easiness, headroom, smallest_gain
from distilabel_rag4rag.report.funnel import WANTED, Stage, accepted, first_reason
from distilabel_rag4rag.report.render import render
from distilabel_rag4rag.utils.atomic import write_whole

#: Rows of each kind that the report shows.
SHOWN = 10
#: The share of the rows that the export puts into its test split.
TEST_SHARE = 0.1


def write_build_report(
    rows: Sequence[Mapping[str, Any]],
    stages: Sequence[Stage],
    record: Mapping[str, Any],
    out: Path,
) -> list[Path]:
    """Writes the report of a build.

    Args:
        rows: all rows, marked.
        stages: what each check took.
        record: `checks`, `ended`, `documents`, `unread`, `passages`, `settings`, … of the build.
        out: the folder.

    Returns:
        report.html and report.md.
    """
    values = report_values(rows, stages, record)
    files = []
    for name, template in (("report.html", "build.html.j2"), ("report.md", "build.md.j2")):
        with write_whole(out / name) as part:
            part.write_bytes(render(template, values))
        files.append(out / name)
    return files


def report_values(
    rows: Sequence[Mapping[str, Any]], stages: Sequence[Stage], record: Mapping[str, Any]
) -> dict[str, Any]:
    """What the templates are filled with, and the terminal shows."""
    checks = record["checks"]
    kept = [row for row in rows if accepted(row, (*checks, WANTED))]
    rejected = [row for row in rows if first_reason(row, checks) is not None]
    known = {row.get("passage_id"): row["language"] for row in rows if row.get("language")}
    retrievers = {
        "BM25": headroom(kept, "bm25_rank"),
        "the embedder": headroom(kept, "source_rank"),
    }
    return {
        "title": "Training data from documents",
        "record": record,
        "stages": stages,
        "rows": len(rows),
        "kept": len(kept),
        "retrievers": {name: found for name, found in retrievers.items() if found},
        "smallest_gain": smallest_gain(kept, "source_rank", TEST_SHARE),
        "easiness": easiness(kept),
        "languages": Counter(known.values()),
        "types": Counter(row.get("question_type") for row in kept),
        "repairs": Counter(row["repair_outcome"] for row in rows if row.get("repair_outcome")),
        "negatives": Counter(len(row.get("negatives") or ()) for row in kept),
        "accepted": _sample(kept, record),
        "rejected": [(row, first_reason(row, checks)) for row in _sample(rejected, record)],
    }


def _sample(rows: Sequence[Mapping[str, Any]], record: Mapping[str, Any]) -> list[Any]:
    chosen = random.Random(record["settings"].get("seed", 0)).sample(
        range(len(rows)), min(SHOWN, len(rows))
    )
    return [rows[number] for number in sorted(chosen)]
