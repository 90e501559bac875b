"""Evaluates retrievers on a set, always beside BM25."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from distilabel_rag4rag.comparison.retrieval_evaluation import (
    BM25,
    RetrievalEvaluation,
    evaluate_rankings,
)
from distilabel_rag4rag.comparison.statistics import Resampling
from distilabel_rag4rag.data.retrieval_data import RetrievalData
from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.training.models import load_retriever
from distilabel_rag4rag.training.ranking import Ranking, rank_by_bm25, rank_by_model
from distilabel_rag4rag.training.read_data import read_retrieval_data
from distilabel_rag4rag.training.settings import EvaluationSettings
from distilabel_rag4rag.training.trained_texts import TrainedTexts

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def evaluate_retrievers(
    models: "Mapping[str, str | SentenceTransformer]",
    data: RetrievalData,
    *,
    trained: TrainedTexts | None = None,
    seed: int = 0,
    encode_batch_size: int = 64,
) -> list[RetrievalEvaluation]:
    """Measures retrievers, and BM25 before them, on the same queries.

    Queries about passages that one of the models was trained on are an evaluation of their own:
    what a model does on its own documents says nothing of new ones.

    Args:
        models: name -> a model, or the name of one (see `load_retriever`).
        data: what to search.
        trained: what the models were trained on; None: what their folders say.
        seed: of the intervals.
        encode_batch_size: texts that are embedded at once.

    Returns:
        One evaluation, or two: own documents and new ones.

    Raises:
        ConfigError: if a model cannot be loaded, or a query was trained on.
    """
    if trained is None:
        trained = TrainedTexts.beside([m for m in models.values() if isinstance(m, str)])
    trained.refuse_leaks(data)
    runs: dict[str, Ranking] = {BM25: rank_by_bm25(data)}
    for name, model in models.items():
        loaded = load_retriever(model) if isinstance(model, str) else model
        runs[name] = rank_by_model(loaded, data, batch_size=encode_batch_size)
    parts = data.parts(trained.passages) if trained.passages else [data]
    return [evaluate_rankings(part, runs, Resampling(seed=seed)) for part in parts]


def short_name(model: str) -> str:
    """A model's name without the folders above it."""
    is_folder = model.startswith(("/", ".", "~")) or model.count("/") > 1
    return Path(model).name if is_folder else model


class Evaluate:
    """`rag4rag evaluate`: everything is read and checked before a model is loaded.

    Attributes:
        data: what is searched.

    Raises:
        ConfigError: if a setting or the data cannot be used.
    """

    def __init__(self, settings: EvaluationSettings) -> None:
        self.settings = settings
        if BM25 in settings.models:
            raise ConfigError("models", BM25, "names of models", "BM25 is always there.")
        self.data = read_retrieval_data(
            settings.source,
            split=settings.split,
            corpus=settings.corpus,
            columns=settings.columns or None,
            titles=settings.titles,
        )

    def run(self) -> list[RetrievalEvaluation]:
        """One evaluation, or two: own documents and new ones."""
        s = self.settings
        models = {
            name: load_retriever(name, device=s.device, max_tokens=s.max_tokens)
            for name in s.models
        }
        return evaluate_retrievers(
            models,
            self.data,
            trained=TrainedTexts.beside(s.models),
            seed=s.seed,
            encode_batch_size=s.encode_batch_size,
        )
