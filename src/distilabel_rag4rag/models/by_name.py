"""`CLASS:MODEL`, as the command line and config files say it, to objects."""

import importlib
import inspect
from collections.abc import Mapping
from typing import Any, TypeVar

from distilabel.models.embeddings.base import Embeddings
from distilabel.models.llms import LLM
from pydantic import ValidationError

from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.models.embeddings.embedded_embeddings import EmbeddedEmbeddings
from distilabel_rag4rag.models.llms.embedded_llm import EmbeddedLLM, make_embedded_llm
from distilabel_rag4rag.models.packaged import EMBEDDED
from distilabel_rag4rag.utils.secrets import secret_names
from distilabel_rag4rag.utils.text import nearest

# What distilabel's classes call the model, in the order in which to look.
_MODEL_FIELDS = ("model", "model_id", "model_path", "repo_id")

ModelT = TypeVar("ModelT", LLM, Embeddings)


def make_llm(spec: str, settings: Mapping[str, Any] | None = None) -> LLM:
    """The LLM of `embedded` or `CLASS:MODEL`, such as `OpenAILLM:gpt-4o-mini`.

    Args:
        spec: the name of a class in `distilabel.models`, or `module.Class`; then its model.
        settings: further fields of the class.

    Raises:
        ConfigError: if there is no such class (`llm`), or it refuses a setting (`llm_set`).
    """
    if spec == EMBEDDED:
        return _embedded_llm(dict(settings or {}))
    return _make("llm", spec, settings, LLM)  # type: ignore[type-abstract]


def make_embeddings(spec: str, settings: Mapping[str, Any] | None = None) -> Embeddings:
    """The embedder of `embedded` or `CLASS:MODEL`, as in `make_llm`.

    Raises:
        ConfigError: as in `make_llm`, of `embeddings` and `embeddings_set`.
    """
    if spec == EMBEDDED:
        return _construct("embeddings", spec, EmbeddedEmbeddings, {}, settings)
    return _make("embeddings", spec, settings, Embeddings)  # type: ignore[type-abstract]


def _make(field: str, spec: str, settings: Mapping[str, Any] | None, base: type[ModelT]) -> ModelT:
    class_name, _, model = spec.partition(":")
    cls = _find(field, class_name, base)
    name = next((name for name in _MODEL_FIELDS if name in cls.model_fields), "model")
    return _construct(field, spec, cls, {name: model} if model else {}, settings)


def _construct(
    field: str,
    spec: str,
    cls: type[ModelT],
    model: dict[str, Any],
    settings: Mapping[str, Any] | None,
) -> ModelT:
    given = dict(settings or {})
    if secrets := secret_names(given):
        raise ConfigError(
            f"{field}_set",
            secrets[0],
            "settings without keys and passwords",
            "They are read from the environment (such as OPENAI_API_KEY or HF_TOKEN) and never "
            "written down.",
        )
    try:
        return cls(**{**given, **model})
    except (ValidationError, TypeError) as error:
        refused = _refused_names(error)
        found = {name: value for name, value in given.items() if name in refused}
        raise ConfigError(
            f"{field}_set" if found else field,
            found or spec,
            f"what {cls.__name__} takes",
            f"Refused: {in_short(error)}.",
        ) from error


def _refused_names(error: Exception) -> set[str]:
    errors = error.errors() if isinstance(error, ValidationError) else []
    return {str(found["loc"][0]) for found in errors if found["loc"]}


def in_short(error: Exception) -> str:
    """pydantic's errors on one line, by field."""
    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(
        f"`{'.'.join(map(str, found['loc']))}`: {found['msg']}" for found in error.errors()
    )


def _embedded_llm(settings: dict[str, Any]) -> LLM:
    """The packaged LLM; an unknown setting is found here and not by the first batch."""
    generation = settings.pop("generation_kwargs", {})
    known = set(inspect.signature(EmbeddedLLM.generate).parameters) - {"self", "inputs"}
    if not isinstance(generation, dict) or (unknown := sorted(set(generation) - known)):
        found = unknown if isinstance(generation, dict) else generation
        raise ConfigError("llm_set.generation_kwargs", found, f"some of {sorted(known)}")
    if unknown := sorted(set(settings) - set(EmbeddedLLM.model_fields)):
        raise ConfigError(
            "llm_set",
            unknown,
            "fields of EmbeddedLLM such as 'batch_size', or generation_kwargs.max_new_tokens and "
            "the like",
        )
    return make_embedded_llm(**generation, **settings)


def _find(field: str, class_name: str, base: type[ModelT]) -> type[ModelT]:
    module_name, _, name = class_name.rpartition(".")
    try:
        module = importlib.import_module(module_name or "distilabel.models")
    except ImportError as error:
        raise ConfigError(
            field, class_name, "a module that can be imported", f"{error}."
        ) from error
    cls = getattr(module, name, None)
    if inspect.isclass(cls) and issubclass(cls, base):
        return cls
    known = sorted(
        name
        for name, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, base) and not inspect.isabstract(member)
    )
    raise ConfigError(
        field,
        class_name,
        f"'{EMBEDDED}' or CLASS:MODEL with {nearest(name, known) or 'one of ' + ', '.join(known)};"
        " or module.Class:MODEL of your own",
    )
