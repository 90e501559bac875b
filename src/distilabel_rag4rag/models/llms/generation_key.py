"""What shapes a generation, as the key under which `generation_cache` keeps it."""

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from distilabel.models.llms import LLM
from pydantic import BaseModel

#: Settings of LLMs that say how a reply is fetched and not what it says.
HOW_NOT_WHAT = frozenset(
    {
        "cuda_devices",
        "default_headers",
        "disable_cuda_device_placement",
        "generation_kwargs",  # part of every call
        "jobs_ids",
        "max_retries",
        "offline_batch_generation_block_until_done",
        "timeout",
        "use_offline_batch_generation",
        "folder",  # this and the rest: of an LLM in an LLM that is itself cached
        "inputs_per_call",
        "size_limit",
    }
)


def hash_of(shaped_by: Any) -> str:
    """The key of everything in `shaped_by`, in whatever order its dicts are."""
    text = json.dumps(shaped_by, sort_keys=True, default=_as_text)
    return hashlib.sha256(text.encode()).hexdigest()


def identity(llm: LLM) -> dict[str, Any]:
    """What of an LLM shapes its replies, besides the call: class, version and settings.

    An LLM's class may name settings that do not, in `does_not_shape_replies`.
    """
    unshaping = HOW_NOT_WHAT | set(getattr(type(llm), "does_not_shape_replies", ()))
    package = sys.modules[type(llm).__module__.partition(".")[0]]
    return {
        "version": getattr(package, "__version__", None),
        "settings": _shaping(llm.dump(), unshaping),
    }


def _shaping(value: Any, without: frozenset[str]) -> Any:
    """The settings without some of them; a path of a model with the state of its files."""
    match value:
        case dict():
            return {k: _shaping(v, without) for k, v in value.items() if k not in without}
        case list() | tuple():
            return [_shaping(item, without) for item in value]
        case str() if os.sep in value and len(value) < 1000 and os.path.exists(value):
            root = Path(value)
            files = sorted(root.iterdir()) if root.is_dir() else [root]
            stats = [(file.name, file.stat()) for file in files if file.is_file()]
            return [value, [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]]
        case _:
            return value


def _as_text(value: Any) -> Any:
    """What JSON does not know, in an input or a setting."""
    if isinstance(value, type) and issubclass(value, BaseModel):
        return value.model_json_schema()
    return str(value)
