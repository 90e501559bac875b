"""Gold labels in LettuceDetect's training format, to train a judge with."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilabel_rag4rag.data.judge_labels import gold_spans
from distilabel_rag4rag.data.splits import DOCUMENT_COLUMNS, split_rows
from distilabel_rag4rag.export.lettucedetect import Sample, training_sample, write_samples
from distilabel_rag4rag.utils.text import is_missing

if TYPE_CHECKING:
    import pandas as pd


def training_samples(gold: "pd.DataFrame", language: str = "en") -> list[Sample]:
    """One sample per labelled row whose spans are known, split by document.

    An answer that people call hallucinated without marking where is left out, since it would be
    learnt as clean; if the verdict is that all of it is hallucinated, all of it is the span.

    Args:
        gold: `Pulled.gold`.
        language: of LettuceDetect's prompt, in which the judge will see passage and question.
    """
    rows = [(row, gold_spans(row)) for row in gold.to_dict("records")]
    usable = [(row, spans) for row, spans in rows if spans is not None]
    splits = _splits([row for row, _ in usable])
    return [
        training_sample(
            row,
            spans,
            split,
            dataset="rag4rag-review",
            language=language,
            metadata={"id": row["id"], "arm": row["arm"]},
        )
        for (row, spans), split in zip(usable, splits, strict=True)
    ]


def write_training_file(gold: "pd.DataFrame", path: Path, language: str = "en") -> dict[str, int]:
    """Write the samples as JSON; returns how many there are of each split."""
    return write_samples(training_samples(gold, language), path)


def _splits(rows: list[dict[Any, Any]]) -> list[str]:
    """Per row; no document is in two of them."""
    import pyarrow as pa

    columns = {name: [row.get(name) for row in rows] for name in DOCUMENT_COLUMNS}
    # Text, since a column of None alone has no type.
    table = pa.table({name: pa.array(map(_text, column)) for name, column in columns.items()})
    return split_rows([table])[0]


def _text(value: Any) -> str:
    return "" if is_missing(value) else str(value)
