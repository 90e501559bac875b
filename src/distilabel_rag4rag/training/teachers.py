"""Scores for distillation: of a cross-encoder, or of BM25 and an embedder together."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from distilabel_rag4rag.data.bm25 import Bm25
from distilabel_rag4rag.errors import ConfigError, describe

if TYPE_CHECKING:
    from datasets import Dataset
    from sentence_transformers import SentenceTransformer

FUSION = "fusion"


def with_scores(
    rows: "Dataset", teacher: str, model: "SentenceTransformer", device: str | None = None
) -> "Dataset":
    """The rows with `score`, a teacher's scores of the positive and of each negative.

    Scores beyond 1 are divided by the largest, so that they are of the size of a cosine.

    Args:
        rows: `anchor`, `positive` and negatives.
        teacher: `fusion`, or the folder or Hub id of a cross-encoder.
        model: the embedder of the fusion.
        device: of the cross-encoder.

    Raises:
        ConfigError: if the cross-encoder cannot be loaded, or there are no negatives.
    """
    texts = [name for name in rows.column_names if name not in ("anchor", "score")]
    if len(texts) < 2:
        raise ConfigError("data", texts, "tuples: a teacher scores negatives too")
    passages = [list(values) for values in zip(*(rows[name] for name in texts), strict=True)]
    anchors = list(rows["anchor"])
    if teacher == FUSION:
        scores = _fusion(anchors, passages, model)
    else:
        scores = _cross_encoder(anchors, passages, teacher, device)
    largest = max(1.0, float(np.abs(scores).max()))
    kept = rows.remove_columns([name for name in ("score",) if name in rows.column_names])
    return kept.add_column("score", (scores / largest).tolist())


def _cross_encoder(
    anchors: Sequence[str], passages: Sequence[Sequence[str]], teacher: str, device: str | None
) -> Any:
    from sentence_transformers import CrossEncoder

    try:
        encoder = CrossEncoder(teacher, device=device)
    except (OSError, ValueError) as error:
        raise ConfigError(
            "teacher",
            teacher,
            f"'{FUSION}' or a cross-encoder that sentence-transformers loads",
            f"{describe(error, 1)}.",
        ) from error
    pairs = [(anchor, text) for anchor, own in zip(anchors, passages, strict=True) for text in own]
    scores = np.asarray(encoder.predict(pairs, show_progress_bar=False), dtype=float)
    return scores.reshape(len(anchors), -1)


def _fusion(
    anchors: Sequence[str], passages: Sequence[Sequence[str]], model: "SentenceTransformer"
) -> Any:
    """The mean of the cosine and of BM25's score, divided by the best one of all passages."""
    distinct = list(dict.fromkeys(text for own in passages for text in own))
    place = {text: number for number, text in enumerate(distinct)}
    options: dict[str, Any] = {"normalize_embeddings": True, "show_progress_bar": False}
    vectors, queries = model.encode(distinct, **options), model.encode(list(anchors), **options)
    index = Bm25(distinct)
    rows = []
    for anchor, query, own in zip(anchors, queries, passages, strict=True):
        places = [place[text] for text in own]
        words = index.scores(anchor)
        rows.append((vectors[places] @ query + words[places] / max(float(words.max()), 1e-9)) / 2)
    return np.asarray(rows, dtype=float)
