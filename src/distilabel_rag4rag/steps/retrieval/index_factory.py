"""Which of faiss's indexes a corpus gets, what it is trained on, and how it is searched."""

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from distilabel_rag4rag.errors import ConfigError

if TYPE_CHECKING:
    import faiss

AUTO = "auto"

#: The largest corpus that "auto" searches exactly.
MOST_EXACT = 200_000
#: Passages per list of an IVF index that it is trained on, and the fewest in all: 256 for each of
#: the 256 centroids of a product quantiser, which is as many as faiss uses.
SAMPLE_PER_LIST = 64
LEAST_SAMPLE = 65_536
#: Of this many lists of an IVF index one is searched, and the fewest in all. faiss's own default
#: is one list.
LISTS_PER_PROBE = 32
LEAST_PROBES = 16
#: Candidates per hit whose vectors are compared exactly, with "RFlat".
REFINED_PER_HIT = 4
#: Neighbours that a search of an HNSW graph keeps in view. faiss's own default is 16.
HNSW_BEAM = 64
#: Questions from which on exact search multiplies matrices.
LEAST_MULTIPLIED = 16


def resolve_factory(index_factory: str, count: int, dimension: Callable[[], int]) -> str:
    """The factory string that "auto" stands for; any other one as it is.

    Up to `MOST_EXACT` passages that is exact search. Beyond, vectors are grouped in about
    4 * sqrt(count) lists, of which a few are searched by compressed vectors, and the best hits
    of these are compared exactly.

    Args:
        index_factory: "auto" or a string of faiss's index factory.
        count: how many passages there are.
        dimension: gives the length of a vector; called for a large corpus alone.
    """
    if index_factory != AUTO:
        return index_factory
    if count <= MOST_EXACT:
        return "Flat"
    lists = 2 ** round(math.log2(4 * math.sqrt(count)))
    size = dimension()
    # "np": without a training that takes minutes and serves a kind of search that is not used here.
    code = f"PQ{size // 8}np" if size % 8 == 0 else "SQ8"
    return f"IVF{lists},{code},RFlat"


def training_size(index: "faiss.Index") -> int:
    """The most vectors that an index is trained on."""
    return max(LEAST_SAMPLE, SAMPLE_PER_LIST * lists_of(index))


def open_index(path: Path, index_factory: str, search_parameters: str | None) -> "faiss.Index":
    """An index on disk, mapped into memory as far as faiss can, ready to be searched.

    faiss maps inverted lists, or vectors and graphs, but not both; with "RFlat" the vectors are
    the larger part.

    Args:
        path: of the file.
        index_factory: what it was made with.
        search_parameters: see `set_search_parameters`.
    """
    import faiss

    has_lists_alone = "IVF" in index_factory and not re.search("RFlat|Refine", index_factory)
    flag = faiss.IO_FLAG_MMAP if has_lists_alone else faiss.IO_FLAG_MMAP_IFC
    index = faiss.read_index(str(path), flag)
    # From this many questions on exact search multiplies matrices, which is ten times as fast with
    # 64 of them. faiss 1.15 counts numbers, and by itself would wait for more than 300 questions.
    threshold = faiss.cvar.distance_compute_blas_threshold
    faiss.cvar.distance_compute_blas_threshold = min(threshold, LEAST_MULTIPLIED * index.d)
    set_search_parameters(index, search_parameters)
    return index


def set_search_parameters(index: "faiss.Index", given: str | None = None) -> None:
    """Sets how thoroughly an index is searched.

    Args:
        index: any index of faiss.
        given: faiss's parameters, such as "nprobe=128,k_factor_rf=8"; those that are not named
            get defaults by which an approximate index finds most of what an exact one would.

    Raises:
        ConfigError: if the index has no such parameter.
    """
    import faiss

    space = faiss.ParameterSpace()
    for name, value in _defaults(index).items():
        space.set_index_parameter(index, name, value)
    if given:
        try:
            space.set_index_parameters(index, given)  # type: ignore[arg-type]
            if index.is_trained:  # a search says what is wrong with a number
                index.search(np.zeros((1, index.d), np.float32), 1)
        except RuntimeError as error:
            known = ",".join(f"{name}={value}" for name, value in _defaults(index).items())
            raise ConfigError(
                "search_parameters",
                given,
                f"parameters that this kind of index has, such as '{known}'"
                if known
                else "none: this index is searched exactly",
                f"{faiss_reason(error).rstrip('.')}.",
            ) from error


def faiss_reason(error: RuntimeError) -> str:
    """What faiss says, without the place in its C++ source."""
    return re.sub(r"^Error in .* at \S+: (Error: )?", "", str(error).splitlines()[0])


def _defaults(index: "faiss.Index") -> dict[str, float]:
    import faiss

    found: dict[str, float] = {}
    base: Any = faiss.downcast_index(index)
    if isinstance(base, faiss.IndexRefine):
        found["k_factor_rf"] = REFINED_PER_HIT
        base = faiss.downcast_index(base.base_index)
    if lists := lists_of(base):
        found["nprobe"] = min(lists, max(LEAST_PROBES, lists // LISTS_PER_PROBE))
    elif isinstance(base, faiss.IndexHNSW):
        found["efSearch"] = HNSW_BEAM
    return found


def lists_of(index: "faiss.Index") -> int:
    """How many lists an IVF index has, also within others; 0 for other kinds."""
    import faiss

    ivf = faiss.try_extract_index_ivf(index)
    return ivf.nlist if ivf else 0
