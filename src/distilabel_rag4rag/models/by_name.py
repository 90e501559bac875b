"""`CLASS:MODEL`, as the command line and config files say it, to objects."""

import inspect
from collections.abc import Mapping
from typing import Any, TypeVar

from distilabel.errors import DistilabelUserError
from distilabel.models.embeddings.base import Embeddings
from distilabel.models.llms import LLM
from pydantic import ValidationError

from distilabel_rag4rag.models.embeddings.embedded_embeddings import EmbeddedEmbeddings
from distilabel_rag4rag.models.llms.embedded_llm import EmbeddedLLM, make_embedded_llm
from distilabel_rag4rag.models.packaged import EMBEDDED
from distilabel_rag4rag.utils.secrets import secret_names

# What distilabel's classes call the model, in the order in which to look.
_MODEL_FIELDS = ("model", "model_id", "model_path", "repo_id")

ModelT = TypeVar("ModelT", LLM, Embeddings)


def make_llm(spec: str, settings: Mapping[str, Any] | None = None) -> LLM:
    """The LLM of `embedded` or `CLASS:MODEL`, such as `OpenAILLM:gpt-4o-mini`.

    Args:
        spec: the name of a class in `distilabel.models`, or `module.Class`; then its model.
        settings: further fields of the class.

    Raises:
        DistilabelUserError: if there is no such class, or it refuses a setting.
    """
    if spec == EMBEDDED:
        return _embedded_llm(dict(settings or {}))
    return _make("--llm", spec, settings, LLM)  # type: ignore[type-abstract]


def make_embeddings(spec: str, settings: Mapping[str, Any] | None = None) -> Embeddings:
    """The embedder of `embedded` or `CLASS:MODEL`, as in `make_llm`."""
    if spec == EMBEDDED:
        return EmbeddedEmbeddings(**(settings or {}))
    return _make("--embeddings", spec, settings, Embeddings)  # type: ignore[type-abstract]


def _make(option: str, spec: str, settings: Mapping[str, Any] | None, base: type[ModelT]) -> ModelT:
    class_name, _, model = spec.partition(":")
    cls = _find(option, class_name, base)
    if secrets := secret_names(dict(settings or {})):
        raise DistilabelUserError(
            f"{option}: found `{secrets[0]}` among its settings. Keys are read from the"
            " environment (such as OPENAI_API_KEY or HF_TOKEN) and never written down."
        )
    fields = dict(settings or {})
    if model:
        name = next((name for name in _MODEL_FIELDS if name in cls.model_fields), "model")
        fields[name] = model
    try:
        return cls(**fields)
    except (ValidationError, TypeError) as error:
        raise DistilabelUserError(f"{option} {spec}: {in_short(error)}") from error


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
        raise DistilabelUserError(
            f"--llm embedded: generation_kwargs has {found!r}, expected some of {sorted(known)}."
        )
    if unknown := sorted(set(settings) - set(EmbeddedLLM.model_fields)):
        raise DistilabelUserError(
            f"--llm embedded: found {unknown}, expected fields of EmbeddedLLM such as 'batch_size',"
            " or generation_kwargs.max_new_tokens and the like."
        )
    return make_embedded_llm(**generation, **settings)


def _find(option: str, class_name: str, base: type[ModelT]) -> type[ModelT]:
    import importlib

    module_name, _, name = class_name.rpartition(".")
    try:
        module = importlib.import_module(module_name or "distilabel.models")
    except ImportError as error:
        raise DistilabelUserError(f"{option}: cannot import '{module_name}': {error}") from error
    cls = getattr(module, name, None)
    if inspect.isclass(cls) and issubclass(cls, base):
        return cls
    known = sorted(
        name
        for name, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, base) and not inspect.isabstract(member)
    )
    raise DistilabelUserError(
        f"{option}: found '{class_name}', expected '{EMBEDDED}' or CLASS:MODEL with one of"
        f" {', '.join(known)}; or module.Class:MODEL of your own."
    )
