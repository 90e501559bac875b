"""What was computed once and is kept: a bounded table of key -> JSON in one SQLite file.

SQLite, because it keeps each entry whole whatever happens: several processes may write at once,
and a process that is killed in the middle of a write leaves the table as it was before.
"""

import json
import logging
import sqlite3
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Protocol

from distilabel_rag4rag.utils.cache_folder import cache_folder

BUSY_SECONDS = 5.0
CHECK_SIZE_EVERY = 256
KEEP_SHARE = 0.8


class Store(Protocol):
    """What keeps values by key."""

    def get(self, keys: Iterable[str]) -> dict[str, Any]:
        """The entries that there are, by key."""

    def put(self, key: str, value: Any) -> None:
        """Keep an entry."""

    def close(self) -> None:
        """Free what it holds."""


log = logging.getLogger("distilabel.json_store")


class JsonStore:
    """A folder's table of values; a subclass says of what.

    Attributes:
        folder: where the file lies, created where it is missing; None is one named after what is
            kept, in the folder that the environment's RAG4RAG_CACHE names, else in the user's
            cache folder.
        size_limit: bytes; the oldest entries make room once the table is larger.
    """

    #: What is kept, in the singular; in the plural it names the folder, the file and the table.
    holds: ClassVar[str]
    #: What puts it elsewhere: settings, or a variable of the environment.
    moved_by: ClassVar[str] = "RAG4RAG_CACHE"

    def __init__(self, folder: Path | str | None = None, size_limit: int = 2 * 10**9) -> None:
        """Open the table.

        Raises:
            OSError: if the folder or the file cannot be used, with what to do about it.
        """
        self.folder = self.place(folder)
        self.size_limit = size_limit
        self._puts_to_check = 0
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._table = sqlite3.connect(
                self.file,
                timeout=BUSY_SECONDS,
                isolation_level=None,
                check_same_thread=False,  # an LLM's replies come in a thread of their own
            )
            self._table.execute("PRAGMA journal_mode=WAL")
            self._table.execute("PRAGMA synchronous=NORMAL")
            self._table.execute(
                f"CREATE TABLE IF NOT EXISTS {self._name}"
                " (key TEXT PRIMARY KEY, stored REAL NOT NULL, value TEXT NOT NULL)"
            )
            self._table.execute(f"CREATE INDEX IF NOT EXISTS by_age ON {self._name} (stored)")
        except (sqlite3.DatabaseError, OSError) as error:
            raise self._unusable(error) from error

    @classmethod
    def place(cls, folder: Path | str | None = None) -> Path:
        """Where the table of a folder, or the user's, lies."""
        return Path(folder or cache_folder() / f"{cls.holds}s").expanduser().absolute()

    @property
    def file(self) -> Path:
        """The file that holds the table."""
        return self.folder / f"{self._name}.sqlite"

    @property
    def _name(self) -> str:
        return f"{self.holds}s"

    def _unusable(self, error: Exception) -> OSError:
        return OSError(
            f"the {self.holds} cache {self.file} cannot be used ({error}); move it away, or "
            f"set {self.moved_by} to another place"
        )

    def get(self, keys: Iterable[str]) -> dict[str, Any]:
        """The entries that there are, by key; one that is not whole counts as missing.

        Raises:
            OSError: if the file is damaged, with what to do about it.
        """
        query = f"SELECT value FROM {self._name} WHERE key = ?"
        found = {}
        try:
            for key in keys:
                if row := self._table.execute(query, (key,)).fetchone():
                    with suppress(ValueError, TypeError):
                        found[key] = json.loads(row[0])
        except sqlite3.DatabaseError as error:
            raise self._unusable(error) from error
        return found

    def put(self, key: str, value: Any) -> None:
        """Keep an entry; a full or broken disk is a warning, since the value itself is safe."""
        self.put_all({key: value})

    def put_all(self, entries: Mapping[str, Any]) -> None:
        """Keep entries, all or none."""
        stored = time.time()
        try:
            rows = [(key, stored, json.dumps(value)) for key, value in entries.items()]
            self._write(rows)
            self._puts_to_check -= len(rows)
            if self._puts_to_check < 0:
                self._make_room()
                self._puts_to_check = CHECK_SIZE_EVERY
        except (sqlite3.Error, TypeError, ValueError) as error:
            log.warning("A %s could not be kept in %s: %s", self.holds, self.folder, error)

    def _write(self, rows: list[tuple[str, float, str]]) -> None:
        self._table.execute("BEGIN IMMEDIATE")
        try:
            self._table.executemany(f"INSERT OR REPLACE INTO {self._name} VALUES (?, ?, ?)", rows)
            self._table.execute("COMMIT")
        except BaseException:  # an interrupt too: other processes wait for the lock
            with suppress(sqlite3.Error):
                self._table.execute("ROLLBACK")
            raise

    def clear(self) -> None:
        """Forget everything."""
        self._table.execute(f"DELETE FROM {self._name}")
        self._table.execute("VACUUM")

    def size(self) -> int:
        """Bytes in use."""
        used = self._pragma("page_count") - self._pragma("freelist_count")
        return used * self._pragma("page_size")

    def __len__(self) -> int:
        return int(self._table.execute(f"SELECT count(*) FROM {self._name}").fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        self._table.close()

    def _pragma(self, name: str) -> int:
        return int(self._table.execute(f"PRAGMA {name}").fetchone()[0])

    def _make_room(self) -> None:
        """Delete the oldest tenth until the table is well below its limit."""
        if self.size() <= self.size_limit:
            return
        while self.size() > KEEP_SHARE * self.size_limit and (count := len(self)) > 0:
            self._table.execute(
                f"DELETE FROM {self._name} WHERE key IN"
                f" (SELECT key FROM {self._name} ORDER BY stored LIMIT ?)",
                (max(1, count // 10),),
            )
