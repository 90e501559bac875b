"""Retrievers by name: a folder, a Hub id, and two that need no download."""

from pathlib import Path
from typing import TYPE_CHECKING

from distilabel_rag4rag.errors import ConfigError, describe
from distilabel_rag4rag.models.packaged import EMBEDDED, embeddings_path

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

#: A static embedding model made of the packaged embedder's token table.
STATIC = "static"


def load_retriever(
    name: str, *, field: str = "models", device: str | None = None, max_tokens: int | None = None
) -> "SentenceTransformer":
    """The SentenceTransformer of a name.

    Args:
        name: `embedded`, `static`, a folder or a Hub id.
        field: the setting that it comes from.
        device: as sentence-transformers names it; None is the best there is.
        max_tokens: the longest text; None is what the model says.

    Raises:
        ConfigError: if there is no such model.
    """
    from sentence_transformers import SentenceTransformer

    if name == STATIC:
        model = static_model(embeddings_path(), device)
    else:
        check_folder(name, field)
        path = embeddings_path() if name == EMBEDDED else name
        try:
            model = SentenceTransformer(path, device=device)
        except (OSError, ValueError, KeyError) as error:
            raise ConfigError(
                field, name, "a model that sentence-transformers loads", f"{describe(error, 1)}."
            ) from error
    if max_tokens is not None and not is_static(model):
        model.max_seq_length = max_tokens
    return model


def check_folder(name: str, field: str = "models") -> None:
    """Whether a name that looks like a folder is one.

    Raises:
        ConfigError: if it is none.
    """
    looks_local = name.startswith(("/", ".", "~")) or name.count("/") > 1
    if looks_local and not Path(name).expanduser().is_dir():
        raise ConfigError(field, name, f"'{EMBEDDED}', '{STATIC}', a folder or a Hub id")


def static_model(path: str, device: str | None = None) -> "SentenceTransformer":
    """A model whose vectors are the means of the token vectors of a transformer's input layer."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import StaticEmbedding
    from transformers import AutoModel, AutoTokenizer

    table = AutoModel.from_pretrained(path).get_input_embeddings().weight.detach().clone()
    tokenizer = AutoTokenizer.from_pretrained(path)
    static = StaticEmbedding(tokenizer, embedding_weights=table)
    static.tokenizer.no_truncation()  # the tokenizer's limit is the transformer's, not ours
    return SentenceTransformer(modules=[static], device=device)


def is_static(model: "SentenceTransformer") -> bool:
    """Whether the model looks vectors up and computes nothing."""
    return type(model[0]).__name__ == "StaticEmbedding"
