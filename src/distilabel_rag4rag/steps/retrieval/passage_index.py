"""The passages' vectors: built once, kept on disk in faiss's own format, searched by cosine."""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from distilabel.errors import DistilabelUserError

from distilabel_rag4rag.data.identity import passage_id
from distilabel_rag4rag.steps.retrieval.embedder_state import embedder_state, probe, same_vectors
from distilabel_rag4rag.steps.retrieval.embedding import Vectors, embed
from distilabel_rag4rag.steps.retrieval.index_manifest import (
    MANIFEST_FILE,
    MadeWith,
    Manifest,
    read_manifest,
    write_manifest,
)
from distilabel_rag4rag.utils.hashing import file_states
from distilabel_rag4rag.utils.text import clean_text, has_text, is_missing

if TYPE_CHECKING:
    import faiss
    import pyarrow as pa
    from distilabel.models.embeddings.base import Embeddings

INDEX_FILE = "index.faiss"
PASSAGES_FILE = "passages.parquet"
FILES = (INDEX_FILE, PASSAGES_FILE)

#: Cosines are given to this many decimals: beyond them the same text differs with the batch
#: that it was embedded in, and a tie would be ordered by noise.
DECIMALS = 6
#: How many neighbours more than k are asked for, so that a tie at the k-th place is broken by
#: the order of the passages and not by faiss's heap.
TIE_MARGIN = 16


class Hits(NamedTuple):
    """One query's neighbours, best first: positions among the passages, and cosines."""

    positions: list[int]
    scores: list[float]


class Passages(NamedTuple):
    """Unique passages, in order; `ids[i]` and `other_ids[i]` belong to `texts[i]`."""

    ids: list[str]
    texts: list[str]
    other_ids: list[list[str]]

    def fingerprint(self) -> str:
        """SHA-256 over ids and texts; a length before each keeps ("ab", "c") from ("a", "bc")."""
        digest = hashlib.sha256()
        for own_id, text, others in zip(*self, strict=True):
            for part in (own_id, text, *others):
                data = part.encode("utf-8", "surrogatepass")
                digest.update(len(data).to_bytes(8, "little") + data)
        return digest.hexdigest()


def unique_passages(rows: Iterable[Mapping[str, Any]]) -> Passages:
    """The rows' unique contexts in their order, each under the id of its first appearance.

    The ids of its later appearances are its `other_ids`. Rows without a context are left out; a
    row without `passage_id` gets the hash of its text.
    """
    texts: dict[str, str] = {}
    ids: dict[str, dict[str, None]] = {}
    for row in rows:
        text, given = row.get("context"), row.get("passage_id")
        if has_text(text):
            key = passage_id(text)
            texts.setdefault(key, clean_text(text))
            own = key if is_missing(given) else clean_text(str(given))
            ids.setdefault(key, {})[own] = None
    lists = [list(ids[key]) for key in texts]
    return Passages([i[0] for i in lists], list(texts.values()), [i[1:] for i in lists])


def made_with(
    embeddings: "Embeddings", passage_prompt: str = "", index_factory: str = "Flat"
) -> MadeWith:
    """What an index of these settings is made with.

    Args:
        embeddings: a loaded distilabel `Embeddings`: loading may fetch its weights.
        passage_prompt: put before each passage.
        index_factory: a string of faiss's index factory.
    """
    state = embedder_state(embeddings)
    return MadeWith(embeddings.model_name, state, passage_prompt, index_factory)


def _reason(error: RuntimeError) -> str:
    """What faiss says, without the place in its C++ source."""
    return re.sub(r"^Error in .* at \S+: (Error: )?", "", str(error).splitlines()[0])


