"""Passages -> an index folder, with no more in memory than the index and a few passages."""

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from distilabel.errors import DistilabelUserError

from distilabel_rag4rag.steps.retrieval.embedder_state import probe
from distilabel_rag4rag.steps.retrieval.embedding import DECIMALS, Vectors, embed
from distilabel_rag4rag.steps.retrieval.index_factory import (
    faiss_reason,
    lists_of,
    set_search_parameters,
    training_size,
)
from distilabel_rag4rag.steps.retrieval.index_manifest import (
    INDEX_FILE,
    PASSAGES_FILE,
    MadeWith,
    Manifest,
    write_manifest,
)
from distilabel_rag4rag.steps.retrieval.passages import Fingerprint, Passages, PassageWriter
from distilabel_rag4rag.utils.hashing import file_states

if TYPE_CHECKING:
    import faiss
    from distilabel.models.embeddings.base import Embeddings

#: Passages whose texts and vectors are in memory at once. They are embedded in the order of their
#: lengths, so that little is spent on padding.
WINDOW = 4096
#: Of the sample that an index is trained on.
SEED = 0


def build_index(
    folder: str | Path,
    passages: Passages,
    embeddings: "Embeddings",
    settings: MadeWith,
    batch_size: int = 64,
    search_parameters: str | None = None,
) -> None:
    """Embeds every passage once, indexes the vectors, and writes all to a folder.

    Vectors wait in a file until all are there: which of them an index is trained on is drawn from
    the whole corpus. The folder appears when it is complete.

    Args:
        folder: where the index is to be; one that is there is replaced.
        passages: at least one.
        embeddings: a loaded distilabel `Embeddings`.
        settings: what the index is made with (`made_with`).
        batch_size: passages per call of the embedder.
        search_parameters: what the index will be searched with, for the error if it cannot be.

    Raises:
        DistilabelUserError: if there is no passage, the embedder gives no usable vector for one,
            faiss cannot make or train the index or has no such search parameters, or the corpus
            changes meanwhile.
    """
    import faiss

    if not len(passages):
        raise DistilabelUserError("The corpus holds no passage: expected at least one.")
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    vectors_file = new / "vectors"
    try:

        def new_index(dimension: int) -> "faiss.Index":
            # On an index of their own: what is searched with is not written into the file.
            tried = _empty_index(dimension, len(passages), settings)
            set_search_parameters(tried, search_parameters)
            return _empty_index(dimension, len(passages), settings)

        index = _embed_passages(
            new, vectors_file, passages, embeddings, settings.passage_prompt, batch_size, new_index
        )
        _fill(index, vectors_file, len(passages), settings)
        vectors_file.unlink()
        faiss.write_index(index, str(new / INDEX_FILE))
        manifest = Manifest(
            made_with=settings,
            passages=passages.fingerprint(),
            count=len(passages),
            dimension=index.d,
            probe=probe(embeddings, settings.passage_prompt).round(DECIMALS).tolist(),
            files={},
        )
        write_manifest(new, replace(manifest, files=dict(file_states(new) or [])))
        _put(new, folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _embed_passages(
    folder: Path,
    vectors_file: Path,
    passages: Passages,
    embeddings: "Embeddings",
    prompt: str,
    batch_size: int,
    new_index: Callable[[int], "faiss.Index"],
) -> "faiss.Index":
    """Writes passages and vectors; the index is still empty."""
    index = None
    read = Fingerprint()
    with (
        open(vectors_file, "wb") as file,
        closing(PassageWriter(folder / PASSAGES_FILE)) as writer,
    ):
        for window in passages.windows(WINDOW):
            vectors = embed(
                embeddings,
                [passage.context for passage in window],
                prompt,
                batch_size,
                dimension=index.d if index else 0,
                before=read.count,
            )
            if index is None:  # a setting that is wrong shows before hours of embedding
                index = new_index(vectors.shape[1])
            vectors.tofile(file)
            writer.write(window)
            for passage in window:
                read.add(passage)
    if index is None or str(read) != passages.fingerprint():
        raise DistilabelUserError("The corpus changed while it was being indexed.")
    return index


def _empty_index(dimension: int, count: int, settings: MadeWith) -> "faiss.Index":
    import faiss

    try:
        index = faiss.index_factory(dimension, settings.index_factory, faiss.METRIC_INNER_PRODUCT)
    except RuntimeError as error:
        raise _cannot(dimension, count, settings, faiss_reason(error)) from error
    if (lists := lists_of(index)) > count:
        raise _cannot(dimension, count, settings, f"it has {lists} lists")
    return index


def _fill(index: "faiss.Index", vectors_file: Path, count: int, settings: MadeWith) -> None:
    """Trains the index on a sample of the vectors and adds all of them."""
    import faiss

    # From the file's pages, which the system may drop: the only copy in memory is the index's.
    vectors = np.memmap(vectors_file, np.float32, "r", shape=(count, index.d))
    threads = faiss.omp_get_max_threads()
    # HNSW's graph depends on the order in which threads insert; one thread makes it the same
    # every time, and embedding takes far longer anyway. So does one call for all vectors.
    faiss.omp_set_num_threads(1 if "HNSW" in settings.index_factory else threads)
    try:
        if not index.is_trained:
            index.train(_sample(vectors, training_size(index)))
        index.add(vectors)
    except RuntimeError as error:
        raise _cannot(index.d, count, settings, faiss_reason(error)) from error
    finally:
        faiss.omp_set_num_threads(threads)


def _sample(vectors: Vectors, size: int) -> Vectors:
    """Vectors from the whole corpus, in its order; all of them where there are no more."""
    if len(vectors) <= size:
        return vectors
    chosen = np.random.default_rng(SEED).choice(len(vectors), size, replace=False, shuffle=False)
    return vectors[np.sort(chosen)]


def _cannot(dimension: int, count: int, settings: MadeWith, reason: str) -> DistilabelUserError:
    return DistilabelUserError(
        f"index_factory={settings.index_factory!r} cannot index {count} vectors of dimension"
        f" {dimension}: {reason.rstrip('.')}. 'Flat' works for any number;"
        " IVF and PQ need at least as many passages as centroids (256 for PQ's 8 bits)."
    )


def _put(new: Path, folder: Path) -> None:
    """Puts a folder in the place of another."""
    if folder.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{folder.name}-old-", dir=folder.parent))
        os.replace(folder, old)
        shutil.rmtree(old)
    os.replace(new, folder)
