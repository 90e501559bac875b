"""The sample world as documents: its articles in turn as md, html, pdf and docx files.

python tests/helpers/sample_documents.py FOLDER
"""

import sys
from collections.abc import Callable, Sequence
from html import escape
from itertools import cycle
from pathlib import Path

from docx import Document
from fpdf import FPDF

from distilabel_rag4rag.data.rows import load_passages


def write_md(path: Path, title: str, paragraphs: Sequence[str]) -> None:
    path.write_text("\n\n".join([f"# {title}", *paragraphs]) + "\n", "utf-8")


def write_html(path: Path, title: str, paragraphs: Sequence[str]) -> None:
    body = "\n".join(f"<p>{escape(text)}</p>" for text in paragraphs)
    name = escape(title)
    path.write_text(
        f"<!doctype html><html lang='en'><head><title>{name}</title></head><body>"
        f"<nav><a href='/'>Home</a> <a href='/all'>All articles</a></nav>"
        f"<main><article><h1>{name}</h1>\n{body}</article></main></body></html>\n",
        "utf-8",
    )


def write_pdf(path: Path, title: str, paragraphs: Sequence[str]) -> None:
    pdf = FPDF()
    pdf.set_title(title)
    pdf.add_page()
    pdf.set_font("helvetica", size=12)
    pdf.start_section(title)
    pdf.cell(text=title, new_x="LMARGIN", new_y="NEXT")
    for text in paragraphs:
        latin = text.encode("latin-1", "replace").decode("latin-1")
        pdf.multi_cell(0, text=latin, new_x="LMARGIN", new_y="NEXT")
        pdf.ln(6)
    pdf.output(str(path))


def write_docx(path: Path, title: str, paragraphs: Sequence[str]) -> None:
    document = Document()
    document.add_heading(title, level=1)
    for text in paragraphs:
        document.add_paragraph(text)
    document.save(str(path))


WRITERS: dict[str, Callable[[Path, str, Sequence[str]], None]] = {
    "md": write_md,
    "html": write_html,
    "pdf": write_pdf,
    "docx": write_docx,
}


def write_sample_world(folder: Path) -> list[Path]:
    """Writes each article as one file."""
    folder.mkdir(parents=True, exist_ok=True)
    articles: dict[str, list[str]] = {}
    for row in load_passages():
        articles.setdefault(row["title"], []).append(row["context"])
    files = []
    for (title, paragraphs), suffix in zip(articles.items(), cycle(WRITERS), strict=False):
        files.append(folder / f"{title.lower().replace(' ', '-')}.{suffix}")
        WRITERS[suffix](files[-1], title, paragraphs)
    return files


if __name__ == "__main__":
    print(*write_sample_world(Path(sys.argv[1])), sep="\n")
