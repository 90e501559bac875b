"""JSON in every arrangement of records; broken JSON names its line."""

import json
from pathlib import Path
from typing import Any

import pytest

from distilabel_rag4rag.data.readers.json_files import from_json
from distilabel_rag4rag.data.readers.table import Record

ROWS = [{"question": "a", "context": "b"}, {"question": "c", "context": "d"}]


def read(path: Path, content: str, encoding: str = "utf-8") -> list[Record]:
    path.write_bytes(content.encode(encoding))
    table = from_json(path, questions=True)
    return list(table.rows(table.columns))


ARRANGEMENTS = {
    "list": json.dumps(ROWS),
    "indented list": json.dumps(ROWS, indent=2),
    "an object per line": "\n".join(map(json.dumps, ROWS)),
    "Windows line ends": "".join(json.dumps(row) + "\r\n\r\n" for row in ROWS),
    "indented objects": "\n".join(json.dumps(row, indent=2) for row in ROWS),
    "objects on one line": " ".join(map(json.dumps, ROWS)),
}


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".ndjson"])
@pytest.mark.parametrize("content", ARRANGEMENTS.values(), ids=ARRANGEMENTS)
def test_records_are_read_however_they_are_arranged(
    tmp_path: Path, content: str, suffix: str
) -> None:
    assert read(tmp_path / f"a{suffix}", content) == ROWS


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    assert read(tmp_path / "a.json", json.dumps(ROWS), encoding) == ROWS


@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
def test_one_object_is_one_record(tmp_path: Path, suffix: str) -> None:
    record: dict[str, Any] = ROWS[0] | {"answers": {"text": ["x"], "answer_start": [1]}}
    assert read(tmp_path / f"a{suffix}", json.dumps(record, indent=2)) == [record]


def test_one_line_may_hold_lists_of_objects(tmp_path: Path) -> None:
    record = ROWS[0] | {"answers": [{"text": "x"}]}
    assert read(tmp_path / "a.jsonl", json.dumps(record)) == [record]


BROKEN = {
    "line cut off": ("a.jsonl", '{"a": 1}\n\n{"a": \n{"b": 1}\n', "line 3: not JSON"),
    "text cut off": ("a.jsonl", '{"a": 1}\n{"a": "x\n{"a": 2}\n', "line 2: not JSON"),
    "comma after a line": ("a.jsonl", '{"a": 1},\n{"a": 2}\n', "line 1: not JSON: .* a comma too"),
    "comma at the end of a list": (
        "a.json",
        '[{"a": 1},\n]',
        "line [12]: not JSON: .* a comma too",
    ),
    "comma at the end of an object": ("a.json", '[{"a": 1,}]', "line 1: not JSON: .* a comma too"),
    "single quotes": ("a.json", "[{'a': 1}]", "line 1: not JSON"),
    "list per line": ("a.jsonl", "[1]\n[2]\n", "line 1: expected an object, found list"),
    "number": ("a.jsonl", '{"a": 1}\n7\n', "line 2: expected an object, found int"),
    "columns": ("a.json", '{"question": ["a"], "rows": [{}]}', "the keys question, rows"),
    "rows of a table": (
        "a.json",
        '{"columns": ["a"], "data": [["x"]]}',
        "document 1 is not in SQuAD's form",
    ),
    "deep": ("a.json", "[" * 100_000, "not JSON that can be read"),
    "long number": ("a.json", f'[{{"a": {"1" * 5000}}}]', "not JSON that can be read"),
    "space alone": ("a.json", " \n", "is empty"),
    "mark alone": ("a.json", "\ufeff", "is empty"),
    "HTML": ("a.json", "<html></html>", "line 1: not JSON"),
}


@pytest.mark.parametrize(("name", "content", "message"), BROKEN.values(), ids=BROKEN)
def test_what_is_broken_is_named(tmp_path: Path, name: str, content: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        read(tmp_path / name, content)
    assert str(tmp_path / name) in str(error.value)


def test_long_files_take_time_with_their_length(tmp_path: Path) -> None:
    content = "\n".join(json.dumps(ROWS[0]) for _ in range(50_000))
    assert len(read(tmp_path / "a.jsonl", content)) == 50_000  # a minute, if it took the square
