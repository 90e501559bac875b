"""Text and Markdown files, and folders of them, as tables of passages."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from distilabel_rag4rag.data.chunking import split_text
from distilabel_rag4rag.data.readers.encoding import read_text
from distilabel_rag4rag.data.readers.table import Record, Table, from_records
from distilabel_rag4rag.utils.text import clean_text, counted

SUFFIXES = (".txt", ".md", ".markdown")


def from_text_file(path: Path, max_words: int) -> Table:
    """The passages of a file.

    Raises:
        ValueError: if it is empty or no text.
    """
    text, problem = read_text(path)
    if not text.strip():
        raise ValueError(f"{path} is empty")
    passages = split_text(clean_text(text), max_words)
    notes = [f"{path}: {problem}"] if problem else []
    return _table(path, [(path.name, passages)], notes, max_words)


def from_text_folder(folder: Path, max_words: int) -> Table:
    """The passages of all text files under a folder; hidden files are left out.

    A file that cannot be read is a note and no error.

    Raises:
        ValueError: if there is no text file.
    """
    files = sorted(
        file
        for file in folder.rglob("*")
        if file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    )
    taken = [file for file in files if file.suffix.lower() in SUFFIXES]
    others = [file for file in files if file.suffix.lower() not in SUFFIXES]
    if not taken:
        raise ValueError(
            f"{folder}: expected a folder saved by datasets, or {', '.join(SUFFIXES)} files; "
            f"found {_kinds(others) or 'nothing'}"
        )
    documents: list[tuple[str, list[str]]] = []
    problems: dict[str, list[str]] = {}
    for file in taken:
        name = file.relative_to(folder).as_posix()
        try:
            text, problem = read_text(file)
        except (ValueError, OSError) as error:
            text, problem = "", f"left out, {_cause(error, file)}"
        else:
            if not text.strip():
                problem = "left out, empty"
        if problem:
            problems.setdefault(problem, []).append(name)
        documents.append((name, split_text(clean_text(text), max_words)))
    notes = [
        f"{folder}: {counted(len(names), 'file')}: {problem}: {_some(names)}"
        for problem, names in problems.items()
    ]
    if others:
        notes.append(
            f"{folder}: {counted(len(others), 'file was', 'files were')} not read:"
            f" {_kinds(others)}. In a folder only {', '.join(SUFFIXES)} files are; convert"
            " documents to one of these, and give tables as a file of their own."
        )
    return _table(folder, documents, notes, max_words)


def _table(
    path: Path, documents: list[tuple[str, list[str]]], notes: list[str], max_words: int
) -> Table:
    records: list[Record] = [
        {"title": title, "context": passage}
        for title, passages in documents
        for passage in passages
    ]
    if cut := [passages for _, passages in documents if len(passages) > 1]:
        notes.append(
            f"{path}: {counted(len(cut), 'document')} of {len(documents)} cut into"
            f" {sum(map(len, cut)):,} passages of at most {max_words} words (`passage_words`)"
        )
    return from_records(str(path), records, tuple(notes), is_text=True)


def _cause(error: Exception, file: Path) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return text.removeprefix(f"{file} ").removeprefix("is ")


def _kinds(files: Iterable[Path]) -> str:
    """How many files there are of each suffix, e.g. "3 .pdf, 1 .docx"."""
    counts = Counter(file.suffix.lower() or "without a suffix" for file in files)
    return ", ".join(f"{count} {suffix}" for suffix, count in counts.most_common())


def _some(names: list[str]) -> str:
    more = len(names) - 5
    return ", ".join(names[:5]) + (f" and {more} more" if more > 0 else "")
