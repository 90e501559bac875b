"""Gold labels in LettuceDetect's training format, to train a judge with."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilabel_rag4rag.data.splits import (
    DOCUMENT_COLUMNS,
    TEST,
    TRAIN,
    VALIDATION,
    split_rows,
)
from distilabel_rag4rag.utils.text import is_missing

if TYPE_CHECKING:
    import pandas as pd

#: LettuceDetect's names of the splits.
SPLITS = {TRAIN: "train", VALIDATION: "dev", TEST: "test"}


def training_samples(gold: "pd.DataFrame", language: str = "en") -> list[dict[str, Any]]:
    """One sample per labelled row whose spans are known, split by document.

    An answer that people call hallucinated without marking where is left out, since it would be
    learnt as clean; if the verdict is that all of it is hallucinated, all of it is the span.

    Args:
        gold: `Pulled.gold`.
        language: of LettuceDetect's prompt, in which the judge will see passage and question.
    """
    from lettucedetect.datasets.hallucination_dataset import HallucinationSample
    from lettucedetect.detectors.prompt_utils import PromptUtils

    rows = [(row, _labels(row)) for row in gold.to_dict("records")]
    usable = [(row, labels) for row, labels in rows if labels is not None]
    samples = []
    for (row, labels), split in zip(usable, _splits([row for row, _ in usable]), strict=True):
        samples.append(
            HallucinationSample(
                prompt=PromptUtils.format_context([row["context"]], row["question"], language),
                answer=row["answer"],
                labels=labels,
                split=split,  # type: ignore[arg-type]
                task_type="qa",
                dataset="rag4rag-review",
                language=language,  # type: ignore[arg-type]
                context=row["context"],
                question=row["question"],
                metadata={"id": row["id"], "arm": row["arm"]},
            ).to_json()
        )
    return samples


def write_training_file(gold: "pd.DataFrame", path: Path, language: str = "en") -> dict[str, int]:
    """Write the samples as JSON; returns how many there are of each split."""
    samples = training_samples(gold, language)
    path.write_text(json.dumps(samples, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return dict(Counter(sample["split"] for sample in samples))


def _labels(row: Mapping[Any, Any]) -> list[dict[str, Any]] | None:
    if row["gold_hallucinated"] is None or not isinstance(row["context"], str):
        return None
    if not row["gold_hallucinated"]:
        return []
    spans = [(span["start"], span["end"]) for span in row["gold_spans"]]
    if not spans and row["gold_verdict"] == "hallucinated":
        spans = [(0, len(row["answer"]))]
    return [{"start": a, "end": b, "label": "hallucinated"} for a, b in spans] or None


def _splits(rows: list[dict[Any, Any]]) -> list[str]:
    """Per row; no document is in two of them."""
    import pyarrow as pa

    columns = {name: [row.get(name) for row in rows] for name in DOCUMENT_COLUMNS}
    # Text, since a column of None alone has no type.
    table = pa.table({name: pa.array(map(_text, column)) for name, column in columns.items()})
    return [SPLITS[split] for split in split_rows([table])[0]]


def _text(value: Any) -> str:
    return "" if is_missing(value) else str(value)
