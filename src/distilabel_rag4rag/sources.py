"""Whatever a user calls a corpus, opened as one table of records; `corpus` gives it our columns.

Sources are files (SQuAD JSON, JSON, JSON lines, CSV, TSV, parquet, text, Markdown), folders
(saved by datasets, or of text files), datasets of the Hub, and objects.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator

from distilabel_rag4rag.split_text import split_text

Record = dict[str, Any]

#: The corpus that ships with the package; see the README beside it.
SAMPLE_WORLD = Path(__file__).parent / "sample_world" / "sample_world.json"

TEXT_SUFFIXES = (".txt", ".md", ".markdown")
SUFFIXES = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet", *TEXT_SUFFIXES)
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


class Table(NamedTuple):
    """Records that are not read yet: `rows(names)` reads the columns that are wanted."""

    name: str  # what errors call it
    columns: list[str]
    size: int
    rows: Callable[[list[str]], Iterable[Record]]


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
        return _from_records("the list", source)
    if not isinstance(source, str | Path):
        return _from_dataset(source, split, "the dataset")

    path = Path(source).expanduser()
    if path.is_dir():
        path = _only_config(path)
        if (path / "state.json").exists() or (path / "dataset_dict.json").exists():
            from datasets import load_from_disk

            return _from_dataset(load_from_disk(str(path)), split, str(path))
        _no_split(split, str(path))
        return _from_texts(path, max_words)
    if path.is_file():
        _no_split(split, str(path))
        return _from_file(path, questions, max_words)
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


def _from_file(path: Path, questions: bool, max_words: int) -> Table:
    name, suffix = str(path), path.suffix.lower()
    if suffix == ".parquet":
        return _from_parquet(path)
    if suffix in (".csv", ".tsv"):
        return _from_csv(path, "," if suffix == ".csv" else "\t")
    if suffix not in SUFFIXES:
        raise ValueError(
            f"{path}: unknown suffix {suffix!r}; expected one of {', '.join(SUFFIXES)}"
        )
    text = _read_text(path)
    if not text.strip():
        raise ValueError(f"{path} is empty")
    if suffix in TEXT_SUFFIXES:
        passages = split_text(text, max_words)
        return _from_records(name, [{"title": path.name, "context": part} for part in passages])
    if suffix == ".json":
        return _from_records(name, _json_records(text, name, questions))
    return _from_records(name, list(_json_lines(text, name)))


def _read_text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return file.read()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text: {error}") from error


def _from_records(name: str, records: list[Any]) -> Table:
    for number, record in enumerate(records, 1):
        if not isinstance(record, dict):
            raise ValueError(
                f"{name}, row {number}: expected an object, found {type(record).__name__}"
            )
    columns = list(dict.fromkeys(key for record in records for key in record))
    return Table(name, columns, len(records), lambda names: records)


def _json_records(text: str, name: str, questions: bool) -> list[Any]:
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":  # JSON lines in a .json file, as datasets' to_json writes
            return list(_json_lines(text, name))
        raise ValueError(f"{name}, line {error.lineno}: not JSON: {error.msg}") from error
    if isinstance(document, dict) and isinstance(document.get("data"), list):
        return list(_squad_records(document["data"], name, questions))
    if isinstance(document, dict):
        keys = ", ".join(list(document)[:10])
        raise ValueError(
            f"{name}: expected a list of objects, or SQuAD's {{'data': [...]}}; "
            f"found an object with the keys {keys or '(none)'}"
        )
    if not isinstance(document, list):
        raise ValueError(f"{name}: expected a list of objects, found {type(document).__name__}")
    return document


def _json_lines(text: str, name: str) -> Iterator[Any]:
    for number, line in enumerate(text.split("\n"), 1):  # not splitlines(): U+2028 is no line end
        if line.strip():
            try:
                record = json.loads(line)
            except json.JSONDecodeError as error:
                raise ValueError(f"{name}, line {number}: not JSON: {error.msg}") from error
            if not isinstance(record, dict):
                found = type(record).__name__
                raise ValueError(f"{name}, line {number}: expected an object, found {found}")
            yield record


def _squad_records(data: list[Any], name: str, questions: bool) -> Iterator[Record]:
    """SQuAD 1.1 and 2.0: a record per question, or per paragraph; no answer if `is_impossible`."""
    for number, document in enumerate(data, 1):
        try:
            for paragraph in document["paragraphs"]:
                passage = {"title": document.get("title"), "context": paragraph["context"]}
                if not questions:
                    yield passage
                    continue
                for qa in paragraph["qas"]:
                    answers = [] if qa.get("is_impossible") else qa.get("answers", [])
                    yield passage | {
                        "id": qa.get("id"),
                        "question": qa["question"],
                        "human_answer": answers,
                    }
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"{name}: document {number} is not in SQuAD's form: {error}"
            ) from error


def _from_csv(path: Path, separator: str) -> Table:
    """Every field as text: "NA", "1e5" and "007" are answers, not missing values and numbers."""
    text = io.StringIO(_read_text(path), newline="")
    reader = csv.DictReader(text, delimiter=separator, strict=True)
    records: list[Record] = []
    try:
        for record in reader:
            if None in record or None in record.values():  # too many fields, or too few
                raise csv.Error(f"expected {len(reader.fieldnames or [])} fields as in the header")
            records.append(record)
    except csv.Error as error:
        raise ValueError(f"{path}, line {reader.line_num}: not CSV: {error}") from error
    return _from_records(str(path), records)


def _from_parquet(path: Path) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path}: not parquet: {error}") from error
    return Table(
        str(path),
        file.schema_arrow.names,
        file.metadata.num_rows,
        lambda names: file.read(columns=names).to_pylist(),
    )


def _from_hub(source: str, split: str | None) -> Table:
    from datasets import concatenate_datasets, load_dataset

    from distilabel_rag4rag.publish.read import check_arms, manifest

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


def _from_texts(folder: Path, max_words: int) -> Table:
    files = sorted(
        file
        for file in folder.rglob("*")
        if file.suffix.lower() in TEXT_SUFFIXES
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    )
    if not files:
        found = ", ".join(sorted(file.name for file in folder.iterdir())[:10])
        raise ValueError(
            f"{folder}: expected a folder saved by datasets, or {', '.join(TEXT_SUFFIXES)} files; "
            f"found {found or 'nothing'}"
        )
    records = [
        {"title": file.relative_to(folder).as_posix(), "context": passage}
        for file in files
        for passage in split_text(_read_text(file), max_words)
    ]
    return _from_records(str(folder), records)
