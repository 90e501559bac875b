"""LettuceDetect's training format, to train a judge with."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from distilabel_rag4rag.data.splits import TEST, TRAIN, VALIDATION

#: LettuceDetect's names of the splits.
SPLIT_NAMES = {TRAIN: "train", VALIDATION: "dev", TEST: "test"}

Sample = dict[str, Any]


def training_sample(
    row: Mapping[Any, Any],
    spans: Iterable[Sequence[int]],
    split: str,
    *,
    dataset: str,
    language: str = "en",
    metadata: Mapping[str, Any] | None = None,
) -> Sample:
    """One answer with its unsupported spans.

    Args:
        row: with `context`, `question` and `answer`.
        spans: beginning and end of each unsupported span of the answer.
        split: "train", "validation" or "test".
        dataset: the name that the sample says it comes from.
        language: of LettuceDetect's prompt, in which the judge will see passage and question.
        metadata: anything else.
    """
    from lettucedetect.datasets.hallucination_dataset import HallucinationSample
    from lettucedetect.detectors.prompt_utils import PromptUtils

    return HallucinationSample(
        prompt=PromptUtils.format_context([row["context"]], row["question"], language),
        answer=row["answer"],
        labels=[{"start": start, "end": end, "label": "hallucinated"} for start, end in spans],
        split=SPLIT_NAMES[split],  # type: ignore[arg-type]
        task_type="qa",
        dataset=dataset,
        language=language,  # type: ignore[arg-type]
        context=row["context"],
        question=row["question"],
        metadata=dict(metadata or {}),
    ).to_json()


def write_samples(samples: Sequence[Sample], path: Path) -> dict[str, int]:
    """Writes the samples as JSON; returns how many there are of each split."""
    path.write_text(json.dumps(samples, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return dict(Counter(sample["split"] for sample in samples))
