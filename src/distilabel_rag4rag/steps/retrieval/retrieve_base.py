"""What both retrieving steps share: the search."""

from typing import TYPE_CHECKING, Any

import numpy as np
from distilabel.mixins.runtime_parameters import RuntimeParameter
from pydantic import Field

from distilabel_rag4rag.schema import EMPTY_QUESTION
from distilabel_rag4rag.steps.retrieval.embedding import embed_each
from distilabel_rag4rag.steps.retrieval.index_base import Indexing
from distilabel_rag4rag.steps.retrieval.passage_index import Hits, PassageIndex
from distilabel_rag4rag.utils.text import has_text, is_missing

if TYPE_CHECKING:
    from distilabel.typing import StepColumns

OUTPUTS = [
    "retrieved_contexts",
    "retrieved_ids",
    "retrieval_scores",
    "source_rank",
    "source_in_corpus",
    "retrieve_reason",
]


class Retrieving(Indexing):
    """The base of the retrieving steps; not for use by itself."""

    k: RuntimeParameter[int] = Field(default=1, ge=1, description="Passages per question.")
    min_score: RuntimeParameter[float] | None = Field(
        default=None, ge=-1, le=1, description="Passages with a smaller cosine are left out."
    )

    rank_depth: RuntimeParameter[int] | None = Field(
        default=None, ge=1, description="How far down the row's own passage is looked for."
    )

    @property
    def outputs(self) -> "StepColumns":
        """The columns that are added."""
        return OUTPUTS

    def _model_dump(self, obj: Any, **kwargs: Any) -> dict[str, Any]:
        # distilabel excludes "api_key", which pydantic reads as a set of letters: a field with a
        # one-letter name out of a, e, i, k, p, y would be lost.
        return {**super()._model_dump(obj, **kwargs), "k": self.k}

    def _retrieve(self, rows: list[dict[str, Any]], index: PassageIndex) -> None:
        """Writes the output columns into the rows; each different question is embedded once."""
        questions: dict[str, int] = {}
        for row in rows:
            question = row.get("question")
            reason = None
            if not is_missing(question) and not isinstance(question, str):
                reason = f"question is {type(question).__name__}, expected str"
            elif not has_text(question):
                reason = EMPTY_QUESTION
            row.update(dict.fromkeys(OUTPUTS), retrieve_reason=reason)
            row.update(retrieved_contexts=[], retrieved_ids=[], retrieval_scores=[])
            if reason is None:
                questions.setdefault(row["question"], len(questions))
        found, faults = self._search(list(questions), index)
        sources = self._sources_in(index)
        for row in rows:
            own = sources.positions(row)
            row["source_in_corpus"] = None if own is None else bool(own)
            number = questions.get(row["question"]) if row["retrieve_reason"] is None else None
            if number is None:
                continue
            if fault := faults.get(number):
                name = self.embeddings.model_name
                row["retrieve_reason"] = f"the embedder '{name}' gave {fault} for the question"
                continue
            positions, scores = found[number]
            passages = [index.passage(position) for position in positions[: self.k]]
            ranks = [n for n, position in enumerate(positions, 1) if position in (own or ())]
            row.update(
                retrieved_contexts=[text for _, text in passages],
                retrieved_ids=[own_id for own_id, _ in passages],
                retrieval_scores=scores[: self.k],
                source_rank=ranks[0] if ranks else None,
            )
            if not passages:
                row["retrieve_reason"] = f"no passage reaches min_score={self.min_score}"

    def _search(
        self, questions: list[str], index: PassageIndex
    ) -> tuple[list[Hits], dict[int, str]]:
        """The hits of each question, and what the embedder gave where there are none."""
        if not questions:
            return [], {}
        vectors, faults = embed_each(
            self.embeddings,
            questions,
            self.query_prompt,
            self.encode_batch_size,  # type: ignore[arg-type]
            index.manifest.dimension,
        )
        for number in np.flatnonzero(~vectors.any(axis=1)).tolist():
            # All passages are equally near to it.
            faults.setdefault(number, "a vector of zeros")
        depth = max(self.k, self.rank_depth or 1)  # type: ignore[type-var]
        return index.search(vectors, depth, self.min_score), faults  # type: ignore[arg-type]
