"""Keys under which things are kept and found again."""

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel


def hash_of(value: Any) -> str:
    """The hash of a value of JSON types, in whatever order its dicts are; 64 hexadecimal digits."""
    text = json.dumps(value, sort_keys=True, default=_as_json)
    return hashlib.sha256(text.encode()).hexdigest()


def file_states(path: Path) -> list[tuple[str, int, int]]:
    """Name, size and time of change (ns) of a file, or of every file below a folder."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return [
        (str(file.relative_to(path.parent)), file.stat().st_size, file.stat().st_mtime_ns)
        for file in files
        if file.is_file()
    ]


def _as_json(value: Any) -> Any:
    if isinstance(value, type) and issubclass(value, BaseModel):
        return value.model_json_schema()
    return str(value)
