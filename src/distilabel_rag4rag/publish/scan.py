"""Secrets and local paths in what is to be sent: the first refuse a publication, the second go.

A secret is found by its value (the values of environment variables whose names say so, the Hub's
token), by its form (the prefixes that services give their keys), and in YAML and JSON by the name
of the field it stands in.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import yaml

from distilabel_rag4rag.publish.errors import PublishError

if TYPE_CHECKING:
    import pyarrow as pa

LOCAL_PATH = "<local path>"

_SECRET_FIELD = re.compile(
    r"(?i)(^|[_-])(token|secret|password|passwd|api_?key|access_?key|secret_?key|private_?key"
    r"|authorization|credentials?)$"
)
_SECRET_VARIABLE = re.compile(
    r"(?i)(token|secret|password|passwd|api_?key|access_?key|private_?key|credential)"
)
_FORMS = re.compile(
    "|".join(
        (
            r"\b(?:hf|api_org)_[A-Za-z0-9]{20,}",
            r"\b(?:sk|pk|rk|gsk|nvapi|glpat|pplx|r8|xai)[-_](?=[\w-]*\d)[\w-]{16,}",
            r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
            r"\b(?:gh[pousr]_|github_pat_)\w{30,}",
            r"\bAIza[\w-]{35}",
            r"\bxox[abeprs]-[\w-]{10,}",
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
            r"(?i:\bbearer\s+)[\w.~+/=-]{16,}",
            r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{5,}",
            r"\b[a-z][a-z0-9+.-]*://[^\s/:@]+:[^\s/@]+@",
        )
    )
)
#: Folders that hold people's files, beside those of this machine's root.
_ROOTS = {"home", "Users", "root", "tmp", "var", "mnt", "media", "opt", "srv", "data", "work"}
_ROOTS |= {"workspace", "private", "Volumes", "scratch", "content", "kaggle", "dbfs", "etc", "usr"}
_UNIX = re.compile(r"(?<![\w.:/~<])(?:file://)?(?:~[\w.-]*)?/([\w.@+-]+)(?:/[^\s'\"`,;:)\]}>|]*)?")
_HOME = re.compile(r"(?<![\w/])~[\w.-]*/[^\s'\"`,;:)\]}>|]+")
_WINDOWS = re.compile(r"\b[A-Za-z]:\\[^\s'\"`,;)\]}>|]+|\\\\[\w.-]+\\[^\s'\"`,;)\]}>|]+")


class Scanner:
    """Looks through what is to be sent; knows the secrets of the environment."""

    def __init__(self) -> None:
        self._known = _environment()
        self._values = re.compile("|".join(map(re.escape, self._known.values())) or r"(?!)")

    def text(self, text: str, name: str) -> str:
        """A text as it may be sent: without local paths.

        Args:
            text: a log, a YAML or JSON file, a card.
            name: what errors call it.

        Raises:
            PublishError: if it holds a secret; the message does not repeat it.
        """
        for number, line in enumerate(text.split("\n"), 1):
            if kind := self.secret_in(line):
                raise _refusal(f"{name}, line {number}", kind)
        if not name.endswith((".yaml", ".yml", ".json")):
            return without_paths(text)
        document = _parse(text, name)
        for path, value in _fields(document):
            if _SECRET_FIELD.search(path[-1]) and isinstance(value, str) and value.strip():
                raise _refusal(f"{name}, field {'.'.join(path)}", "a value")
        clean = _mapped(document)
        return text if clean == document else _written(clean, name)

    def rows(self, table: "pa.Table", name: str) -> "pa.Table":
        """Rows as they may be sent: reasons, which may quote errors, lose their local paths.

        Raises:
            PublishError: if a text holds a secret.
        """
        import pyarrow as pa

        for number, field in enumerate(table.schema):
            for text in _texts(table[field.name]):
                if kind := self.secret_in(text):
                    raise _refusal(f"{name}, column {field.name}", kind)
            if field.name.endswith("_reason") and field.type == pa.string():
                texts = [text and without_paths(text) for text in table[field.name].to_pylist()]
                table = table.set_column(number, field, pa.array(texts, field.type))
        return table

    def secret_in(self, text: str) -> str | None:
        """What kind of secret the text holds, or None."""
        if found := self._values.search(text):
            name = next(name for name, value in self._known.items() if value == found[0])
            return f"the value of {name}"
        return "what looks like an access token or key" if _FORMS.search(text) else None


def without_paths(text: str) -> str:
    """The text with local paths replaced by `<local path>`; URLs stay."""
    if "/" not in text and "\\" not in text:
        return text
    text = _WINDOWS.sub(LOCAL_PATH, _HOME.sub(LOCAL_PATH, text))
    return _UNIX.sub(lambda m: LOCAL_PATH if m[1] in _roots() else m[0], text)


def _environment() -> Mapping[str, str]:
    """Secrets of the environment, and the Hub's token wherever it is kept."""
    from huggingface_hub import get_token

    found = {
        f"the environment variable {name}": value.strip()
        for name, value in os.environ.items()
        if _SECRET_VARIABLE.search(name) and len(value.strip()) >= 8 and value[:1] != "/"
    }
    token = get_token()
    return found | ({"the Hub's token": token} if token else {})


@cache
def _roots() -> frozenset[str]:
    return frozenset(_ROOTS | set(os.listdir(os.path.abspath(os.sep))))


def _texts(column: Any) -> Iterator[str]:
    """Every different text of a column, however deep."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        yield from (text for text in pc.unique(column).to_pylist() if text)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        yield from _texts(pc.list_flatten(column))
    elif pa.types.is_struct(kind):
        for child in range(kind.num_fields):
            yield from _texts(pc.struct_field(column, child))


def _parse(text: str, name: str) -> Any:
    try:
        return json.loads(text) if name.endswith(".json") else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        raise PublishError(f"{name} cannot be read, so it is not sent: {error}") from error


def _fields(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, item in items:
        yield (*path, str(key)), item
        yield from _fields(item, (*path, str(key)))


def _mapped(value: Any) -> Any:
    """The document without local paths; a text that begins with one is one, spaces and all."""
    if isinstance(value, dict):
        return {_mapped(key): _mapped(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_mapped(item) for item in value]
    if isinstance(value, str):
        clean = without_paths(value)
        one_line = "\n" not in value.strip()
        return LOCAL_PATH if one_line and clean.startswith(LOCAL_PATH) else clean
    return value


def _written(document: Any, name: str) -> str:
    if name.endswith(".json"):
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    return str(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))


def _refusal(where: str, kind: str) -> PublishError:
    return PublishError(
        f"{where}: found {kind}; nothing was sent. Take it out there, and if it is real, revoke it:"
        " it has been written to disk. Keys belong in the environment.",
        "looking for secrets",
    )
