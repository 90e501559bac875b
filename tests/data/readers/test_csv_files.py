"""CSV in the dialects that spreadsheets and libraries write; broken ones name their line."""

import io
from pathlib import Path

import pandas as pd
import pytest

from distilabel_rag4rag.data.readers.csv_files import from_csv
from distilabel_rag4rag.data.readers.table import Record
from distilabel_rag4rag.data.rows import load_rows


def read(path: Path, content: str, delimiter: str | None = None) -> tuple[list[Record], list[str]]:
    path.write_text(content, encoding="utf-8", newline="")
    table = from_csv(path, delimiter)
    notes = [note.removeprefix(f"{path}: ") for note in table.notes]
    return list(table.rows(table.columns)), notes


ROW = {"question": "What, when?", "context": "In 1712; or 1,5 years later."}
DIALECTS = {
    "comma": ('question,context\n"What, when?","In 1712; or 1,5 years later."\n', None),
    "semicolon": (
        "question;context\nWhat, when?;'x\n".replace("'x", '"In 1712; or 1,5 years later."'),
        ";",
    ),
    "tab": ("question\tcontext\nWhat, when?\tIn 1712; or 1,5 years later.\n", "\t"),
    "pipe": ("question|context\r\nWhat, when?|In 1712; or 1,5 years later.\r\n", "|"),
    "quoted semicolons": (
        '"question";"context"\n"What, when?";"In 1712; or 1,5 years later."\n',
        ";",
    ),
    "Excel's hint": (
        'sep=;\r\nquestion;context\r\nWhat, when?;"In 1712; or 1,5 years later."\r\n',
        ";",
    ),
    "spaces in the header": (
        'question, context\n"What, when?","In 1712; or 1,5 years later."\n',
        None,
    ),
    "empty lines": ('\nquestion,context\n\n"What, when?","In 1712; or 1,5 years later."\n\n', None),
    "old line ends": ('question,context\r"What, when?","In 1712; or 1,5 years later."\r', None),
}


@pytest.mark.parametrize(("content", "found"), DIALECTS.values(), ids=DIALECTS)
def test_the_delimiter_is_found_and_said(tmp_path: Path, content: str, found: str | None) -> None:
    records, notes = read(tmp_path / "a.csv", content)
    assert records == [ROW]
    assert notes == ([f"its fields are separated by {found!r}"] if found else [])


def test_a_tsv_with_commas_is_read(tmp_path: Path) -> None:
    records, notes = read(tmp_path / "a.tsv", "a,b\n1,2\n")
    assert records == [{"a": "1", "b": "2"}]
    assert notes == ["its fields are separated by ','"]


def test_decimal_commas_and_leading_zeros_stay(tmp_path: Path) -> None:
    records, _ = read(tmp_path / "a.csv", "id;score;answer\n007;0,5;1.712,50\n008;1,0;NA\n")
    assert records == [
        {"id": "007", "score": "0,5", "answer": "1.712,50"},
        {"id": "008", "score": "1,0", "answer": "NA"},
    ]


def test_one_column_of_text_with_commas(tmp_path: Path) -> None:
    """As a search log is: nothing is quoted, nothing is to be separated."""
    records, notes = read(tmp_path / "a.csv", "query\nhow, when\nwhy; where\n")
    assert records == [{"query": "how, when"}, {"query": "why; where"}]
    assert notes == []


def test_the_delimiter_can_be_set(tmp_path: Path) -> None:
    content = "a,b;c\n1,2;3\n"
    assert read(tmp_path / "a.csv", content, ";") == ([{"a,b": "1,2", "c": "3"}], [])
    assert read(tmp_path / "a.csv", content, ",") == ([{"a": "1", "b;c": "2;3"}], [])
    assert read(tmp_path / "a.csv", "a\tb\n1\t2\n", r"\t") == ([{"a": "1", "b": "2"}], [])
    assert read(tmp_path / "a.csv", "a^b\n1^2\n", "^") == ([{"a": "1", "b": "2"}], [])
    with pytest.raises(ValueError, match="delimiter: found ';;', expected one character"):
        read(tmp_path / "a.csv", content, ";;")
    with pytest.raises(ValueError, match=r"delimiter: found ';', expected None, as .* is no CSV"):
        load_rows([{"question": "a", "context": "b"}], delimiter=";")
    (tmp_path / "b.csv").write_text("question^context\na^b\n")
    assert load_rows(tmp_path / "b.csv", delimiter="^")["context"][:] == ["b"]


