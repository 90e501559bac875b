"""What shapes the output of a model, to find again what was made with it."""

import ast
import inspect
import os
import re
import sys
import textwrap
from collections import defaultdict
from collections.abc import Collection
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from distilabel_rag4rag.utils.hashing import file_states, hash_of

# A folder that holds other things than what shapes an output, and changes with them.
_OTHER_FOLDER = re.compile(r"(cache|download|offload|log|output)_?(dir|folder|path)$")


def identity(component: Any, ignored: Collection[str] = ()) -> dict[str, Any]:
    """What shapes the output of a component of distilabel: versions, settings, weights.

    Settings are those of its dump. A path counts with the content of its files, wherever it is;
    the id of a model on the Hub with the commit that the Hub's cache holds. A class whose
    weights no setting names may have a property `weights_source`: their path or Hub id.

    Args:
        component: an LLM, an Embeddings, or anything with `dump()`.
        ignored: names of settings that do not shape the output, at any depth. A class may name
            further ones of its own in `does_not_shape_replies`.
    """
    own = {*ignored, *getattr(type(component), "does_not_shape_replies", ())}
    settings = _shaping(component.dump(), own)
    for name in getattr(type(component), "model_fields", ()):
        value = getattr(component, name, None)
        if name in own:
            continue
        if _is_component(value):
            settings[name] = identity(value, ignored)
        elif isinstance(value, list | tuple) and value and all(map(_is_component, value)):
            settings[name] = [identity(item, ignored) for item in value]
    found = {"versions": _versions(type(component)), "settings": settings}
    if source := getattr(component, "weights_source", None):
        found["weights"] = with_files(source)
    return found


def with_files(value: Any, revision: str | None = None) -> Any:
    """A path's content, or a Hub id with its commit; any other value as it is."""
    if not isinstance(value, str | os.PathLike):
        return value
    text = os.fspath(value)
    if not isinstance(text, str) or not 0 < len(text) < 1000 or "\0" in text or "\n" in text:
        return text
    path = Path(text).expanduser()
    if os.path.exists(path):
        states = file_states(path)
        return text if states is None else {"files": states}
    commit = _hub_commit(text, revision)
    return [text, commit] if commit else text


def _shaping(value: Any, ignored: Collection[str], revision: str | None = None) -> Any:
    match value:
        case dict():
            revision = value.get("revision")
            return {
                name: item if _OTHER_FOLDER.search(str(name)) else _shaping(item, ignored, revision)
                for name, item in value.items()
                if name not in ignored
            }
        case list() | tuple():
            return [_shaping(item, ignored, revision) for item in value]
        case _:
            return with_files(value, revision)


def _is_component(value: Any) -> bool:
    return isinstance(value, BaseModel) and callable(getattr(value, "dump", None))


def _versions(cls: type[Any]) -> dict[str, str | None]:
    """The versions of the packages that a class is built from; of code in none, its hash."""
    found: dict[str, str | None] = {}
    for base in cls.__mro__:
        package = base.__module__.partition(".")[0]
        if package in found or package in ("abc", "builtins", "pydantic"):
            continue
        version = version_of(package)
        if version is None:
            found[f"{base.__module__}.{base.__qualname__}"] = _code(base)
        else:
            found[package] = version
    return found


def version_of(package: str) -> str | None:
    """The version of a package that was imported, else of the one that is installed, else None."""
    version = getattr(sys.modules.get(package), "__version__", None)
    if version is None:
        with suppress(metadata.PackageNotFoundError):
            version = metadata.version(package.replace("_", "-"))
    return None if version is None else str(version)


def _code(cls: type[Any]) -> str | None:
    """The hash of a class's source, and of what it uses of its module: functions, constants."""
    try:
        own = inspect.getsource(cls)
        module = ast.parse(inspect.getsource(sys.modules[cls.__module__]))
        tree = ast.parse(textwrap.dedent(own))
    except (OSError, TypeError, KeyError, SyntaxError):  # typed into a console
        return None
    definitions: dict[str, list[ast.stmt]] = defaultdict(list)
    for statement in module.body:
        for name in _defined_by(statement):
            definitions[name].append(statement)
    used, new = set[str](), {cls.__name__}
    while new:
        used |= new
        parts = [tree, *(part for name in new for part in definitions[name])]
        new = {n.id for part in parts for n in ast.walk(part) if isinstance(n, ast.Name)}
        new = (new & definitions.keys()) - used
    used.discard(cls.__name__)
    return hash_of([own, [[ast.unparse(part) for part in definitions[n]] for n in sorted(used)]])


def _defined_by(statement: ast.stmt) -> set[str]:
    """The names that a statement of a module defines, also within `if` and `try`."""
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return {statement.name}
        case ast.Import() | ast.ImportFrom():
            return {(alias.asname or alias.name).partition(".")[0] for alias in statement.names}
    return {
        node.id
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }


def _hub_commit(name: str, revision: str | None) -> str | None:
    """The commit of a model in the Hub's cache, which a branch such as `main` stands for."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    for file in ("config.json", "modules.json"):
        try:
            found = try_to_load_from_cache(name, file, revision=revision)
        except HFValidationError:  # any other text
            return None
        if isinstance(found, str):
            return Path(found).parent.name
    return None
