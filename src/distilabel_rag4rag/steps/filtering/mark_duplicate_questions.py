"""MarkDuplicateQuestions: has the same question been asked in a row before?"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from distilabel.mixins.runtime_parameters import RuntimeParameter
from distilabel.models.embeddings.base import Embeddings
from distilabel.steps import GlobalStep
from pydantic import Field, PrivateAttr

from distilabel_rag4rag.data.duplicates import letters
from distilabel_rag4rag.data.question_duplicates import may_ask_the_same
from distilabel_rag4rag.schema import EMPTY_QUESTION, keep_column
from distilabel_rag4rag.steps.filtering.mark import Mark
from distilabel_rag4rag.steps.retrieval.embedding import embed_each
from distilabel_rag4rag.utils.public import public
from distilabel_rag4rag.utils.text import has_text
from distilabel_rag4rag.utils.threads import OwnThread

if TYPE_CHECKING:
    from distilabel.typing import StepColumns

#: From so many questions on the index is a graph: comparing all with all takes minutes.
MANY = 50_000
#: Neighbours of a question that are looked at.
NEIGHBOURS = 32


@public
class MarkDuplicateQuestions(Mark, GlobalStep):
    """Mark the first of all questions that are the same, or nearly so.

    Questions are the same where their letters and digits are, and nearly the same where the
    cosine of their vectors reaches `similarity`, their numbers are the same, and they do not ask
    for different things ("Who led the people?", "How many people were led?"). Of 805 questions of
    people all pairs above the default of 0.95 (of all-MiniLM-L6-v2) are one question in other
    words; between 0.93 and 0.95, 7 of 11 pairs are not.

    Attributes:
        check: `duplicates`, the name in the output columns.
        embeddings: any distilabel `Embeddings`.
        query_prompt: an instruction put before each question, for embedders trained with one.
            Defaults to `""`.
        checks: a row that did not pass one of these checks makes no other row a duplicate.
            Defaults to `[]`.

    Runtime parameters:
        - `similarity`: the cosine from which on two questions may be the same.
            Defaults to `0.95`.
        - `encode_batch_size`: how many texts one call of the embedder gets. Defaults to `64`.

    Input columns:
        - question (`str`): the question, or None.
        - id (`str`, optional): its id, for the reason.

    Output columns:
        - keep_row_after_duplicates (`bool`): the first of its kind.
        - duplicates_reason (`str`): the first one with its id and the cosine, or None.

    Categories:
        - filtering

    Examples:
        Mark the same question in other words:

        ```python
        from distilabel_rag4rag import MarkDuplicateQuestions, embedded

        mark = MarkDuplicateQuestions(embeddings=embedded.embeddings())
        mark.load()
        questions = ["How tall is the Eiffel Tower?", "What is the height of the Eiffel Tower?"]
        rows = [{"id": str(n), "question": text} for n, text in enumerate(questions)]
        rows = next(mark.process(rows))
        assert rows[1]["duplicates_reason"] == (
            'as row 0, "How tall is the Eiffel Tower?": cosine 0.98'
        )
        ```
    """

    check: ClassVar[str] = "duplicates"

    embeddings: Embeddings
    query_prompt: str = ""
    checks: list[str] = []
    similarity: RuntimeParameter[float] = Field(
        default=0.95, ge=0, le=1, description="The cosine from which on questions may be the same."
    )
    encode_batch_size: RuntimeParameter[int] = Field(
        default=64, ge=1, description="Texts per call of the embedder."
    )

    _thread: OwnThread = PrivateAttr(default_factory=OwnThread)

    @property
    def inputs(self) -> "StepColumns":
        """The question, and the checks that are asked for."""
        return {
            "question": True,
            "id": False,
            **{keep_column(check): True for check in self.checks},
        }

    def load(self) -> None:
        """Loads the embedder."""
        super().load()
        self._thread.run(self.embeddings.load)

    def unload(self) -> None:
        """Frees the embedder."""
        self.embeddings.unload()
        self._thread.end()
        super().unload()

    def reason(self, row: dict[str, Any]) -> str | None:
        """Of a row alone: it is the first."""
        return self.reasons([row])[0]

    def reasons(self, rows: list[dict[str, Any]]) -> list[str | None]:
        """Which earlier question each one is the same as."""
        reasons: list[str | None] = [None] * len(rows)
        counts = [all(row.get(keep_column(c)) is True for c in self.checks) for row in rows]
        first: dict[str, int] = {}
        for number, row in enumerate(rows):
            if not has_text(row["question"]):
                reasons[number] = EMPTY_QUESTION
                continue
            same = first.get(letters(row["question"]))
            if same is not None:
                reasons[number] = _same_as(rows[same], same)
            elif counts[number]:
                first[letters(row["question"])] = number
        asked = [number for number, reason in enumerate(reasons) if reason is None]
        if asked:
            self._thread.run(self._compare, rows, asked, counts, reasons)
        return reasons

    def _compare(
        self,
        rows: list[dict[str, Any]],
        asked: list[int],
        counts: list[bool],
        reasons: list[str | None],
    ) -> None:
        """Writes the reasons of questions that are nearly the same as an earlier one."""
        texts = [rows[number]["question"] for number in asked]
        vectors, faults = embed_each(
            self.embeddings,
            texts,
            self.query_prompt,
            self.encode_batch_size,  # type: ignore[arg-type]
        )
        for place, fault in faults.items():
            name = self.embeddings.model_name
            reasons[asked[place]] = f"the embedder '{name}' gave {fault} for the question"
        for place, alike in enumerate(_neighbours(vectors, float(self.similarity or 0))):
            number = asked[place]
            if reasons[number] is not None:
                continue
            for earlier, cosine in alike:
                other = asked[earlier]
                if (
                    earlier < place
                    and counts[other]
                    and reasons[other] is None
                    and may_ask_the_same(texts[place], texts[earlier])
                ):
                    reasons[number] = f"{_same_as(rows[other], other)}: cosine {cosine:.2f}"
                    break


def _neighbours(vectors: np.ndarray, least: float) -> list[list[tuple[int, float]]]:
    """For each vector those with at least this cosine, in their order."""
    import faiss

    count, dimension = vectors.shape
    if not dimension:
        return [[] for _ in range(count)]
    index: Any = faiss.IndexFlatIP(dimension)
    if count >= MANY:
        index = faiss.IndexHNSWFlat(dimension, NEIGHBOURS, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efSearch = 2 * NEIGHBOURS
    index.add(vectors)
    cosines, positions = index.search(vectors, min(count, NEIGHBOURS))
    return [
        sorted((int(p), float(c)) for p, c in zip(places, own, strict=True) if c >= least)
        for places, own in zip(positions, cosines, strict=True)
    ]


def _same_as(row: dict[str, Any], number: int) -> str:
    known: Sequence[Any] = [row["id"]] if has_text(row.get("id")) else [f"number {number + 1}"]
    return f'as row {known[0]}, "{" ".join(row["question"].split())}"'
