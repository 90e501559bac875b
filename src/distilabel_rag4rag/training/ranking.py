"""Which passages a retriever ranks first: by an embedder's vectors or by BM25."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from distilabel_rag4rag.comparison.rankings import DEPTH
from distilabel_rag4rag.data.bm25 import Bm25
from distilabel_rag4rag.data.retrieval_data import RetrievalData

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

#: Queries whose scores with all passages are in memory at once.
QUERIES_AT_ONCE = 128

Ranking = dict[str, list[str]]


def rank_by_bm25(data: RetrievalData, depth: int = DEPTH) -> Ranking:
    """Each query's passages that share a word with it, the best first."""
    keys = list(data.corpus)
    index = Bm25(list(data.corpus.values()))
    return {
        query: [keys[place] for place in index.nearest(text, depth)]
        for query, text in data.queries.items()
    }


def rank_by_model(
    model: "SentenceTransformer", data: RetrievalData, depth: int = DEPTH, batch_size: int = 64
) -> Ranking:
    """Each query's nearest passages by the model's own similarity, the best first.

    Equal scores keep the order of the corpus; equal texts get one vector, so that theirs are
    equal.
    """
    keys = list(data.corpus)
    passages = _encode(model, "encode_document", list(data.corpus.values()), batch_size)
    queries = _encode(model, "encode_query", list(data.queries.values()), batch_size)
    ranking: Ranking = {}
    names = list(data.queries)
    for first in range(0, len(names), QUERIES_AT_ONCE):
        block = queries[first : first + QUERIES_AT_ONCE]
        scores = model.similarity(block, passages).cpu().numpy()
        for name, row in zip(names[first : first + QUERIES_AT_ONCE], scores, strict=True):
            ranking[name] = [keys[place] for place in best(row, depth)]
    return ranking


def best(scores: npt.NDArray[Any], depth: int) -> list[int]:
    """The positions of the highest scores, the best first, equal ones in order."""
    if len(scores) > depth:
        least = np.partition(scores, -depth)[-depth]
        found = np.flatnonzero(scores >= least)
    else:
        found = np.arange(len(scores))
    order = np.argsort(-scores[found], kind="stable")[:depth]
    return [int(place) for place in found[order]]


def _encode(model: Any, method: str, texts: Sequence[str], batch_size: int) -> Any:
    """A vector for each text; a model may have a prompt for queries and another for passages."""
    distinct = list(dict.fromkeys(texts))
    encode = getattr(model, method, model.encode)  # before sentence-transformers 5 there is one
    vectors = encode(
        distinct, batch_size=batch_size, convert_to_tensor=True, show_progress_bar=False
    )
    place = {text: number for number, text in enumerate(distinct)}
    return vectors[[place[text] for text in texts]]
