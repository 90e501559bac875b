"""How long a text is for an embedder: the offsets of its tokens."""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from distilabel_rag4rag.data.chunking import Tokenize
from distilabel_rag4rag.models.packaged import EMBEDDED, embeddings_path

if TYPE_CHECKING:
    from distilabel.models.embeddings.base import Embeddings


def load_tokenizer(name: str) -> Tokenize:
    """Text -> the offsets of its tokens, without special tokens.

    Args:
        name: "embedded", or the folder or Hub id of a model with a fast tokenizer.

    Raises:
        ConfigError: if there is no such tokenizer.
    """
    from transformers import AutoTokenizer

    from distilabel_rag4rag.errors import ConfigError, describe

    path = embeddings_path() if name == EMBEDDED else name
    try:
        tokenizer = AutoTokenizer.from_pretrained(path)
    except Exception as error:  # of the Hub's client, the tokenizer's library or the disk
        raise ConfigError(
            "tokenizer", name, "a model's folder or Hub id with a tokenizer", f"{describe(error)}."
        ) from error
    if not tokenizer.is_fast:
        raise ConfigError("tokenizer", name, "a fast tokenizer, which knows the places of tokens")

    def tokenize(text: str) -> Sequence[tuple[int, int]]:
        encoded = tokenizer(
            text, add_special_tokens=False, return_offsets_mapping=True, verbose=False
        )
        return encoded["offset_mapping"]  # type: ignore[no-any-return]

    return tokenize


def tokenizer_of(embeddings: "Embeddings | None" = None) -> Tokenize:
    """The tokenizer of an embedder, or the packaged one's, which is loaded for the first text."""

    @cache
    def load() -> Tokenize:
        return load_tokenizer(EMBEDDED if embeddings is None else tokenizer_name(embeddings))

    def tokenize(text: str) -> Sequence[tuple[int, int]]:
        return load()(text)

    return tokenize


def tokenizer_name(embeddings: "Embeddings") -> str:
    """The tokenizer that tells how long passages are for an embedder.

    That is the embedder's own where it is a local model, and the packaged embedder's where it is
    a server's, whose tokens are not known here.
    """
    model = getattr(embeddings, "model", None)
    is_local = hasattr(embeddings, "trust_remote_code") or model == EMBEDDED
    return model if is_local and isinstance(model, str) else EMBEDDED
