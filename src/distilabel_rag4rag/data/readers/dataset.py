"""Datasets, in memory or saved in a folder, as tables."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from distilabel_rag4rag.data.readers.table import Record, Table, with_short_floats
from distilabel_rag4rag.errors import ConfigError

#: Records that are in memory at once.
BATCH = 1000


def from_dataset(source: Any, split: str | None, name: str) -> Table:
    """A Dataset, or a split of a DatasetDict: the one that is named, the only one or `train`.

    Raises:
        ValueError: if it is something else or has no such split.
    """
    from datasets import Dataset, DatasetDict

    if isinstance(source, DatasetDict):
        chosen = split or (next(iter(source)) if len(source) == 1 else "train")
        if chosen not in source:
            raise ConfigError("split", split, f"one of {', '.join(source)}, which {name} has")
        source, name = source[chosen], f"{name} ({chosen})"
    else:
        check_no_split(split, name)
    if not isinstance(source, Dataset):
        raise ValueError(
            f"source: found {type(source).__name__}; expected a path, the id of a dataset, "
            "a Dataset, a DatasetDict or a list of dicts"
        )

    def rows(names: list[str]) -> Iterable[Record]:
        for batch in source.select_columns(names).with_format("arrow").iter(BATCH):
            yield from with_short_floats(batch).to_pylist()

    return Table(name, source.column_names, len(source), rows)


def from_saved_dataset(folder: Path, split: str | None) -> Table:
    """A folder that `save_to_disk` wrote."""
    from datasets import load_from_disk

    return from_dataset(load_from_disk(str(folder)), split, str(folder))


def saved_dataset(folder: Path) -> Path | None:
    """The folder of the dataset that is saved in a folder; None if none is.

    That is the folder itself, or the only config of a Distiset that was saved there.

    Raises:
        ValueError: if it holds several.
    """
    configs = sorted(path.parent for path in folder.glob("*/dataset_dict.json"))
    if len(configs) > 1:
        names = ", ".join(str(config) for config in configs)
        raise ValueError(f"{folder} holds several datasets: name one of {names}")
    found = configs[0] if configs else folder
    is_saved = (found / "state.json").exists() or (found / "dataset_dict.json").exists()
    return found if is_saved else None


def check_no_split(split: str | None, name: str) -> None:
    """Raises where a split is asked of what has none."""
    if split is not None:
        raise ConfigError("split", split, f"None, as {name} has no splits")
