"""What of an embedder shapes its vectors: what its settings say, and what only a vector shows."""

from typing import TYPE_CHECKING, Any

import numpy as np

from distilabel_rag4rag.steps.retrieval.embedding import Vectors, embed
from distilabel_rag4rag.steps.retrieval.index_manifest import MadeWith
from distilabel_rag4rag.utils.hashing import hash_of
from distilabel_rag4rag.utils.identity import identity

if TYPE_CHECKING:
    from distilabel.models.embeddings.base import Embeddings

#: Settings of embedders that say how a vector is computed and not which.
HOW_NOT_WHAT = frozenset(
    {
        "batch_size",
        "cuda_devices",
        "device",
        "disable_cuda_device_placement",
        "max_retries",
        "n_gpu_layers",
        "n_threads",
        "show_progress_bar",
        "timeout",
        "token",
        "verbose",
    }
)
#: Embedded with every index. Besides plain words: case, accents, digits, other scripts, and more
#: text than most embedders read, so that another tokenizer or window shows as well.
PROBES = (
    "The kettle was cast in 1712.",
    "ÉCOLE naïve № 7 — 東京 Москва القاهرة हिन्दी 🙂 a_b/c.d@e",
    " ".join(f"In year {n} the mill by river {n * 7 % 101} ground corn." for n in range(60)),
)
#: The largest distance of two unit vectors of one text that count as the same. Half precision
#: moves a vector by about 0.001, hosted embedders by up to 0.015 from call to call.
TOLERANCE = 0.02


def embedder_state(embeddings: "Embeddings") -> dict[str, Any]:
    """The settings, versions and weights that shape the vectors, by name.

    Texts stand as hashes: a manifest must not hold a secret. A class may name settings that do
    not shape its vectors, in `does_not_shape_vectors`.
    """
    ignored = HOW_NOT_WHAT | set(getattr(type(embeddings), "does_not_shape_vectors", ()))
    found = identity(embeddings, ignored)
    settings = found.pop("settings")
    kind = settings.pop("type_info")
    state = {"class": f"{kind['module']}.{kind['name']}"}
    state |= {f"version of {package}": value for package, value in found.pop("versions").items()}
    plain = {**settings, **found}
    return state | {name: _comparable(plain[name]) for name in sorted(plain)}


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


def probe(embeddings: "Embeddings", prompt: str) -> Vectors:
    """The vectors of `PROBES`, in one call: some embedders' vectors depend on the batch."""
    return embed(embeddings, PROBES, prompt, len(PROBES))


def same_vectors(a: Vectors, b: Vectors) -> bool:
    """Whether two probes are of the same embedder."""
    return a.shape == b.shape and bool((np.linalg.norm(a - b, axis=1) <= TOLERANCE).all())


def _comparable(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float) else hash_of(value)[:16]
