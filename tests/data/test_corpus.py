"""Documents of every kind of source become passages, each once, and what is left out is said."""

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from distilabel_rag4rag.data.corpus import read_corpus
from distilabel_rag4rag.data.passage_checks import passage_fault
from distilabel_rag4rag.errors import ConfigError

KETTLE = "The kettle was cast in Torgau in the year 1712. It weighs ninety pounds."
BELL = "The bell of the town hall was cast in Ulm in the year 1713."


def words(text: str) -> list[tuple[int, int]]:
    return [found.span() for found in re.finditer(r"\w+|[^\w\s]", text)]


def corpus(source: Any, **settings: Any) -> Any:
    return read_corpus(source, words, **settings)


def shown(passages: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in passages]


def test_a_folder_of_documents_and_tables(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(f"# Kettles\n\n## Old\n\n{KETTLE}\n", "utf-8")
    (tmp_path / "b.jsonl").write_text(json.dumps({"title": "Bells", "text": BELL}) + "\n", "utf-8")
    (tmp_path / "c.txt").write_text(BELL, "utf-8")  # a copy of the row
    (tmp_path / "d.xyz").write_text("?", "utf-8")
    (tmp_path / "e.md").write_text(" \n", "utf-8")
    found = corpus(tmp_path)
    assert shown(found.passages, "title", "heading_path", "context", "start") == [
        ("Bells", [], BELL, 0),
        ("Kettles", ["Kettles", "Old"], f"# Kettles\n\n## Old\n\n{KETTLE}", 0),
    ]
    assert [unread.name for unread in found.unread] == ["d.xyz", "e.md"]
    assert found.documents == 3
    assert "1 passage left out as copies of others" in found.notes


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_rows_with_one_title_are_one_document(tmp_path: Path, suffix: str) -> None:
    rows = [
        {"title": "Kettles", "body": KETTLE},
        {"title": "Bells", "body": BELL},
        {"title": "Kettles", "body": KETTLE.upper()},
        {"title": "Kettles", "body": ""},
    ]
    path = tmp_path / f"t.{suffix}"
    frame = pd.DataFrame(rows)
    if suffix == "jsonl":
        frame.to_json(path, orient="records", lines=True)
    elif suffix == "csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path)
    found = corpus(path, columns={"context": "body"})
    assert shown(found.passages, "title", "start", "end") == [
        ("Kettles", 0, len(KETTLE)),
        ("Bells", 0, len(BELL)),
        ("Kettles", len(KETTLE) + 2, 2 * len(KETTLE) + 2),
    ]
    documents = [row["document_id"] for row in found.passages]
    assert documents[0] == documents[2] != documents[1]
    assert f"{path}: no text in 1 of 4 rows" in found.notes


def test_a_list_of_files_and_overlap(tmp_path: Path) -> None:
    sentences = [f"Sentence number {number} says nothing of note." for number in range(8)]
    (tmp_path / "a.txt").write_text(" ".join(sentences), "utf-8")
    (tmp_path / "b.txt").write_text(KETTLE, "utf-8")
    found = corpus([tmp_path / "a.txt", tmp_path / "b.txt"], max_tokens=24, overlap=8)
    assert [row["tokens"] for row in found.passages] == [24, 24, 24, 16, 16]
    first, second = found.passages[:2]
    assert first["start"] < second["start"] < first["end"] < second["end"]
    assert len({row["document_id"] for row in found.passages}) == 2


@pytest.mark.parametrize(
    ("source", "settings", "error"),
    [
        ([{"text": KETTLE}], {"max_tokens": 4}, "max_tokens: found 4, expected at least 8"),
        ([{"text": KETTLE}], {"max_tokens": 8, "overlap": 8}, "overlap: found 8"),
        ([{"text": " "}], {}, "expected documents with text"),
        ([{"body": KETTLE}], {}, "a column for context"),
    ],
)
def test_what_cannot_be_used_is_named(source: Any, settings: dict[str, int], error: str) -> None:
    with pytest.raises(ConfigError, match=error):
        corpus(source, **settings)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (KETTLE, None),
        ("锅于一七一二年在托尔高铸造，重九十磅。", None),
        ("See page 4.", "tiny: 3 words, expected at least 8"),
        ("1712 1713 1714 | 12.5 % | 88 90 91 92 93 94 a b", "no prose: 6% of its characters are"),
        (
            "Home\nAbout us\nContact\nSign in\nOur blog\nAll the articles",
            "no prose: 6 of 6 lines have fewer than 4 words",
        ),
        (
            "© 2021 Kettle Works of Torgau, a company with limited liability.",
            "boilerplate: '© 2021'",
        ),
        (
            "This website uses cookies to make your visit a better one.",
            "boilerplate: 'This website",
        ),
    ],
)
def test_passages_that_nothing_can_be_asked_about(text: str, fault: str | None) -> None:
    found = passage_fault(text)
    assert found == fault if fault is None else str(found).startswith(fault)


def test_marks_are_in_the_rows() -> None:
    rows = [{"text": KETTLE}, {"text": "See page 4."}]
    found = corpus(rows)
    assert shown(found.passages, "keep_row_after_passage", "passage_reason") == [
        (True, None),
        (False, "tiny: 3 words, expected at least 8"),
    ]
    assert found.notes[-1] == "1 passage of 2 are asked nothing: tiny"
