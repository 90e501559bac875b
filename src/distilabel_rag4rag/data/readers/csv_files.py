"""CSV and TSV as tables, in which every field is text."""

import csv
import io
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Literal, TypeAlias

from distilabel_rag4rag.data.readers.encoding import read_text
from distilabel_rag4rag.data.readers.table import Record, Table, from_records
from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.utils.text import counted

_Quoting: TypeAlias = Literal[0, 3]

SUFFIXES = (".csv", ".tsv")
DELIMITERS = (",", ";", "\t", "|")

#: Of a field; csv's own limit, 131,072, is less than a document.
_MOST_CHARACTERS = 2**31 - 1
# What the delimiter is found by.
_SAMPLE_RECORDS, _SAMPLE_CHARACTERS = 50, 1_000_000
# Excel's first line, which names the delimiter.
_SEP_LINE = re.compile(r"(?i)sep=(.)\r?\n")
_WHOLE_FLOAT = re.compile(r"-?\d+\.0")


def from_csv(path: Path, delimiter: str | None = None) -> Table:
    """Every field as text: "NA", "1e5" and "007" are answers, not missing values and numbers.

    Args:
        path: the file.
        delimiter: what stands between fields; None: found from the file.

    Raises:
        ValueError: if it is no CSV; the line that the broken record begins on is named.
    """
    delimiter = "\t" if delimiter == r"\t" else delimiter  # as typed in a shell
    if delimiter is not None and len(delimiter) != 1:
        raise ConfigError("delimiter", delimiter, "one character, or None to find it")
    csv.field_size_limit(_MOST_CHARACTERS)
    text, problem = read_text(path)
    notes = [f"{path}: {problem}"] if problem else []
    named = _SEP_LINE.match(text)
    text = text[named.end() :] if named else text
    usual = "\t" if path.suffix.lower() == ".tsv" else ","
    used = delimiter or (named[1] if named else _find_delimiter(text, usual))

    first_line = 2 if named else 1
    try:
        header, records = _records(text, used, str(path), first_line, csv.QUOTE_MINIMAL)
    except ValueError:
        if used != "\t":
            raise
        # Many programs write tabs between fields and quote nothing.
        try:
            header, records = _records(text, used, str(path), first_line, csv.QUOTE_NONE)
        except ValueError:
            header = []
        if not header:
            raise
        notes.append(f"{path}: quotes at the ends of fields are read as part of the text")
    if used not in (usual, delimiter) and len(header) > 1:
        notes.append(f"{path}: its fields are separated by {used!r}")
    for name in header:
        if _are_floats_of_integers([record[name] for record in records]):
            for record in records:
                record[name] = record[name].removesuffix(".0")
    return from_records(str(path), records, tuple(notes))


def _records(
    text: str, delimiter: str, name: str, first_line: int, quoting: _Quoting
) -> tuple[list[str], list[Record]]:
    """The header and the records, of which each must have as many fields."""
    rows = _rows(text, delimiter, name, first_line, quoting)
    line, header = next(rows, (1, []))
    header = [column.strip() for column in header]
    if twice := [column for column in header if column and header.count(column) > 1]:
        raise ValueError(f"{name}, line {line}: the column {twice[0]!r} comes more than once")
    records: list[Record] = []
    for line, fields in rows:
        if len(fields) != len(header):
            raise ValueError(
                f"{name}, line {line}: not CSV separated by {delimiter!r}: expected"
                f" {counted(len(header), 'field')} as in the header, found {len(fields)}"
            )
        records.append(dict(zip(header, fields, strict=True)))
    return header, records


def _rows(
    text: str, delimiter: str, name: str, first_line: int, quoting: _Quoting
) -> Iterator[tuple[int, list[str]]]:
    """Each record and the line that it begins on; empty lines are left out."""
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting, strict=True
    )
    lines_before = 0
    try:
        for fields in reader:
            if fields:
                yield first_line + lines_before, fields
            lines_before = reader.line_num
    except csv.Error as error:
        record = "".join(islice(io.StringIO(text, newline=""), lines_before, None))
        line = first_line + lines_before + _lines_before_broken_field(record, delimiter)
        raise ValueError(
            f"{name}, line {line}: not CSV separated by {delimiter!r}: {error}; is a quote not"
            " closed, or not doubled inside a field?"
        ) from error


def _lines_before_broken_field(record: str, delimiter: str) -> int:
    stop = re.escape(delimiter)
    field = re.compile(rf'(?:"(?:[^"]|"")*"|(?:[^"{stop}\r\n][^{stop}\r\n]*)?)(?:{stop}|\r?\n|\r)')
    position = 0
    while found := field.match(record, position):
        position = found.end()
    return record.count("\n", 0, position)


def _find_delimiter(text: str, usual: str) -> str:
    """The delimiter that gives most records as many fields as the header, which has several."""

    def fit(delimiter: str) -> tuple[bool, int, int, bool]:
        sample = io.StringIO(text[:_SAMPLE_CHARACTERS], newline="")
        reader = csv.reader(sample, delimiter=delimiter)
        counts = [len(fields) for fields in islice(reader, _SAMPLE_RECORDS) if fields] or [0]
        return counts[0] > 1, counts.count(counts[0]), counts[0], delimiter == usual

    return max(DELIMITERS, key=fit)


def _are_floats_of_integers(values: list[str]) -> bool:
    """Whether it is a column of integers that pandas made floats of, as some are missing."""
    present = [value for value in values if value]
    return 0 < len(present) < len(values) and all(map(_WHOLE_FLOAT.fullmatch, present))
