"""The finished shards of a run, as parquet in a folder or behind a URL."""

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from fsspec.core import url_to_fs

from distilabel_rag4rag.errors import describe

CUT_FILE = "cut.json"
#: The field of a file of JSON that holds the hash of the others.
HASH = "sha256"


class DamagedShardError(Exception):
    """The rows of a finished shard are not those that were kept."""


class ShardFolder:
    """Shards by name; each has a file of facts, written last, without which it is not finished.

    What is damaged counts as not there: files of JSON hold the hash of what is in them, and facts
    hold those of the shard's parquet.

    Attributes:
        path: the folder, as the file system knows it.
    """

    def __init__(self, out: str | Path, name: str) -> None:
        """Make the folder.

        Raises:
            OSError, ValueError: if it cannot be made, or fsspec does not know the protocol.
        """
        self._files, path = url_to_fs(str(out))
        self.path = f"{path.rstrip('/')}/{name}"
        self._files.makedirs(self.path, exist_ok=True)

    def read(self, name: str) -> dict[str, Any] | None:
        """A file of JSON; None where there is none that is whole."""
        with suppress(OSError, ValueError):
            found = json.loads(self._files.cat_file(f"{self.path}/{name}"))
            if isinstance(found, dict) and found.pop(HASH, None) == _hash(_text(found)):
                return found
        return None

    def write(self, name: str, value: dict[str, Any]) -> None:
        """Write a file of JSON."""
        self._files.pipe_file(f"{self.path}/{name}", _text({**value, HASH: _hash(_text(value))}))

    def check_writable(self) -> None:
        """Write a small file, which stays: to learn before the first shard that none can be kept.

        Raises:
            OSError: if it cannot be written.
        """
        self._files.pipe_file(f"{self.path}/begun", b"")

    def find(self, name: str) -> dict[str, Any] | None:
        """The facts of a shard that is finished and whose files are whole."""
        facts = self.read(f"{name}.json")
        if facts is None:
            return None
        with suppress(OSError):
            sizes = {leaf: self._files.size(self._file(name, leaf)) for leaf in facts["sizes"]}
            return facts if sizes == facts["sizes"] else None
        return None

    def keep(self, name: str, files: dict[str, bytes], facts: dict[str, Any]) -> dict[str, Any]:
        """Write a shard's parquet, by last step, and then its facts, which are returned."""
        for leaf, data in files.items():
            self._files.pipe_file(self._file(name, leaf), data)
        facts = {
            **facts,
            "sizes": {leaf: len(data) for leaf, data in files.items()},
            "hashes": {leaf: _hash(data) for leaf, data in files.items()},
        }
        self.write(f"{name}.json", facts)
        return facts

    def fetch(self, name: str, facts: dict[str, Any], leaf: str, to: Path) -> None:
        """Copy a shard's rows of a last step into a local file.

        Raises:
            DamagedShardError: if they are not what was kept; the shard is not found again.
        """
        file = self._file(name, leaf)
        try:
            self._files.get_file(file, str(to))
            if _hash(to.read_bytes()) == facts["hashes"][leaf]:
                return
            reason = f"{file} is damaged, or another run has written it"
        except OSError as error:
            reason = describe(error)
        with suppress(OSError):
            self._files.rm_file(f"{self.path}/{name}.json")
        raise DamagedShardError(reason)

    def _file(self, name: str, leaf: str) -> str:
        return f"{self.path}/{name}.{leaf}.parquet"


def _text(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode()


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
