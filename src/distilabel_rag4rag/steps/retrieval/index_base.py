"""What steps share that search passages: the embedder, and the index on disk."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import portalocker
from distilabel.errors import DistilabelUserError
from distilabel.mixins.runtime_parameters import RuntimeParameter
from distilabel.models.embeddings.base import Embeddings
from distilabel.steps import Step
from pydantic import Field, PrivateAttr

from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.steps.retrieval.build_index import build_index
from distilabel_rag4rag.steps.retrieval.embedder_state import made_with, probe
from distilabel_rag4rag.steps.retrieval.index_factory import AUTO, resolve_factory
from distilabel_rag4rag.steps.retrieval.index_manifest import (
    MadeWith,
    check_settings,
    other_files,
    read_manifest,
)
from distilabel_rag4rag.steps.retrieval.passage_index import PassageIndex
from distilabel_rag4rag.steps.retrieval.passages import Passages
from distilabel_rag4rag.steps.retrieval.source_passages import SourcePassages
from distilabel_rag4rag.utils.cache_folder import cache_folder
from distilabel_rag4rag.utils.hashing import hash_of
from distilabel_rag4rag.utils.threads import OwnThread

T = TypeVar("T")

#: Part of the names of cached indexes; another number leaves those of earlier code unused.
FORMAT = 2


class Indexing(Step):
    """The base of the steps that search passages; not for use by itself."""

    embeddings: Embeddings
    query_prompt: str = ""
    passage_prompt: str = ""
    index_factory: str = AUTO
    search_parameters: str | None = None
    index_dir: str | None = None
    encode_batch_size: RuntimeParameter[int] = Field(
        default=64, ge=1, description="Texts per call of the embedder."
    )

    _index: PassageIndex | None = PrivateAttr(default=None)
    _sources: SourcePassages | None = PrivateAttr(default=None)
    _thread: OwnThread = PrivateAttr(default_factory=OwnThread)

    def load(self) -> None:
        """Loads the embedder."""
        super().load()
        # A process that is forked from one that has used OpenMP hangs in its first parallel region,
        # unless that begins in a new thread: torch and faiss run in one of our own.
        self._apart(self.embeddings.load)

    def unload(self) -> None:
        """Frees the embedder and the index."""
        self._index = self._sources = None
        self.embeddings.unload()
        self._thread.end()
        super().unload()

    def _apart(self, function: Callable[..., T], *args: Any) -> T:
        return self._thread.run(function, *args)

    def _folder(self, passages: Passages, made_with: MadeWith) -> Path:
        """`index_dir`, or a place in the cache whose name says what the index is made of."""
        if self.index_dir is not None:
            return Path(self.index_dir)
        name = hash_of([FORMAT, made_with.settings(), passages.fingerprint()])[:16]
        return cache_folder() / "indexes" / name

    def _build_or_reuse(self, passages: Passages) -> PassageIndex:
        """Opens the index of these passages, and builds it first where there is none yet.

        The lock makes replicas wait for the first, so that no passage is embedded twice.
        """
        if not len(passages):
            raise DistilabelUserError(
                f"Step '{self.name}': the corpus holds no passage, expected at least one"
                " non-empty text in column `context`."
            )
        factory = resolve_factory(self.index_factory, len(passages), self._dimension)
        asked = made_with(self.embeddings, self.passage_prompt, factory)
        folder = self._folder(passages, asked)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with portalocker.Lock(f"{folder}.lock", "w", flags=portalocker.LockFlags.EXCLUSIVE):
            if (index := self._reusable(folder, passages, asked)) is not None:
                return index
            if self.index_dir is not None and (others := other_files(folder)):
                raise ConfigError(
                    "index_dir",
                    str(folder),
                    "a new or empty folder, or an index and nothing else",
                    f"It holds other files ({', '.join(others[:3])}).",
                )
            self._logger.info(f"Indexing {len(passages)} passages as {factory} into '{folder}'")
            batch_size: int = self.encode_batch_size  # type: ignore[assignment]
            parameters = self.search_parameters
            build_index(folder, passages, self.embeddings, asked, batch_size, parameters)
            return PassageIndex.open(folder, self.search_parameters)

    def _dimension(self) -> int:
        """The length of the embedder's vectors."""
        return probe(self.embeddings, self.passage_prompt).shape[1]

    def _reusable(self, folder: Path, passages: Passages, asked: MadeWith) -> PassageIndex | None:
        """The index in the folder; None where there is none or its passages are others.

        An index that is damaged or was made otherwise is an error in a folder that the user
        named, and None in the cache, where it is built anew.
        """
        try:
            manifest = read_manifest(folder)
            if manifest is not None:
                check_settings("index_dir", folder, manifest.made_with.differences(asked))
            if manifest is None or manifest.passages != passages.fingerprint():
                return None
            return self._open_checked("index_dir", folder)
        except DistilabelUserError as error:
            if self.index_dir is not None:
                raise
            self._logger.warning(f"The index in '{folder}' is built anew: {error}")
            return None

    def _open_checked(self, setting: str, folder: str | Path) -> PassageIndex:
        """The index, if the embedder still gives the vectors that it was built with."""
        index = PassageIndex.open(folder, self.search_parameters)
        difference = index.check_embedder(self.embeddings)
        check_settings(setting, folder, [difference] if difference else [])
        return index

    def _sources_in(self, index: PassageIndex) -> SourcePassages:
        """Finds rows' own passages in the index; made once for each index."""
        if self._sources is None or self._sources.index is not index:
            self._sources = SourcePassages(index)
        return self._sources
