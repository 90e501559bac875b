"""Keys under which things are kept and found again: hashes of values and of files."""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import xxhash
from pydantic import BaseModel

#: A folder with more files than this is no model's, and its files are not looked at.
MOST_FILES = 1_000
#: Of files with more bytes than this, together, size and time of change stand for the content:
#: reading them would take longer than loading a model.
MOST_BYTES = 64 * 10**9

FileStates = list[tuple[str, str]]


def hash_of(value: Any) -> str:
    """The hash of a value of JSON types, in whatever order its dicts are; 64 hexadecimal digits."""
    text = json.dumps(value, sort_keys=True, default=_as_json)
    return hashlib.sha256(text.encode()).hexdigest()


def file_states(path: Path) -> FileStates | None:
    """Name and hash of a file, or of every file below a folder that is not hidden.

    Names are relative to the folder and times do not count, so that a copy has the same state.
    None where there are more than `MOST_FILES`.
    """
    if not path.is_dir():
        return [(path.name, _content(path))]
    files = []
    for file in _files_below(path):
        files.append(file)
        if len(files) > MOST_FILES:
            return None
    state = _content if sum(file.stat().st_size for file in files) <= MOST_BYTES else _size_and_time
    return sorted((file.relative_to(path).as_posix(), state(file)) for file in files)


def _files_below(folder: Path) -> Iterator[Path]:
    seen = set()
    for current, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(current)
        # A link to a folder above would lead round in circles.
        folders[:] = sorted(n for n in folders if not n.startswith(".")) if real not in seen else []
        seen.add(real)
        for name in names:
            file = Path(current, name)
            if not name.startswith(".") and file.is_file():
                yield file


def _content(file: Path) -> str:
    stat = file.stat()
    if stat.st_size > MOST_BYTES or not os.access(file, os.R_OK):
        return _size_and_time(file)
    state = (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)
    return _hash_of_file(str(file.absolute()), state)


def _size_and_time(file: Path) -> str:
    stat = file.stat()
    return f"{stat.st_size} {stat.st_mtime_ns}"


@lru_cache(10_000)
def _hash_of_file(path: str, state: tuple[int, ...]) -> str:
    """Of the file in this state; xxhash, ten times as fast as SHA-256, which weights need."""
    digest = xxhash.xxh3_128()
    with open(path, "rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def _as_json(value: Any) -> Any:
    """What JSON does not know."""
    if isinstance(value, type) and issubclass(value, BaseModel):
        return value.model_json_schema()
    if isinstance(value, set | frozenset):
        return sorted(value, key=repr)
    if hasattr(value, "detach"):  # a tensor
        value = value.detach().cpu().double()
    if hasattr(value, "__array__"):  # as text a large array is cut short
        array = np.ascontiguousarray(value)
        return [str(array.dtype), array.shape, xxhash.xxh3_128(array.tobytes()).hexdigest()]
    return re.sub(r" at 0x[0-9a-fA-F]+", "", str(value))  # an address differs in each process
