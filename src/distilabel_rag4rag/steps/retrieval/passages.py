"""The passages that an index is made of, and the file that it keeps them in."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from distilabel_rag4rag.data.identity import passage_id
from distilabel_rag4rag.utils.text import clean_text, has_text, is_missing

if TYPE_CHECKING:
    import pyarrow as pa


class Passage(NamedTuple):
    """A passage; `other_ids` are those under which its text comes again."""

    passage_id: str
    context: str
    other_ids: Sequence[str] = ()


class Fingerprint:
    """SHA-256 over ids and texts, and how many passages there were."""

    def __init__(self) -> None:
        self.count = 0
        self._digest = hashlib.sha256()

    def add(self, passage: Passage) -> None:
        """A length before each part keeps ("ab", "c") from ("a", "bc")."""
        own_id, text, others = passage
        self.count += 1
        for part in (own_id, text, *others):
            data = part.encode("utf-8", "surrogatepass")
            self._digest.update(len(data).to_bytes(8, "little") + data)

    def __str__(self) -> str:
        return self._digest.hexdigest()


class Passages:
    """Unique passages in order; `read` gives them anew for each iteration."""

    def __init__(self, read: Callable[[], Iterator[Passage]]) -> None:
        self._read = read

    def __iter__(self) -> Iterator[Passage]:
        return self._read()

    def __len__(self) -> int:
        return self._fingerprint.count

    def fingerprint(self) -> str:
        """SHA-256 over ids and texts."""
        return str(self._fingerprint)

    def windows(self, size: int) -> Iterator[list[Passage]]:
        """The passages in lists of this size; the last one may be shorter."""
        passages = iter(self)
        while window := list(islice(passages, size)):
            yield window

    @cached_property
    def _fingerprint(self) -> Fingerprint:
        found = Fingerprint()
        for passage in self:
            found.add(passage)
        return found


def unique_passages(rows: Iterable[Mapping[str, Any]]) -> Passages:
    """The rows' unique contexts in their order, each under the id of its first appearance.

    The ids of its later appearances are its `other_ids`. Rows without a context are left out; a
    row without `passage_id` gets the hash of its text.
    """
    texts: dict[str, str] = {}
    ids: dict[str, dict[str, None]] = {}
    for row in rows:
        text, given = row.get("context"), row.get("passage_id")
        if has_text(text):
            key = passage_id(text)
            texts.setdefault(key, clean_text(text))
            own = key if is_missing(given) else clean_text(str(given))
            ids.setdefault(key, {})[own] = None
    found = [
        Passage(own_id, texts[key], others)
        for key, (own_id, *others) in ((key, list(own)) for key, own in ids.items())
    ]
    return Passages(lambda: iter(found))


def read_from(reader: Iterable[Mapping[str, Any]]) -> Passages:
    """The passages of a `PassageReader`, which gives each text once and every one an id."""
    return Passages(lambda: (Passage(row["passage_id"], row["context"]) for row in reader))


class PassageWriter:
    """Writes passages to an Arrow file, which is later mapped into memory and not read."""

    def __init__(self, path: Path) -> None:
        import pyarrow as pa

        self._schema = pa.schema(
            [
                ("passage_id", pa.string()),
                ("context", pa.string()),
                ("other_ids", pa.list_(pa.string())),
            ]
        )
        self._file = pa.OSFile(str(path), "wb")
        self._writer = pa.ipc.new_file(self._file, self._schema)

    def write(self, window: Sequence[Passage]) -> None:
        """Appends passages."""
        import pyarrow as pa

        columns = zip(*window, strict=True)
        arrays = [
            pa.array(column, field.type)
            for column, field in zip(columns, self._schema, strict=True)
        ]
        self._writer.write_batch(pa.record_batch(arrays, schema=self._schema))

    def close(self) -> None:
        """Ends the file."""
        self._writer.close()
        self._file.close()


def open_passages(path: Path) -> "pa.Table":
    """The passages of an index, mapped into memory; those of version 0.1 are parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if path.suffix == ".parquet":
        return pq.read_table(path, memory_map=True)
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()
