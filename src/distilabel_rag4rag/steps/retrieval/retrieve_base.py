"""What both retrieving steps share: the settings, the index on disk, the search."""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import portalocker
from distilabel.errors import DistilabelUserError
from distilabel.mixins.runtime_parameters import RuntimeParameter
from distilabel.models.embeddings.base import Embeddings
from distilabel.steps import Step
from pydantic import Field, PrivateAttr

from distilabel_rag4rag.data.rows import passage_id
from distilabel_rag4rag.schema import EMPTY_QUESTION
from distilabel_rag4rag.steps.retrieval.index_manifest import check_reusable, read_manifest
from distilabel_rag4rag.steps.retrieval.passage_index import (
    PassageIndex,
    Passages,
    embed,
    foreign_files,
)
from distilabel_rag4rag.utils.cache_folder import cache_folder
from distilabel_rag4rag.utils.threads import OwnThread

if TYPE_CHECKING:
    from distilabel.typing import StepColumns

T = TypeVar("T")

OUTPUTS = [
    "retrieved_contexts",
    "retrieved_ids",
    "retrieval_scores",
    "source_rank",
    "retrieve_reason",
]


def source_rank(row: Mapping[str, Any], ids: list[str], contexts: list[str]) -> int | None:
    """1-based rank of the row's own passage; None if it was not retrieved.

    Found by its text; by its id only where the row has no text: ids of two sources may collide.
    """
    context = row.get("context")
    if isinstance(context, str) and context.strip():
        texts = [passage_id(text) for text in contexts]
        own = passage_id(context)
        return texts.index(own) + 1 if own in texts else None
    own_id = row.get("passage_id")
    return ids.index(own_id) + 1 if own_id in ids else None


class Retrieving(Step):
    """The base of the retrieving steps; not for use by itself."""

    embeddings: Embeddings
    k: RuntimeParameter[int] = Field(default=1, ge=1, description="Passages per question.")
    min_score: RuntimeParameter[float] | None = Field(
        default=None, ge=-1, le=1, description="Passages with a smaller cosine are left out."
    )
    query_prompt: str = ""
    passage_prompt: str = ""
    index_factory: str = "Flat"
    index_dir: str | None = None
    encode_batch_size: RuntimeParameter[int] = Field(
        default=64, ge=1, description="Texts per call of the embedder."
    )

    _index: PassageIndex | None = PrivateAttr(default=None)
    _thread: OwnThread = PrivateAttr(default_factory=OwnThread)

    @property
    def outputs(self) -> "StepColumns":
        """The columns that are added."""
        return OUTPUTS

    def _model_dump(self, obj: Any, **kwargs: Any) -> dict[str, Any]:
        # distilabel excludes "api_key", which pydantic reads as a set of letters: a field with a
        # one-letter name out of a, e, i, k, p, y would be lost.
        return {**super()._model_dump(obj, **kwargs), "k": self.k}

    def load(self) -> None:
        """Loads the embedder."""
        super().load()
        # A process that is forked from one that has used OpenMP hangs in its first parallel region,
        # unless that begins in a new thread: torch and faiss run in one of our own.
        self._apart(self.embeddings.load)

    def unload(self) -> None:
        """Frees the embedder and the index."""
        self._index = None
        self.embeddings.unload()
        self._thread.end()
        super().unload()

    def _apart(self, function: Callable[..., T], *args: Any) -> T:
        return self._thread.run(function, *args)

    def _folder(self, passages: Passages) -> Path:
        """`index_dir`, or a place in the cache whose name says what the index is made of."""
        if self.index_dir is not None:
            return Path(self.index_dir)
        made_of = [
            self.embeddings.model_name,
            self.passage_prompt,
            self.index_factory,
            passages.fingerprint(),
        ]
        name = hashlib.sha256(json.dumps(made_of).encode()).hexdigest()[:16]
        return cache_folder() / "indexes" / name

    def _build_or_reuse(self, passages: Passages) -> PassageIndex:
        """Opens the index of these passages, and builds it first where there is none yet.

        The lock makes replicas wait for the first, so that no passage is embedded twice.
        """
        if not passages.texts:
            raise DistilabelUserError(
                f"Step '{self.name}': the corpus holds no passage, expected at least one"
                " non-empty text in column `context`."
            )
        folder = self._folder(passages)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with portalocker.Lock(f"{folder}.lock", "w", flags=portalocker.LockFlags.EXCLUSIVE):
            manifest = read_manifest(folder)
            if manifest is not None:
                check_reusable(
                    folder,
                    manifest,
                    self.embeddings.model_name,
                    self.passage_prompt,
                    self.index_factory,
                )
            if manifest is None or manifest.passages != passages.fingerprint():
                if foreign := foreign_files(folder):
                    raise DistilabelUserError(
                        f"`index_dir`: '{folder}' holds other files ({', '.join(foreign[:3])});"
                        " expected a new or empty folder, or an index and nothing else."
                    )
                self._logger.info(f"Indexing {len(passages.texts)} passages into '{folder}'")
                PassageIndex.build(
                    passages,
                    self.embeddings,
                    self.index_factory,
                    self.passage_prompt,
                    self.encode_batch_size,  # type: ignore[arg-type]
                ).save(folder)
            return PassageIndex.open(folder)

    def _retrieve(self, rows: list[dict[str, Any]], index: PassageIndex) -> None:
        """Writes the output columns into the rows; each different question is embedded once."""
        questions: dict[str, int] = {}
        for row in rows:
            question = row.get("question")
            reason = None
            if question is not None and not isinstance(question, str):
                reason = f"question is {type(question).__name__}, expected str"
            elif question is None or not question.strip():
                reason = EMPTY_QUESTION
            row.update(
                retrieved_contexts=[],
                retrieved_ids=[],
                retrieval_scores=[],
                source_rank=None,
                retrieve_reason=reason,
            )
            if reason is None:
                questions.setdefault(row["question"], len(questions))
        if not questions:
            return
        vectors = embed(
            self.embeddings,
            list(questions),
            self.query_prompt,
            self.encode_batch_size,  # type: ignore[arg-type]
        )
        hits = index.search(vectors, self.k, self.min_score)  # type: ignore[arg-type]
        for row in rows:
            if row["retrieve_reason"] is not None:
                continue
            positions, scores = hits[questions[row["question"]]]
            found = [index.passage(position) for position in positions]
            ids, contexts = [i for i, _ in found], [text for _, text in found]
            row.update(
                retrieved_contexts=contexts,
                retrieved_ids=ids,
                retrieval_scores=scores,
                source_rank=source_rank(row, ids, contexts),
                retrieve_reason=None if ids else f"no passage reaches min_score={self.min_score}",
            )