def other_files(folder: Path) -> list[str]:
    """What stands in a folder and is not part of an index; building one would delete it.

    Raises:
        DistilabelUserError: if it is no folder.
    """
    if not folder.exists():
        return []
    if not folder.is_dir():
        raise DistilabelUserError(f"`index_dir`: '{folder}' is a file, expected a folder.")
    return sorted({f.name for f in folder.iterdir()} - {*FILES, MANIFEST_FILE})


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
    """

    def __init__(self, index: "faiss.Index", passages: "pa.Table", manifest: Manifest) -> None:
        self._index = index
        self._passages = passages
        self.manifest = manifest

    def __len__(self) -> int:
        return self.manifest.count

    def passage(self, position: int) -> tuple[str, str]:
        """Id and text of the passage at a position."""
        row = self._passages.slice(position, 1)
        return row["passage_id"][0].as_py(), row["context"][0].as_py()

    @property
    def texts(self) -> Texts:
        """The passages' texts, in order."""
        return Texts(self._passages["context"])

    def passages(self, *columns: str) -> Iterator[tuple[Any, ...]]:
        """The passages' `passage_id`, `context` or `other_ids`, in order."""
        for batch in self._passages.select(list(columns)).to_batches(max_chunksize=1000):
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)

    @classmethod
    def build(
        cls,
        passages: Passages,
        embeddings: "Embeddings",
        index_factory: str = "Flat",
        passage_prompt: str = "",
        batch_size: int = 64,
    ) -> "PassageIndex":
        """Embeds every passage once and indexes the vectors.

        Args:
            passages: unique passages, at least one.
            embeddings: a loaded distilabel `Embeddings`.
            index_factory: a string of faiss's index factory, such as "Flat", "HNSW32,Flat"
                or "IVF1024,PQ32".
            passage_prompt: put before each passage.
            batch_size: passages per call of the embedder.

        Raises:
            DistilabelUserError: if there is no passage, or faiss cannot make or train the index.
        """
        import faiss
        import pyarrow as pa

        if not passages.texts:
            raise DistilabelUserError("The corpus holds no passage: expected at least one.")
        vectors = embed(embeddings, passages.texts, passage_prompt, batch_size)
        threads = faiss.omp_get_max_threads()
        try:
            index = faiss.index_factory(vectors.shape[1], index_factory, faiss.METRIC_INNER_PRODUCT)
            # HNSW's graph depends on the order in which threads insert; one thread makes it
            # the same every time, and embedding takes far longer anyway.
            faiss.omp_set_num_threads(1 if "HNSW" in index_factory else threads)
            index.train(vectors)
            index.add(vectors)
        except RuntimeError as error:
            raise DistilabelUserError(
                f"index_factory={index_factory!r} cannot index {len(vectors)} vectors of dimension"
                f" {vectors.shape[1]}: {_reason(error)}. 'Flat' works for any number;"
                " IVF and PQ need at least as many passages as centroids (256 for PQ's 8 bits)."
            ) from error
        finally:
            faiss.omp_set_num_threads(threads)
        table = pa.table(
            {
                "passage_id": pa.array(passages.ids, pa.string()),
                "context": pa.array(passages.texts, pa.string()),
                "other_ids": pa.array(passages.other_ids, pa.list_(pa.string())),
            }
        )
        return cls(
            index,
            table,
            Manifest(
                made_with=made_with(embeddings, passage_prompt, index_factory),
                passages=passages.fingerprint(),
                count=len(vectors),
                dimension=vectors.shape[1],
                probe=probe(embeddings, passage_prompt).round(DECIMALS).tolist(),
                files={},
            ),
        )

    def save(self, folder: str | Path) -> None:
        """Writes the index, the passages and the manifest; a reader never sees half of it."""
        import faiss
        import pyarrow.parquet as pq

        folder = Path(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            faiss.write_index(self._index, str(new / INDEX_FILE))
            pq.write_table(self._passages, new / PASSAGES_FILE)
            write_manifest(new, replace(self.manifest, files=dict(file_states(new) or [])))
            if folder.exists():
                old = Path(tempfile.mkdtemp(prefix=f".{folder.name}-old-", dir=folder.parent))
                os.replace(folder, old)
                shutil.rmtree(old)
            os.replace(new, folder)
        finally:
            shutil.rmtree(new, ignore_errors=True)

    @classmethod
    def open(cls, folder: str | Path) -> "PassageIndex":
        """Opens a saved index read-only and memory-mapped.

        Raises:
            DistilabelUserError: if the folder is not a complete index.
        """
        import faiss
        import pyarrow.parquet as pq

        folder = Path(folder)
        manifest = read_manifest(folder)
        missing = [name for name in FILES if not (folder / name).is_file()]
        if manifest is None or missing:
            raise DistilabelUserError(
                f"'{folder}' is not an index folder: {', '.join(missing) or MANIFEST_FILE} missing;"
                f" expected {INDEX_FILE}, {PASSAGES_FILE} and {MANIFEST_FILE}."
            )
        files = dict(state for name in FILES for state in file_states(folder / name) or [])
        if changed := [name for name in FILES if files[name] != manifest.files.get(name)]:
            raise DistilabelUserError(
                f"The index in '{folder}' is damaged: {', '.join(changed)} changed since it was"
                " built. Delete the folder to build it anew."
            )
        index = faiss.read_index(str(folder / INDEX_FILE), faiss.IO_FLAG_MMAP_IFC)
        passages = pq.read_table(folder / PASSAGES_FILE, memory_map=True)
        return cls(index, passages, manifest)

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
