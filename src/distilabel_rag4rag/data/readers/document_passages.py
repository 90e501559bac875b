"""Documents, and folders of them, as tables of passages."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from distilabel_rag4rag.data.chunking import MAX_TOKENS, Tokenize, chunk_document
from distilabel_rag4rag.data.readers.documents import READERS, read_documents
from distilabel_rag4rag.data.readers.table import Table, from_records
from distilabel_rag4rag.data.words import word_offsets
from distilabel_rag4rag.utils.text import counted

SUFFIXES = tuple(READERS)


def from_documents(
    path: Path, tokenize: Tokenize | None = None, max_tokens: int = MAX_TOKENS
) -> Table:
    """The passages of a document, or of all documents below a folder; hidden ones are left out.

    A file that cannot be read is a note and no error.

    Args:
        path: the file or folder.
        tokenize: what passages are measured with; None counts words and signs.
        max_tokens: the longest passage.

    Raises:
        ValueError: if no document has text.
        ImportError: if a format needs the extra `documents`.
    """
    found = read_documents(path, required=False)
    notes = [
        f"{path}: {counted(len(names), 'file')}: {what}: {_some(names)}"
        for what, names in _grouped(
            [
                *found.problems.items(),
                *((name, f"the same text as {first}") for name, first in found.copies.items()),
                *((unread.name, f"left out, {unread.reason}") for unread in found.unread),
            ]
        )
    ]
    if not found.documents:
        what = "; ".join(note.removeprefix(f"{path}: ") for note in notes) or "nothing"
        raise ValueError(
            f"{path}: expected a folder saved by datasets, or {', '.join(SUFFIXES)} files with"
            f" text; found {what}"
        )
    cut = [
        (
            document.title or document.name,
            chunk_document(document, tokenize or word_offsets, max_tokens),
        )
        for document in found.documents
    ]
    if several := [chunks for _, chunks in cut if len(chunks) > 1]:
        notes.append(
            f"{path}: {counted(len(several), 'document')} of {len(cut)} cut into"
            f" {sum(map(len, several)):,} passages of at most {max_tokens} tokens (`max_tokens`)"
        )
    records = [{"title": title, "context": chunk.text} for title, chunks in cut for chunk in chunks]
    return from_records(str(path), records, tuple(notes), is_text=True)


def _grouped(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    names: dict[str, list[str]] = defaultdict(list)
    for name, what in pairs:
        names[what].append(name)
    return list(names.items())


def _some(names: list[str]) -> str:
    more = len(names) - 5
    return ", ".join(names[:5]) + (f" and {more} more" if more > 0 else "")
