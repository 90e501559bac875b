"""A folder of the driver's, such as an index, that nodes without a shared disk get as well."""

import os
import shutil
import tempfile
from pathlib import Path

import portalocker
import ray

from distilabel_rag4rag.utils.cache_folder import cache_folder
from distilabel_rag4rag.utils.hashing import file_states, hash_of

BLOCK_BYTES = 64 * 2**20


class SentFolder:
    """Files in Ray's object store, which a node writes into its cache when it needs them first.

    Attributes:
        name: made from what is in the files.
    """

    def __init__(self, folder: Path) -> None:
        """Put the files of a folder into the object store."""
        self._folder, self._node = str(folder), ray.get_runtime_context().get_node_id()
        states = file_states(folder) or []
        self.name = hash_of(states)[:16]
        self._files = {name: _put(folder / name) for name, _ in states}

    def here(self) -> Path:
        """The folder on this node: the driver's own, or a copy."""
        if ray.get_runtime_context().get_node_id() == self._node:
            return Path(self._folder)
        place = cache_folder() / "received" / self.name
        place.parent.mkdir(parents=True, exist_ok=True)
        with portalocker.Lock(f"{place}.lock", "w", flags=portalocker.LockFlags.EXCLUSIVE):
            if not place.exists():
                self._write(place)
        return place

    def _write(self, place: Path) -> None:
        part = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
        try:
            for name, blocks in self._files.items():
                (part / name).parent.mkdir(parents=True, exist_ok=True)
                with (part / name).open("wb") as file:
                    for block in blocks:
                        file.write(ray.get(block))
            os.replace(part, place)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def _put(path: Path) -> list["ray.ObjectRef"]:
    with path.open("rb") as file:
        return [ray.put(block) for block in iter(lambda: file.read(BLOCK_BYTES), b"")]
