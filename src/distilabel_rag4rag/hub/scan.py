"""Secrets and local paths in what is to be sent: the first refuse a publication, the second go.

A secret is found by its value (what the environment keeps under the name of one, the Hub's token),
by its form, and in YAML, JSON and logs by the name it stands under.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import yaml

from distilabel_rag4rag.errors import ConfigError, PublishError
from distilabel_rag4rag.hub.local_paths import last_part, without_local, without_paths
from distilabel_rag4rag.hub.secret_names import (
    has_secret_assignment,
    known_secrets,
    secret_fields,
)
from distilabel_rag4rag.hub.secret_patterns import SUSPECT, secret_form
from distilabel_rag4rag.utils.secrets import is_secret_name, leaves

if TYPE_CHECKING:
    import pyarrow as pa


class Scanner:
    """Looks through what is to be sent; knows the secrets of the environment.

    Args:
        accept: texts that look like secrets and are none.

    Attributes:
        notes: what was changed in the rows.

    Raises:
        ConfigError: if such a text is too short to mean one thing.
    """

    def __init__(self, accept: Iterable[str] = ()) -> None:
        self._accepted = sorted(accept, key=len, reverse=True)
        if short := [text for text in self._accepted if len(text.strip()) < 4]:
            raise ConfigError(
                "accept", short, "the whole of a text that looks like a secret and is none"
            )
        self._known = {
            value: name
            for value, name in known_secrets().items()
            if value not in self._accepted or "Hub" in name
        }
        self._values = "|".join(map(re.escape, self._known)) or "[^\\s\\S]"
        self._value = re.compile(self._values)
        self.notes: list[str] = []

    def text(self, text: str, name: str) -> str:
        """A text as it may be sent: without local paths.

        Args:
            text: a log, a YAML or JSON file, a card.
            name: what errors call it.

        Raises:
            PublishError: if it holds a secret; the message does not repeat it.
        """
        if known := self._value.search(text):
            line = text.count("\n", 0, known.start()) + 1
            raise _refusal(f"{name}, line {line}", self._known[known[0]])
        for number, part in enumerate(text.split("\n"), 1):
            kind = self.secret_in(part) or (
                self._assignment_kind(part) if name.endswith(".log") else None
            )
            if kind:
                raise _refusal(f"{name}, line {number}", kind)
        if not name.endswith((".yaml", ".yml", ".json")):
            return without_paths(text)
        document = _parse(text, name)
        for value in {str(leaf) for leaf in leaves(document) if not isinstance(leaf, bool)}:
            if kind := self.secret_in(value):
                raise _refusal(name, kind)
        if (field := next(secret_fields(self._accepted_removed(document)), None)) is not None:
            raise _refusal(f"{name}, field {field}", "a value")
        clean = without_local(document)
        return text if clean == document else _serialize(clean, name)

    def rows(self, table: "pa.Table", name: str) -> "pa.Table":
        """Rows as they may be sent: reasons, which may quote errors, lose their local paths.

        Raises:
            PublishError: if a text holds a secret; it names the column and the row.
        """
        import pyarrow as pa

        features = (table.schema.metadata or {}).get(b"huggingface", b"").decode("utf-8", "replace")
        for name_in_schema in (*table.column_names, features):
            if kind := self.secret_in(name_in_schema):
                raise _refusal(f"{name}, names of the columns or classes", kind)
        for number, field in enumerate(table.schema):
            column, reason = table[field.name], field.name.endswith("_reason")
            for text in _suspicious_texts(column, reason, f"{SUSPECT}|{self._values}"):
                kind = self.secret_in(text) or (self._assignment_kind(text) if reason else None)
                if kind:
                    where = f"{name}, column {field.name}, row {_row(table, field.name, text)}"
                    raise _refusal(where, kind)
            named_secret = is_secret_name(field.name) and not re.search(
                "(?i)key$|tokens?$", field.name
            )
            if named_secret and any(leaf for leaf in leaves(column.to_pylist())):
                raise _refusal(f"{name}, column {field.name}", "values")
            if field.type == pa.string() and (reason or field.name == "model_name"):
                clean = without_paths if reason else last_part
                texts = {text: text and clean(text) for text in column.unique().to_pylist()}
                changed = pa.array([texts[text] for text in column.to_pylist()], field.type)
                table = table.set_column(number, field, changed)
                if not reason and any(new != old for old, new in texts.items()):
                    self._note("model_name: of a model in a local folder, only the last part.")
        return table

    def secret_in(self, text: str) -> str | None:
        """What kind of secret the text holds by its value or form, or None."""
        if found := self._value.search(text):
            return self._known[found[0]]
        form = secret_form(self._without_accepted(text))
        return f"what looks like an access token or key ({form})" if form else None

    def _assignment_kind(self, text: str) -> str | None:
        found = has_secret_assignment(self._without_accepted(text))
        return "a value under the name of a secret" if found else None

    def _without_accepted(self, text: str) -> str:
        for accepted in self._accepted:
            text = text.replace(accepted, "")
        return text

    def _accepted_removed(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._accepted_removed(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._accepted_removed(item) for item in value]
        if str(value) in self._accepted:
            return None
        return self._without_accepted(value) if isinstance(value, str) else value

    def _note(self, note: str) -> None:
        self.notes += [] if note in self.notes else [note]


def _suspicious_texts(column: Any, every: bool, pattern: str) -> Iterator[str]:
    """Every different text of a column, however deep, that needs a closer look."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        texts = pc.unique(column).drop_null()
        found = texts if every else texts.filter(pc.match_substring_regex(texts, pattern))
        yield from found.to_pylist()
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        yield from _suspicious_texts(pc.list_flatten(column), every, pattern)
    elif pa.types.is_struct(kind):
        for child in range(kind.num_fields):
            yield from _suspicious_texts(pc.struct_field(column, child), every, pattern)
    elif not pa.types.is_primitive(kind) and not pa.types.is_null(kind):
        for leaf in leaves(column.to_pylist()):
            if isinstance(leaf, str | bytes):
                yield leaf if isinstance(leaf, str) else leaf.decode("utf-8", "replace")


def _row(table: "pa.Table", column: str, text: str) -> str:
    """The id of the first row that holds a text, or its number."""
    for number, value in enumerate(table[column].to_pylist()):
        for leaf in leaves(value):
            found = leaf.decode("utf-8", "replace") if isinstance(leaf, bytes) else leaf
            if found == text:
                name = table["id"][number].as_py() if "id" in table.column_names else None
                return str(number if name is None else name)
    return "unknown"


def _parse(text: str, name: str) -> Any:
    try:
        return json.loads(text) if name.endswith(".json") else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        raise PublishError(f"{name} cannot be read, so it is not sent: {error}") from error


def _serialize(document: Any, name: str) -> str:
    if name.endswith(".json"):
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    return str(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))


def _refusal(where: str, kind: str) -> PublishError:
    return PublishError(
        f"{where}: found {kind}; nothing was sent. Take it out there, and if it is real, revoke it:"
        " it has been written to disk. Keys belong in the environment. If it is harmless, give that"
        " very text to `accept`.",
        "looking for secrets",
    )
