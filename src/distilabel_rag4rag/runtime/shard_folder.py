"""The finished shards of a run, as parquet in a folder or behind a URL."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from fsspec.core import url_to_fs

CUT_FILE = "cut.json"


class ShardFolder:
    """Shards by name; each has a file of facts, written last, without which it is not finished.

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
            return found if isinstance(found, dict) else None
        return None

    def write(self, name: str, value: dict[str, Any]) -> None:
        """Write a file of JSON."""
        self._files.pipe_file(f"{self.path}/{name}", json.dumps(value).encode())

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
        facts = {**facts, "sizes": {leaf: len(data) for leaf, data in files.items()}}
        self.write(f"{name}.json", facts)
        return facts

    def fetch(self, name: str, leaf: str, to: Path) -> None:
        """Copy a shard's rows of a last step into a local file."""
        self._files.get_file(self._file(name, leaf), str(to))

    def _file(self, name: str, leaf: str) -> str:
        return f"{self.path}/{name}.{leaf}.parquet"
