"""Documents as people keep them: text, Markdown, HTML, PDF and Word files.

Every format becomes plain text or Markdown, so that headings and tables survive. A file that
cannot be read is listed with its reason and does not stop the others.

Needs the extra `documents` for HTML, PDF and Word files. Nothing is downloaded.
"""

import io
import logging
import re
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from distilabel_rag4rag.data.readers import encoding
from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.utils.hashing import hash_of
from distilabel_rag4rag.utils.text import clean_text, has_text

#: The share of a page's text that its main content must hold; else all of the page is taken.
MAIN_CONTENT_SHARE = 0.5

INSTALL = "pip install 'distilabel-rag4rag[documents]'"


@dataclass(frozen=True)
class Document:
    """The text of one document.

    Attributes:
        document_id: hash of the text: the same document has the same id wherever it lies.
        title: from the document, else its first heading, else None.
        text: plain text, or Markdown where `markdown` is true.
        markdown: whether lines such as `# Heading` are markup.
        name: the path of the file below the folder that was read, or a number of a row.
    """

    document_id: str
    title: str | None
    text: str
    markdown: bool
    name: str


@dataclass(frozen=True)
class UnreadDocument:
    """A file that gave no text, and why."""

    name: str
    reason: str


class Reading(NamedTuple):
    """What a file holds: its text, whether that is Markdown, its title, what was odd about it."""

    text: str
    markdown: bool
    title: str | None = None
    problem: str | None = None


@dataclass
class DocumentSet:
    """What was read.

    Attributes:
        documents: in the order of their names; of several with the same text, the first.
        unread: the files without text, each with its reason.
        copies: name of a document -> name of the first with the same text.
        problems: name of a document -> what was odd about its encoding.
    """

    documents: list[Document] = field(default_factory=list)
    unread: list[UnreadDocument] = field(default_factory=list)
    copies: dict[str, str] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict, repr=False)

    def add(self, name: str, reading: "Reading") -> None:
        """Adds a document, or the reason why there is none."""
        text = clean_text(reading.text).strip()
        if reading.problem:
            self.problems[name] = reading.problem
        if not text:
            self.unread.append(UnreadDocument(name, "no text in it"))
            return
        document_id = hash_of(text)[:16]
        first = self._names.setdefault(document_id, name)
        if first != name:
            self.copies[name] = first
            return
        title = " ".join(clean_text(reading.title or "").split()) or (
            _first_heading(text) if reading.markdown else None
        )
        self.documents.append(Document(document_id, title, text, reading.markdown, name))


def read_documents(
    paths: Path | Iterable[Path], *, passed_over: Collection[str] = (), required: bool = True
) -> DocumentSet:
    """Reads files, and all files below folders.

    Hidden files are left out. A file of a format that is not read is listed as unread.

    Args:
        paths: files and folders.
        passed_over: suffixes of files that are read elsewhere, and not listed here.
        required: whether a set without any text is an error.

    Raises:
        ConfigError: if a path does not exist, or no file gave any text where that is required.
        ImportError: if a format needs the extra `documents`; with the command that installs it.
    """
    found = DocumentSet()
    given = [paths] if isinstance(paths, Path) else list(paths)
    for path in given:
        if not path.exists():
            raise ConfigError("source", str(path), "a file or a folder of documents")
    for name, path in sorted(files_below(given)):
        suffix = path.suffix.lower()
        if suffix in passed_over:
            continue
        read = READERS.get(suffix)
        if read is None:
            formats = ", ".join(sorted(READERS))
            found.unread.append(UnreadDocument(name, f"not one of {formats}"))
            continue
        try:
            data = path.read_bytes()
            if not data.strip():
                found.unread.append(UnreadDocument(name, "empty file"))
                continue
            reading = read(data)
        except ImportError:
            raise
        except Exception as error:  # a library's own, of any kind, about this file alone
            found.unread.append(UnreadDocument(name, _reason(error)))
            continue
        found.add(name, reading)
    if required and not found.documents:
        reasons = "; ".join(f"{u.name}: {u.reason}" for u in found.unread[:5]) or "no files"
        raise ConfigError("source", ", ".join(map(str, given)), "documents with text", reasons)
    return found


def files_below(paths: Iterable[Path]) -> Iterator[tuple[str, Path]]:
    """Files, and all below folders that are not hidden, with their names below the folder."""
    for path in paths:
        if path.is_file():
            yield path.name, path
            continue
        for file in path.rglob("*"):
            name = file.relative_to(path)
            taken = file.is_file() or not file.exists()  # a link to nothing fails when it is read
            if taken and not any(part.startswith(".") for part in name.parts):
                yield name.as_posix(), file


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())[:200]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def decode(data: bytes) -> tuple[str, str | None]:
    """Bytes as text, and what was odd about their encoding, which is found.

    Raises:
        ValueError: if it is no text.
    """
    text, problem = encoding.decode(data)
    if "\x00" in text:
        raise ValueError("it holds null bytes: not a text file")
    return text, problem


def _read_text(data: bytes) -> Reading:
    text, problem = decode(data)
    return Reading(text, False, None, problem)


