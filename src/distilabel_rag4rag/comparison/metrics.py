"""SQuAD exact match and F1, row by row, with torchmetrics' official normalisation."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from torchmetrics.functional.text import squad


def squad_scores(
    answers: Sequence[str | None], truths: Sequence[str | None]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Exact match and F1 in [0, 1] per row; 0.0 where the answer or the truth is None."""
    scores = np.array(
        [
            (0.0, 0.0) if answer is None or truth is None else _score(answer, truth)
            for answer, truth in zip(answers, truths, strict=True)
        ],
        dtype=float,
    ).reshape(-1, 2)
    return scores[:, 0], scores[:, 1]


@lru_cache(maxsize=65536)
def _score(answer: str, truth: str) -> tuple[float, float]:
    result = squad(
        {"id": "0", "prediction_text": answer},
        {"id": "0", "answers": {"text": [truth], "answer_start": [0]}},
    )
    # torchmetrics counts in float32: 0.8 would come out as 0.79999992
    return float(result["exact_match"]) / 100, round(float(result["f1"]) / 100, 6)
