"""Vectors from an embedder, each of them checked."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from distilabel.errors import DistilabelUserError

from distilabel_rag4rag.errors import describe

if TYPE_CHECKING:
    from distilabel.models.embeddings.base import Embeddings

Vectors = npt.NDArray[np.float32]

#: Cosines are given to this many decimals: beyond them the same text differs with the batch
#: that it was embedded in, and a tie would be ordered by noise.
DECIMALS = 6


def embed(
    embeddings: "Embeddings",
    texts: Sequence[str],
    prompt: str = "",
    batch_size: int = 64,
    dimension: int = 0,
    before: int = 0,
) -> Vectors:
    """Unit vectors of the texts, shape (len(texts), dimension).

    Args:
        embeddings: a loaded distilabel `Embeddings`.
        texts: at least one text.
        prompt: put before each text.
        batch_size: how many texts one call of `encode` gets.
        dimension: the length that a vector must have; 0 takes that of the first batch.
        before: how many texts came before these, for messages.

    Raises:
        DistilabelUserError: if the embedder fails or gives no usable vector for a text, with the
            embedder's name and the text's position.
    """
    vectors = np.zeros((len(texts), dimension), np.float32)
    done = before
    for batch, found in _batches(embeddings, texts, prompt, batch_size):
        vectors, faults = _put(vectors, batch, found)
        done += len(batch)
        if faults:
            first = min(faults)
            alike = sum(fault == faults[first] for fault in faults.values())
            raise DistilabelUserError(
                f"embeddings: '{embeddings.model_name}' gave {faults[first]} for {alike} of {done}"
                f" texts, the first of them number {before + first + 1}, {_short(texts[first])};"
                " expected a vector of numbers for each text, all of one length."
            )
    return _unit(vectors)


def embed_each(
    embeddings: "Embeddings",
    texts: Sequence[str],
    prompt: str = "",
    batch_size: int = 64,
    dimension: int = 0,
) -> tuple[Vectors, dict[int, str]]:
    """Unit vectors of the texts, and by position what the embedder gave instead of one.

    A fault touches no other text: a call that fails is repeated text by text.

    Args:
        embeddings, texts, prompt, batch_size: as for `embed`.
        dimension: the length that a vector must have; 0 takes that of the first batch.
    """
    vectors = np.zeros((len(texts), dimension), np.float32)
    faults: dict[int, str] = {}
    for batch, found in _batches(embeddings, texts, prompt, batch_size):
        vectors, new = _put(vectors, batch, found)
        faults |= new
    return _unit(vectors), faults


def _batches(
    embeddings: "Embeddings", texts: Sequence[str], prompt: str, batch_size: int
) -> Iterator[tuple[list[int], list[Vectors | str]]]:
    # Texts of like length share a batch, so that little is spent on padding.
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        yield batch, _encode(embeddings, [prompt + texts[i] for i in batch])


def _put(
    vectors: Vectors, batch: list[int], found: list[Vectors | str]
) -> tuple[Vectors, dict[int, str]]:
    """The vectors with those of a batch, and the faults; the first batch sets the length."""
    if not vectors.shape[1]:
        lengths = Counter(len(vector) for vector in found if not isinstance(vector, str))
        usual = lengths.most_common(1)[0][0] if lengths else 0
        vectors = np.zeros((len(vectors), usual), np.float32)
    faults = {}
    for i, vector in zip(batch, found, strict=True):
        if isinstance(vector, str):
            faults[i] = vector
        elif len(vector) != vectors.shape[1]:
            faults[i] = f"a vector of {len(vector)} numbers instead of {vectors.shape[1]}"
        else:
            vectors[i] = vector
    return vectors, faults


def _unit(vectors: Vectors) -> Vectors:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    norms[norms == 0] = 1
    return vectors / norms


def _encode(embeddings: "Embeddings", texts: list[str]) -> list[Vectors | str]:
    """For each text its vector, or what there is instead."""
    try:
        found: Any = embeddings.encode(inputs=texts)
        fault = None
    except Exception as error:  # of any kind: the embedder may be on a server
        fault = describe(error)
    if fault is None and not isinstance(found, list | tuple | np.ndarray):
        fault = f"{type(found).__name__} instead of a list of vectors"
    if fault is None and len(found) != len(texts):
        fault = f"{len(found)} vectors for {len(texts)} texts"
    if fault is None:
        return [_vector(vector) for vector in found]
    if len(texts) == 1:
        return [fault]
    return [_encode(embeddings, [text])[0] for text in texts]


def _vector(value: Any) -> Vectors | str:
    if value is None:
        return "None"
    try:
        with np.errstate(over="ignore"):  # too large for float32: infinite, which is found below
            vector = np.asarray(value, dtype=np.float32)
    except (TypeError, ValueError, RuntimeError):
        return f"{type(value).__name__} that is no vector of numbers"
    if vector.ndim != 1 or not vector.size:
        return f"an array of shape {vector.shape}"
    return vector if np.isfinite(vector).all() else "NaN or infinite values"


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:59]}…")
