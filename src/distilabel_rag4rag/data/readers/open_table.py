"""Whatever a user calls a corpus, opened as one table of records; `corpus` gives it our columns.

Sources are files (SQuAD JSON, JSON, JSON lines, CSV, TSV, parquet, text, Markdown), folders
(saved by datasets, or of text files), datasets of the Hub, and objects.
"""

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator

from distilabel_rag4rag.data.readers.files import (
    SUFFIXES,
    Record,
    Table,
    from_file,
    from_records,
    from_texts,
)

#: The corpus that ships with the package; see the README beside it.
SAMPLE_WORLD = Path(__file__).parents[1] / "sample_world" / "sample_world.json"

HUB_ID = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?(:[\w.-]+)?")


def plain_source(source: Any) -> Any:
    """A path becomes a str and a Dataset its rows: what a saved pipeline can hold."""
    if isinstance(source, Path):
        return str(source)
    if hasattr(source, "to_list") and hasattr(source, "column_names"):
        return source.to_list()
    return source


#: The type of a step's field that takes a source.
PlainSource = Annotated[str | list[Record] | None, BeforeValidator(plain_source)]


def open_table(
    source: Any, split: str | None = None, *, questions: bool = True, max_words: int = 150
) -> Table:
    """Opens a source.

    Args:
        source: see `corpus.load_rows`.
        split: the split, for what has splits.
        questions: SQuAD JSON gives a record per question; without, one per paragraph.
        max_words: the longest passage cut from text files.

    Raises:
        ValueError: if the source is missing, empty, broken or of an unknown kind.
    """
    table = _open(SAMPLE_WORLD if source is None else source, split, questions, max_words)
    if not table.size:
        raise ValueError(f"{table.name} holds no rows")
    return table


def _open(source: Any, split: str | None, questions: bool, max_words: int) -> Table:
    if isinstance(source, list):
        _no_split(split, "the list")
        return from_records("the list", source)
    if not isinstance(source, str | Path):
        return _from_dataset(source, split, "the dataset")

    path = Path(source).expanduser()
    if path.is_dir():
        path = _only_config(path)
        if (path / "state.json").exists() or (path / "dataset_dict.json").exists():
            from datasets import load_from_disk

            return _from_dataset(load_from_disk(str(path)), split, str(path))
        _no_split(split, str(path))
        return from_texts(path, max_words)
    if path.is_file():
        _no_split(split, str(path))
        return from_file(path, questions, max_words)
    if isinstance(source, str) and path.suffix not in SUFFIXES and HUB_ID.fullmatch(source):
        return _from_hub(source, split)
    raise ValueError(f"{source} does not exist: expected a file, a folder or the id of a dataset")


def _only_config(folder: Path) -> Path:
    """The folder itself; of one that a pipeline's Distiset was saved to, its only config.

    Raises:
        ValueError: if it holds several.
    """
    configs = sorted(path.parent for path in folder.glob("*/dataset_dict.json"))
    if not configs:
        return folder
    if len(configs) > 1:
        names = ", ".join(str(config) for config in configs)
        raise ValueError(f"{folder} holds several datasets: name one of {names}")
    return configs[0]


def _no_split(split: str | None, name: str) -> None:
    if split is not None:
        raise ValueError(f"split={split!r} is set, but {name} has no splits")


def _from_hub(source: str, split: str | None) -> Table:
    from datasets import concatenate_datasets, load_dataset

    from distilabel_rag4rag.data.published_rows import check_arms, manifest

    name, _, config = source.partition(":")
    try:
        found = load_dataset(name, config or None)
    except Exception as error:  # a dozen kinds, of four libraries
        raise ValueError(
            f"{source} is no file or folder here, and as a dataset of the Hub it could not be "
            f"loaded: {type(error).__name__}: {error}"
        ) from error
    published = manifest(name)
    if not config:
        check_arms(name, published)
    if published and split is None and len(found) > 1:
        # The splits of what `rag4rag publish` wrote are one run parted by document.
        found = concatenate_datasets(list(found.values()))
    return _from_dataset(found, split, f"the Hub's {source}")


def _from_dataset(source: Any, split: str | None, name: str) -> Table:
    from datasets import Dataset, DatasetDict

    if isinstance(source, DatasetDict):
        chosen = split or (next(iter(source)) if len(source) == 1 else "train")
        if chosen not in source:
            setting = f"split={split!r}" if split else "split is not set"
            raise ValueError(f"{name}: {setting}; expected one of {', '.join(source)}")
        source, name = source[chosen], f"{name} ({chosen})"
    else:
        _no_split(split, name)
    if not isinstance(source, Dataset):
        raise ValueError(
            f"source: found {type(source).__name__}; expected a path, the id of a dataset, "
            "a Dataset, a DatasetDict or a list of dicts"
        )
    dataset = source.with_format(None)
    return Table(name, dataset.column_names, len(dataset), dataset.select_columns)
