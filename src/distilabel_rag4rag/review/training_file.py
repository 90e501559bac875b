"""Gold labels in LettuceDetect's training format, for a judge of one's own."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

#: Of ten passages, the shares of each split.
SPLITS = ("test", "dev", *["train"] * 8)


def training_samples(gold: "pd.DataFrame", language: str = "en") -> list[dict[str, Any]]:
    """One sample per labelled row whose spans are known, split by passage.

    An answer that people call hallucinated without marking where is left out, since it would be
    learnt as clean; if the verdict is that all of it is hallucinated, all of it is the span.

    Args:
        gold: `Pulled.gold`.
        language: of LettuceDetect's prompt, in which the judge will see passage and question.
    """
    from lettucedetect.datasets.hallucination_dataset import HallucinationSample
    from lettucedetect.detectors.prompt_utils import PromptUtils

    samples = []
    for row in gold.to_dict("records"):
        labels = _labels(row)
        if labels is None:
            continue
        samples.append(
            HallucinationSample(
                prompt=PromptUtils.format_context([row["context"]], row["question"], language),
                answer=row["answer"],
                labels=labels,
                split=_split(str(row["passage_id"] or row["context"])),  # type: ignore[arg-type]
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


def _split(passage: str) -> str:
    """Of a passage all answers go the same way, and always the same."""
    import hashlib

    return SPLITS[int(hashlib.sha256(passage.encode()).hexdigest(), 16) % len(SPLITS)]
