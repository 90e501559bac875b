"""A folder for the files of one run."""

import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import portalocker

#: distilabel's names for the files of a run -> what they are called in its folder.
FILES = {
    "pipeline": "pipeline.yaml",
    "batch_manager": "batch_manager.json",
    "steps_data": "steps_data",
    "data": "data",
    "batch_input_data": "batch_input_data",
    "log_file": "pipeline.log",
    "stages_file": "stages.json",
}


@contextmanager
def run_folder(base: Path) -> Iterator[Path]:
    """A new folder below `base`; where the run fails only its log and pipeline file stay.

    What runs left behind whose process was killed is removed first.
    """
    base.mkdir(parents=True, exist_ok=True)
    for lock in base.glob("*/running"):
        with suppress(portalocker.LockException, OSError), portalocker.Lock(lock, timeout=0):
            shutil.rmtree(lock.parent, ignore_errors=True)
    folder = base / f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(4)}"
    folder.mkdir()
    lock = folder / "running"
    try:
        with portalocker.Lock(lock, "w", timeout=0):
            yield folder
    except BaseException:
        for child in folder.iterdir():
            if child.is_dir():
                shutil.rmtree(child, ignore_errors=True)
        raise
    finally:
        lock.unlink(missing_ok=True)
