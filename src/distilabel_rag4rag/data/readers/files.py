"""Files and folders of text as tables of records; errors name the file and the line."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from distilabel_rag4rag.data.chunking import split_text

Record = dict[str, Any]

TEXT_SUFFIXES = (".txt", ".md", ".markdown")
SUFFIXES = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet", *TEXT_SUFFIXES)

#: Of a CSV field; csv's own limit, 131,072, is less than a document.
MOST_CHARACTERS = 2**31 - 1


class Table(NamedTuple):
    """Records that are not read yet: `rows(names)` reads the columns that are wanted."""

    name: str  # what errors call it
    columns: list[str]
    size: int
    rows: Callable[[list[str]], Iterable[Record]]


def from_file(path: Path, questions: bool, max_words: int) -> Table:
    """A file, read by its suffix.

    Raises:
        ValueError: if it is empty, broken or of an unknown kind.
    """
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
        return from_records(name, [{"title": path.name, "context": part} for part in passages])
    if suffix == ".json":
        return from_records(name, _json_records(text, name, questions))
    return from_records(name, list(_json_lines(text, name)))


def from_texts(folder: Path, max_words: int) -> Table:
    """The passages of all text files under a folder, hidden ones left out."""
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
    return from_records(str(folder), records)


def _read_text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return file.read()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text: {error}") from error


def from_records(name: str, records: list[Any]) -> Table:
    """Records that are in memory; each must be an object."""
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
    csv.field_size_limit(MOST_CHARACTERS)
    text = io.StringIO(_read_text(path), newline="")
    reader = csv.DictReader(text, delimiter=separator, strict=True)
    records: list[Record] = []
    try:
        header = reader.fieldnames or []
        for record in reader:
            if None in record or None in record.values():  # too many fields, or too few
                raise csv.Error(f"expected {len(header)} fields as in the header")
            records.append(record)
    except csv.Error as error:
        raise ValueError(
            f"{path}, line {max(reader.line_num, 1)}: not CSV parted by {separator!r}: {error}"
        ) from error
    return from_records(str(path), records)


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