def _read_markdown(data: bytes) -> Reading:
    text, problem = decode(data)
    text = text.replace("\r\n", "\n")
    # Front matter is data about the document; its title is the document's.
    match = re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)
    if match is None:
        return Reading(text, True, None, problem)
    title = re.search(r"^title:\s*[\"']?(.*?)[\"']?\s*$", match[1], re.MULTILINE)
    return Reading(text[match.end() :], True, title[1] if title else None, problem)


def _read_html(data: bytes) -> Reading:
    trafilatura = _library("trafilatura")
    markdownify = _library("markdownify")
    html, problem = decode(data)
    title = re.search(r"<title[^>]*>(.*?)</title>", html, re.DOTALL | re.IGNORECASE)
    body = re.sub(r"(?is)<(script|style|noscript|template|head)\b.*?</\1\s*>", "", html)
    whole = _tidy(markdownify.markdownify(body, heading_style="ATX", strip=["img", "a"]))
    main = trafilatura.extract(
        html, output_format="markdown", include_tables=True, include_links=False
    )
    kept = len(_words(main or ""))
    text = main if main and kept >= MAIN_CONTENT_SHARE * len(_words(whole)) else whole
    return Reading(text, True, _unescaped(title[1]) if title else None, problem)


def _read_pdf(data: bytes) -> Reading:
    pypdf = _library("pypdf")
    logging.getLogger("pypdf").setLevel(logging.ERROR)
    reader = pypdf.PdfReader(io.BytesIO(data))
    if reader.is_encrypted and not reader.decrypt(""):
        raise ValueError("encrypted: it needs a password")
    headings = _outline(reader)
    pages = []
    for number, page in enumerate(reader.pages):
        text = _joined_lines(page.extract_text() or "")
        for level, heading in headings.get(number, []):
            text = _marked_heading(text, level, heading)
        pages.append(text)
    if not any(map(has_text, pages)):
        raise ValueError(f"no text on its {len(pages)} pages: a scan? It needs OCR")
    title = reader.metadata.title if reader.metadata else None
    return Reading(_tidy("\n\n".join(pages)), bool(headings), title if has_text(title) else None)


def _read_docx(data: bytes) -> Reading:
    mammoth = _library("mammoth")
    markdownify = _library("markdownify")
    styles = "\n".join(f"p[style-name='Heading {n}'] => h6:fresh" for n in (7, 8, 9))
    styles += "\np[style-name='Title'] => h1:fresh"
    html = mammoth.convert_to_html(io.BytesIO(data), style_map=styles).value
    text = markdownify.markdownify(html, heading_style="ATX", strip=["img", "a"])
    return Reading(_tidy(text), True)


READERS: dict[str, Callable[[bytes], Reading]] = {
    ".txt": _read_text,
    ".text": _read_text,
    ".md": _read_markdown,
    ".markdown": _read_markdown,
    ".html": _read_html,
    ".htm": _read_html,
    ".pdf": _read_pdf,
    ".docx": _read_docx,
}


def _library(name: str) -> Any:
    import importlib

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(f"Reading this kind of document needs {name}: {INSTALL}") from error


def _first_heading(text: str) -> str | None:
    match = re.search(r"^#{1,6}\s+(.+?)\s*#*$", text, re.MULTILINE)
    return match[1] if match else None


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


def _tidy(markdown: str) -> str:
    """Without the runs of empty lines and trailing spaces that conversion leaves."""
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+\n", "\n", markdown))


def _unescaped(text: str) -> str:
    from html import unescape

    return unescape(text)


def _outline(reader: Any) -> dict[int, list[tuple[int, str]]]:
    """Page -> headings of the outline on it, as (level, text); PDFs mark headings nowhere else."""
    found: dict[int, list[tuple[int, str]]] = {}

    def collect(items: list[Any], level: int) -> None:
        for item in items:
            if isinstance(item, list):
                collect(item, level + 1)
                continue
            page = reader.get_destination_page_number(item)
            if page is not None and page >= 0 and has_text(item.title):
                found.setdefault(page, []).append((min(level, 6), " ".join(item.title.split())))

    try:
        collect(reader.outline, 1)
    except Exception:  # a broken outline is no reason to lose the text
        return {}
    return found


def _marked_heading(text: str, level: int, heading: str) -> str:
    """The text of a page with the line that is the heading marked as one."""
    pattern = r"\s+".join(map(re.escape, heading.split()))
    match = re.search(rf"^[ \t]*(?:[\d.]+[ \t]+)?{pattern}[ \t]*$", text, re.MULTILINE)
    if match is None:
        return text
    line = f"\n\n{'#' * level} {' '.join(match[0].split())}\n\n"
    return text[: match.start()] + line + text[match.end() :]


def _joined_lines(text: str) -> str:
    """Lines of a page joined to paragraphs: a line that ends inside a word or sentence goes on."""
    text = re.sub(r"(\w)-\n(?=[a-zà-ÿ])", r"\1", text)
    return re.sub(r"(?<![.!?:;\n])\n(?=[a-zà-ÿ(])", " ", text)
