"""What is given to sentence-transformers' trainer; importing it loads torch."""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sentence_transformers import SentenceTransformer
from sentence_transformers.evaluation import SentenceEvaluator
from transformers import TrainerCallback

from distilabel_rag4rag.comparison.rankings import NDCG, measure_rankings
from distilabel_rag4rag.data.retrieval_data import RetrievalData
from distilabel_rag4rag.training.ranking import rank_by_model

#: Passages that a check during training searches at most: the relevant ones and some others.
CHECKED_PASSAGES = 2_000
CHECKED_QUERIES = 500


class ValidationEvaluator(SentenceEvaluator):
    """nDCG@10 on a bounded part of the validation split."""

    def __init__(self, data: RetrievalData, batch_size: int) -> None:
        super().__init__()
        self.data = bounded(data)
        self.batch_size = batch_size
        self.primary_metric = "ndcg"

    def measure(self, model: SentenceTransformer) -> float:
        """nDCG@10."""
        run = rank_by_model(model, self.data, depth=10, batch_size=self.batch_size)
        found = measure_rankings(run, self.data.qrels)
        return sum(values[NDCG] for values in found.values()) / len(found)

    def __call__(self, model: SentenceTransformer, *_: Any, **__: Any) -> dict[str, float]:
        return {"ndcg": self.measure(model)}


class StepCallback(TrainerCallback):
    """Tells of each step."""

    def __init__(self, watch: Callable[[int, int], None] | None) -> None:
        self.watch = watch

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self.watch is not None:
            self.watch(state.global_step, state.max_steps)


def bounded(
    data: RetrievalData, queries: int = CHECKED_QUERIES, passages: int = CHECKED_PASSAGES
) -> RetrievalData:
    """So many queries and passages at most, drawn by a fixed seed; relevant passages stay."""
    rng = random.Random(0)
    names = list(data.queries)
    if len(names) > queries:
        chosen = set(rng.sample(names, queries))
        names = [name for name in names if name in chosen]
    needed = {passage for name in names for passage in data.relevant(name)}
    others = [key for key in data.corpus if key not in needed]
    if (room := max(0, passages - len(needed))) < len(others):
        needed |= set(rng.sample(others, room))
    else:
        needed |= set(others)
    return replace(
        data,
        queries={name: data.queries[name] for name in names},
        corpus={key: text for key, text in data.corpus.items() if key in needed},
        qrels={name: data.qrels[name] for name in names},
    )