BROKEN = {
    "quote never closed": ('a,b\n1,2\n3,"4\n5,6\n7,8\n', 3),
    "quote closed by the next": ('a,b\n1,2\n3,"4\n5,"6"\n', 3),
    "quote in the first field": ('a,b\n1,2\n"3,4\n5,6\n', 3),
    "after a field of several lines": ('a,b\n"1\n1",2\n3,"4\n', 4),
    "later in a record of several lines": ('a,b\n"1\n1","2\n', 3),
    "quote not doubled": ('a,b\n1,2\n3,"the "bell" rings"\n', 3),
    "in the header": ('a,"b\n1,2\n', 1),
    "after Excel's hint": ('sep=;\na;b\n1;"2\n', 3),
    "too many fields": ("a,b\n1,2\n\n3,4,5\n", 4),
    "too few fields": ('a,b\n"1\n\n1",2\n3\n', 5),
    "windows line ends": ('a,b\r\n1,2\r\n3,"4\r\n5,6\r\n', 3),
}


@pytest.mark.parametrize(("content", "line"), BROKEN.values(), ids=BROKEN)
def test_the_line_where_it_breaks_is_named(tmp_path: Path, content: str, line: int) -> None:
    with pytest.raises(ValueError, match=rf"a\.csv, line {line}: not CSV separated by '[,;]': "):
        read(tmp_path / "a.csv", content)


def test_tabs_between_fields_that_are_never_quoted(tmp_path: Path) -> None:
    content = 'question\tcontext\n"Old Anna" is what?\tThe "bell".\n"Why?\t"It rings.\n'
    records, notes = read(tmp_path / "a.tsv", content)
    assert records == [
        {"question": '"Old Anna" is what?', "context": 'The "bell".'},
        {"question": '"Why?', "context": '"It rings.'},
    ]
    assert notes == ["quotes at the ends of fields are read as part of the text"]
    quoted, notes = read(tmp_path / "b.tsv", 'question\tcontext\n"Who?"\t"Two\nlines"\n')
    assert (quoted, notes) == ([{"question": "Who?", "context": "Two\nlines"}], [])
    with pytest.raises(ValueError, match=r"c\.tsv, line 2: not CSV separated by '\\t': "):
        read(tmp_path / "c.tsv", 'a\tb\n"1\t2\n3\n')


def test_a_column_that_comes_twice_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a\.csv, line 1: the column 'a' comes more than once"):
        read(tmp_path / "a.csv", "a,b,a\n1,2,3\n")
    assert read(tmp_path / "b.csv", "a,,\n1,,\n")[0] == [{"a": "1", "": ""}]  # Excel's empty ones


def test_integers_that_pandas_made_floats_of_are_integers_again(tmp_path: Path) -> None:
    frame = pd.DataFrame({"year": [1712, None, 1713], "share": [0.5, None, 1.0], "b": [1.0, 2, 3]})
    file = io.StringIO()
    frame.to_csv(file, index=False)
    records, _ = read(tmp_path / "a.csv", file.getvalue())
    assert [record["year"] for record in records] == ["1712", "", "1713"]
    assert [record["share"] for record in records] == ["0.5", "", "1.0"]
    assert [record["b"] for record in records] == ["1.0", "2.0", "3.0"]  # may be versions


def test_encodings_of_spreadsheets(tmp_path: Path) -> None:
    for encoding in ("utf-8-sig", "utf-16", "cp1252"):
        (tmp_path / "a.csv").write_bytes("a;b\nGröße;Höhe\n".encode(encoding))
        table = from_csv(tmp_path / "a.csv")
        assert list(table.rows(table.columns)) == [{"a": "Größe", "b": "Höhe"}]
        assert len(table.notes) == (2 if encoding == "cp1252" else 1)
