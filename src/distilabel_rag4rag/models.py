"""`CLASS:MODEL` and `KEY=VALUE`, as the command line and config files say them, to objects."""

import inspect
from collections.abc import Mapping
from typing import Any, TypeVar

import yaml
from distilabel.errors import DistilabelUserError
from distilabel.models.embeddings.base import Embeddings
from distilabel.models.llms import LLM
from pydantic import ValidationError

from distilabel_rag4rag import embedded

#: The name of what installs with pip.
EMBEDDED = embedded.EMBEDDED

_SECRETS = {"api_key", "token"}
# What distilabel's classes call the model, in the order in which to look.
_MODEL_FIELDS = ("model", "model_id", "model_path", "repo_id")

ModelT = TypeVar("ModelT", LLM, Embeddings)


def parse_settings(pairs: list[str], setting: str) -> dict[str, Any]:
    """`["generation_kwargs.temperature=0.2"]` -> `{"generation_kwargs": {"temperature": 0.2}}`.

    Values are read as YAML, so numbers, booleans and lists are what they look like.

    Args:
        pairs: `KEY=VALUE`, dots in the key go one level deeper.
        setting: named in errors.

    Raises:
        DistilabelUserError: if a pair has no `=`.
    """
    settings: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise DistilabelUserError(f"{setting}: found {pair!r}, expected KEY=VALUE.")
        *parents, last = key.split(".")
        inner = settings
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[last] = yaml.safe_load(value)
    return settings


def make_llm(spec: str, settings: Mapping[str, Any] | None = None) -> LLM:
    """The LLM of `embedded` or `CLASS:MODEL`, such as `OpenAILLM:gpt-4o-mini`.

    Args:
        spec: the name of a class in `distilabel.models`, or `module.Class`; then its model.
        settings: further fields of the class.

    Raises:
        DistilabelUserError: if there is no such class, or it refuses a setting.
    """
    if spec == EMBEDDED:
        settings = dict(settings or {})
        return embedded.llm(**settings.pop("generation_kwargs", {}), **settings)
    return _make("--llm", spec, settings, LLM)  # type: ignore[type-abstract]


def make_embeddings(spec: str, settings: Mapping[str, Any] | None = None) -> Embeddings:
    """The embedder of `embedded` or `CLASS:MODEL`, as in `make_llm`."""
    if spec == EMBEDDED:
        return embedded.embeddings(**(settings or {}))
    return _make("--embeddings", spec, settings, Embeddings)  # type: ignore[type-abstract]


def _make(option: str, spec: str, settings: Mapping[str, Any] | None, base: type[ModelT]) -> ModelT:
    class_name, _, model = spec.partition(":")
    cls = _find(option, class_name, base)
    if secret := _SECRETS & set(settings or {}):
        raise DistilabelUserError(
            f"{option}: found `{secret.pop()}` among its settings. Keys are read from the"
            " environment (such as OPENAI_API_KEY or HF_TOKEN) and never written down."
        )
    fields = dict(settings or {})
    if model:
        name = next((name for name in _MODEL_FIELDS if name in cls.model_fields), "model")
        fields[name] = model
    try:
        return cls(**fields)
    except (ValidationError, TypeError) as error:
        raise DistilabelUserError(f"{option} {spec}: {error}") from error


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
