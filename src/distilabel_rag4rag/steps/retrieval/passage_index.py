"""The passages' vectors: built once, kept on disk in faiss's own format, searched by cosine."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from distilabel.errors import DistilabelUserError

from distilabel_rag4rag.steps.retrieval.embedder_state import probe, same_vectors
from distilabel_rag4rag.steps.retrieval.embedding import DECIMALS, Vectors
from distilabel_rag4rag.steps.retrieval.index_factory import open_index
from distilabel_rag4rag.steps.retrieval.index_manifest import (
    INDEX_FILE,
    MANIFEST_FILE,
    OLD_PASSAGES_FILE,
    PASSAGES_FILE,
    Manifest,
    read_manifest,
)
from distilabel_rag4rag.steps.retrieval.passages import open_passages
from distilabel_rag4rag.utils.hashing import file_states

if TYPE_CHECKING:
    import faiss
    import pyarrow as pa
    from distilabel.models.embeddings.base import Embeddings

#: How many neighbours more than k are asked for, so that a tie at the k-th place is broken by
#: the order of the passages and not by faiss's heap.
TIE_MARGIN = 16


class Hits(NamedTuple):
    """One query's neighbours, best first: positions among the passages, and cosines."""

    positions: list[int]
    scores: list[float]


class Texts(Sequence[str]):
    """The passages' texts, read from the file as they are needed."""

    def __init__(self, column: "pa.ChunkedArray") -> None:
        self._column = column

    def __len__(self) -> int:
        return len(self._column)

    def __getitem__(self, position: Any) -> Any:
        return self._column[position].as_py()


class PassageIndex:
    """Passages and their vectors, searchable by cosine similarity.

    Attributes:
        manifest: what the index was made of.
        folder: where it was opened, None while it is only in memory.
    """

    def __init__(self, index: "faiss.Index", passages: "pa.Table", manifest: Manifest) -> None:
        self._index = index
        self._passages = passages
        self.manifest = manifest
        self.folder: Path | None = None

    def __len__(self) -> int:
        return self.manifest.count

    def passage(self, position: int) -> tuple[str, str]:
        """Id and text of the passage at a position."""
        own_id, text = (self._passages[name][position] for name in ("passage_id", "context"))
        return own_id.as_py(), text.as_py()

    @property
    def texts(self) -> Texts:
        """The passages' texts, in order."""
        return Texts(self._passages["context"])

    def passages(self, *columns: str) -> Iterator[tuple[Any, ...]]:
        """The passages' `passage_id`, `context` or `other_ids`, in order."""
        for batch in self._passages.select(list(columns)).to_batches(max_chunksize=1000):
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)

    @classmethod
    def open(cls, folder: str | Path, search_parameters: str | None = None) -> "PassageIndex":
        """Opens a saved index read-only and memory-mapped.

        Args:
            folder: what `build_index` wrote.
            search_parameters: faiss's parameters of a search, such as "nprobe=128"; see
                `index_factory.set_search_parameters`.

        Raises:
            DistilabelUserError: if the folder is not a complete index.
            ConfigError: if the index has no such parameters.
        """
        folder = Path(folder)
        manifest = read_manifest(folder)
        is_old = manifest is not None and OLD_PASSAGES_FILE in manifest.files
        names = (INDEX_FILE, OLD_PASSAGES_FILE if is_old else PASSAGES_FILE)
        missing = [name for name in names if not (folder / name).is_file()]
        if manifest is None or missing:
            raise DistilabelUserError(
                f"'{folder}' is not an index folder: {', '.join(missing) or MANIFEST_FILE} missing;"
                f" expected {', '.join(names)} and {MANIFEST_FILE}."
            )
        files = dict(state for name in names for state in file_states(folder / name) or [])
        if changed := [name for name in names if files[name] != manifest.files.get(name)]:
            raise DistilabelUserError(
                f"The index in '{folder}' is damaged: {', '.join(changed)} changed since it was"
                " built. Delete the folder to build it anew."
            )
        index_file, passages_file = (folder / name for name in names)
        index = open_index(index_file, manifest.made_with.index_factory, search_parameters)
        opened = cls(index, open_passages(passages_file), manifest)
        opened.folder = folder
        return opened

    def check_embedder(self, embeddings: "Embeddings") -> str | None:
        """How the embedder's vectors differ from those of the index; None where they do not.

        Args:
            embeddings: loaded, and of the same settings as the index's.
        """
        now = probe(embeddings, self.manifest.made_with.passage_prompt)
        then = np.asarray(self.manifest.probe, np.float32)
        if same_vectors(now, then):
            return None
        if now.shape != then.shape:
            what = f"dimension {then.shape[1]}, now {now.shape[1]}"
        else:
            what = f"their distance is {np.linalg.norm(now - then, axis=1).max():.2f}"
        return f"`embeddings`: '{embeddings.model_name}' gives other vectors now ({what})"

    def search(self, vectors: Vectors, k: int, min_score: float | None = None) -> list[Hits]:
        """The k nearest passages of each query, best first, ties in the passages' order.

        With a quantised index ("…,PQ32") the scores are faiss's estimates of the cosines;
        append ",RFlat" to the factory string for exact ones.

        Args:
            vectors: unit vectors of the queries, shape (n, dimension).
            k: how many; fewer come back where the index holds or finds fewer.
            min_score: neighbours with a smaller cosine are left out.

        Raises:
            DistilabelUserError: if the queries have another dimension than the index.
        """
        if vectors.shape[1] != self.manifest.dimension:
            raise DistilabelUserError(
                f"The index was built with '{self.manifest.made_with.embedder}', dimension"
                f" {self.manifest.dimension}, but `embeddings` gives dimension {vectors.shape[1]}."
            )
        found = min(k + TIE_MARGIN, len(self))
        scores, positions = self._index.search(vectors, found)
        cosines = np.clip(scores.astype(np.float64), -1.0, 1.0).round(DECIMALS)
        hits = []
        for row_scores, row_positions in zip(cosines.tolist(), positions.tolist(), strict=True):
            ranked = sorted(
                (-score, position)
                for score, position in zip(row_scores, row_positions, strict=True)
                if position >= 0 and (min_score is None or score >= min_score)
            )[:k]
            hits.append(Hits([p for _, p in ranked], [-s for s, _ in ranked]))
        return hits
