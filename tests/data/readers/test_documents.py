"""Documents of every format are read, and each kind of broken file is listed with its reason."""

from pathlib import Path

import pytest
from docx import Document as Word
from fpdf import FPDF

from distilabel_rag4rag.data.readers.documents import DocumentSet, decode, read_documents
from distilabel_rag4rag.errors import ConfigError

KETTLE = "The kettle was cast in Torgau in 1712. It weighs ten stone."
MILL = "The mill by the Elbe was built by Anna Roth."


def write_pdf(path: Path, password: str | None = None, text: bool = True) -> Path:
    pdf = FPDF()
    pdf.set_title("Town records")
    for heading, body in (("Kettle", KETTLE), ("Mill", MILL)):
        pdf.add_page()
        pdf.set_font("helvetica", size=12)
        if text:
            pdf.start_section(heading)
            pdf.cell(text=heading, new_x="LMARGIN", new_y="NEXT")
            pdf.multi_cell(0, text=body)
    if password:
        pdf.set_encryption(owner_password="owner", user_password=password)
    pdf.output(str(path))
    return path


def write_docx(path: Path) -> Path:
    word = Word()
    word.add_heading("Town records", 0)
    word.add_heading("Kettle", 1)
    word.add_paragraph(KETTLE)
    word.add_heading("Notes", 8)
    table = word.add_table(rows=2, cols=2)
    for row, values in zip(table.rows, (("town", "year"), ("Torgau", "1712")), strict=True):
        for cell, value in zip(row.cells, values, strict=True):
            cell.text = value
    word.save(str(path))
    return path


HTML = f"""<html><head><title>Town &amp; records</title><style>p {{}}</style></head><body>
<nav><a href="/">Home</a> <a href="/x">Imprint</a></nav>
<article><h1>Kettle</h1><p>{KETTLE} {"It was sold to a brewer. " * 8}</p>
<h2>Mill</h2><p>{MILL} {"It burned down twice and was built again. " * 8}</p></article>
<footer>We use cookies.</footer><script>alert(1)</script></body></html>"""


def one(path: Path) -> DocumentSet:
    found = read_documents(path)
    assert [document.name for document in found.documents] == [path.name]
    return found


def test_a_pdf_keeps_its_title_and_the_headings_of_its_outline(tmp_path: Path) -> None:
    document = one(write_pdf(tmp_path / "a.pdf")).documents[0]
    assert document.title == "Town records"
    assert document.text == f"# Kettle\n\n{KETTLE}\n\n# Mill\n\n{MILL}"
    assert document.markdown is True


def test_a_word_file_keeps_headings_of_all_levels_and_tables(tmp_path: Path) -> None:
    document = one(write_docx(tmp_path / "a.docx")).documents[0]
    assert document.title == "Town records"
    lines = [line for line in document.text.split("\n") if line.strip()]
    assert lines[:4] == ["# Town records", "# Kettle", KETTLE, "###### Notes"]
    assert "| Torgau | 1712 |" in lines


def test_a_page_keeps_its_text_and_loses_what_surrounds_it(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(HTML)
    document = one(tmp_path / "a.html").documents[0]
    assert document.title == "Town & records"
    assert document.text.startswith(f"# Kettle\n\n{KETTLE}")
    assert f"## Mill\n\n{MILL}" in document.text
    assert "cookies" not in document.text
    assert "alert" not in document.text


def test_a_page_of_lists_is_taken_whole_where_too_much_would_be_lost(tmp_path: Path) -> None:
    items = "".join(f"<li><a href='/{n}'>Item {n} of the list</a></li>" for n in range(30))
    (tmp_path / "a.htm").write_text(f"<html><body><ul>{items}</ul><p>{MILL}</p></body></html>")
    document = one(tmp_path / "a.htm").documents[0]
    assert "Item 29 of the list" in document.text
    assert MILL in document.text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_the_encoding_of_a_text_is_found(tmp_path: Path, encoding: str) -> None:
    text = "Größe und Länge: die Mühle an der Elbe wurde 1712 für über zehn Gulden verkauft. " * 4
    (tmp_path / "a.txt").write_bytes(text.encode(encoding))
    assert one(tmp_path / "a.txt").documents[0].text == text.strip()


def test_front_matter_gives_the_title_of_markdown(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(
        f"---\ntitle: 'The kettle'\ntags: [a]\n---\n\n# Kettle\n\n{KETTLE}\n"
    )
    (tmp_path / "b.md").write_text(f"# Mill #\n\n{MILL}\n")
    first, second = read_documents(tmp_path).documents
    assert (first.title, first.text) == ("The kettle", f"# Kettle\n\n{KETTLE}")
    assert second.title == "Mill"


def test_broken_files_are_listed_and_the_others_read(tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text(KETTLE)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "copy.txt").write_text(f"\n{KETTLE}\n")
    (tmp_path / "empty.txt").write_text(" \n")
    (tmp_path / "only-controls.txt").write_text("\x1b[0m\x07")
    (tmp_path / "binary.txt").write_bytes(b"\x00\x01\x02\xff" * 50)
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7\nnot a file")
    (tmp_path / "broken.docx").write_bytes(b"PK\x03\x04not a file")
    write_pdf(tmp_path / "locked.pdf", password="secret")
    write_pdf(tmp_path / "scan.pdf", text=False)
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    (tmp_path / ".hidden.txt").write_text(MILL)
    (tmp_path / "moved.txt").symlink_to(tmp_path / "no-longer-there.txt")
    found = read_documents(tmp_path)
    assert [document.name for document in found.documents] == ["good.txt"]
    assert found.copies == {"sub/copy.txt": "good.txt"}
    reasons = {unread.name: unread.reason for unread in found.unread}
    assert set(reasons) == {
        *("binary.txt", "broken.docx", "broken.pdf", "empty.txt", "locked.pdf"),
        *("moved.txt", "only-controls.txt", "picture.png", "scan.pdf"),
    }
    assert reasons["moved.txt"].startswith("FileNotFoundError")
    assert reasons["empty.txt"] == "empty file"
    assert reasons["only-controls.txt"] == "no text in it"
    assert "not a text file" in reasons["binary.txt"]
    assert reasons["locked.pdf"] == "ValueError: encrypted: it needs a password"
    assert "no text on its 2 pages" in reasons["scan.pdf"]
    assert reasons["picture.png"].startswith("not one of .docx, ")


def test_nothing_to_read_is_an_error_with_the_reasons(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"source: found .*, expected a file or a folder"):
        read_documents(tmp_path / "missing")
    with pytest.raises(ConfigError, match="no files"):
        read_documents(tmp_path)
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(ConfigError, match=r"a\.txt: empty file"):
        read_documents(tmp_path)


def test_the_same_text_has_the_same_id_wherever_it_lies(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(KETTLE)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "c.txt").write_text(KETTLE)
    first, second = read_documents(tmp_path / "a.txt"), read_documents(tmp_path / "b")
    assert first.documents[0].document_id == second.documents[0].document_id


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(ValueError, match="not a text file"):
        decode(b"abc\x00def")
