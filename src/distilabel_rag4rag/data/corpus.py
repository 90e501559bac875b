"""A corpus for training data: documents of any source, cut into passages, each passage once."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from distilabel_rag4rag.data.chunking import MAX_TOKENS, Chunk, Tokenize, chunk_document
from distilabel_rag4rag.data.columns import map_columns
from distilabel_rag4rag.data.passage_checks import passage_fault
from distilabel_rag4rag.data.readers import csv_files, json_files, parquet
from distilabel_rag4rag.data.readers.dataset import saved_dataset
from distilabel_rag4rag.data.readers.documents import (
    Document,
    UnreadDocument,
    files_below,
    read_documents,
)
from distilabel_rag4rag.data.readers.open_table import open_table
from distilabel_rag4rag.data.values import one_text
from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.schema import PASSAGE, keep_column, reason_column
from distilabel_rag4rag.utils.hashing import hash_of
from distilabel_rag4rag.utils.text import counted, has_text

Row = dict[str, Any]

_TABLES = (*json_files.SUFFIXES, *csv_files.SUFFIXES, *parquet.SUFFIXES)


@dataclass
class Corpus:
    """What was read.

    Attributes:
        passages: rows with passage_id, document_id, title, heading_path, context, start, end,
            tokens, and the mark `keep_row_after_passage` with its `passage_reason`.
        documents: how many documents gave text.
        unread: the files without text, each with its reason.
        notes: what was left out, joined or cut, in sentences.
        chunk_seconds: of the time that it took to read, how long the cutting took.
    """

    passages: list[Row] = field(default_factory=list)
    documents: int = 0
    unread: list[UnreadDocument] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    chunk_seconds: float = 0.0


def read_corpus(
    source: Any,
    tokenize: Tokenize,
    max_tokens: int = MAX_TOKENS,
    overlap: int = 0,
    *,
    columns: dict[str, str | None] | None = None,
    split: str | None = None,
) -> Corpus:
    """Reads documents and cuts them into passages.

    Documents are files (txt, md, html, pdf, docx) and the rows of tables (jsonl, csv, parquet, a
    Dataset, a list of rows): there `context`, or the column that `columns` names, is the text, and
    rows with the same `title` are one document. Passages with the same text are one.

    Args:
        source: a file, a folder, a list of either, a Hub id, a Dataset, or a list of rows.
        tokenize: text -> the offsets of its tokens.
        max_tokens: the longest passage.
        overlap: tokens that a passage and the one before it have in common.
        columns: our column names -> the source's, for tables.
        split: of a Hub data set or `DatasetDict`.

    Raises:
        ConfigError: if there is no text in the source, or a setting is out of bounds.
        ImportError: if a format needs the extra `documents`.
    """
    if max_tokens < 8:
        raise ConfigError("max_tokens", max_tokens, "at least 8")
    if not 0 <= overlap < max_tokens:
        raise ConfigError("overlap", overlap, f"at least 0 and less than max_tokens ({max_tokens})")
    corpus = Corpus()
    tables, files = _sorted_out(source)
    chunks: list[Chunk] = []
    for table in tables:
        chunks += _chunks_of_table(table, tokenize, max_tokens, overlap, columns, split, corpus)
    if files:
        found = read_documents(files, passed_over=_TABLES, required=not tables)
        corpus.documents += len(found.documents)
        corpus.unread += found.unread
        corpus.notes += [f"{name}: {problem}" for name, problem in found.problems.items()]
        if found.copies:
            corpus.notes.append(
                f"{counted(len(found.copies), 'document')} left out as copies of others"
            )
        for document in found.documents:
            chunks += _cut(document, tokenize, max_tokens, overlap, corpus)
    corpus.passages = _unique(chunks, corpus.notes)
    if not corpus.passages:
        raise ConfigError("source", _name(source), "documents with text")
    return corpus


def _sorted_out(source: Any) -> tuple[list[Any], list[Path]]:
    """Tables, and files and folders of documents."""
    if isinstance(source, str | Path):
        path = Path(source).expanduser()
        if not path.exists() and path.suffix == "" and isinstance(source, str):
            return [source], []  # a Hub id, or an error that says what is possible
        source = [path]
    if not (isinstance(source, list) and all(isinstance(one, str | Path) for one in source)):
        return [source], []  # rows, or a Dataset
    tables: list[Any] = []
    files: list[Path] = []
    for path in map(Path, source):
        if path.is_dir() and saved_dataset(path) is not None:
            tables.append(path)
        elif path.is_dir():
            below = sorted(file for _, file in files_below([path]))
            tables += [file for file in below if file.suffix.lower() in _TABLES]
            files.append(path)
        else:
            (tables if path.suffix.lower() in _TABLES else files).append(path)
    return tables, files


def _chunks_of_table(
    source: Any,
    tokenize: Tokenize,
    max_tokens: int,
    overlap: int,
    columns: dict[str, str | None] | None,
    split: str | None,
    corpus: Corpus,
) -> Iterable[Chunk]:
    table = open_table(source, split, questions=False)
    corpus.notes += table.notes
    mapping = map_columns(table, columns, ("title", "context"), ("context",), corpus.notes)
    lengths: dict[str, int] = defaultdict(int)  # of what a document's rows hold so far
    empty = 0
    documents = set()
    for number, record in enumerate(table.rows(list(mapping.values())), 1):
        where = f"{table.name}, row {number}, "
        text = one_text(record[mapping["context"]], f"{where}{mapping['context']}: ")
        title = mapping.get("title") and one_text(record[mapping["title"]], f"{where}title: ")
        if not has_text(text):
            empty += 1
            continue
        document_id = hash_of([table.name, title] if has_text(title) else text)[:16]
        documents.add(document_id)
        document = Document(document_id, title or None, text, False, f"row {number}")
        start = lengths[document_id]
        for chunk in _cut(document, tokenize, max_tokens, overlap, corpus):
            yield replace(chunk, start=start + chunk.start, end=start + chunk.end)
        lengths[document_id] += len(text) + 2
    corpus.documents += len(documents)
    if empty:
        corpus.notes.append(f"{table.name}: no text in {empty:,} of {counted(table.size, 'row')}")


def _cut(
    document: Document, tokenize: Tokenize, max_tokens: int, overlap: int, corpus: Corpus
) -> list[Chunk]:
    begin = time.monotonic()
    chunks = chunk_document(document, tokenize, max_tokens, overlap)
    corpus.chunk_seconds += time.monotonic() - begin
    return chunks


def _unique(chunks: Iterable[Chunk], notes: list[str]) -> list[Row]:
    rows: dict[str, Row] = {}
    copies = 0
    for chunk in chunks:
        if chunk.passage_id in rows:
            copies += 1
            continue
        fault = passage_fault(chunk.text)
        rows[chunk.passage_id] = {
            "passage_id": chunk.passage_id,
            "document_id": chunk.document_id,
            "title": chunk.title,
            "heading_path": list(chunk.heading_path),
            "context": chunk.text,
            "start": chunk.start,
            "end": chunk.end,
            "tokens": chunk.tokens,
            keep_column(PASSAGE): fault is None,
            reason_column(PASSAGE): fault,
        }
    if copies:
        notes.append(f"{counted(copies, 'passage')} left out as copies of others")
    faults = [row[reason_column(PASSAGE)] for row in rows.values()]
    kinds = Counter(fault.partition(":")[0] for fault in faults if fault)
    for kind, count in kinds.items():
        notes.append(f"{counted(count, 'passage')} of {len(rows):,} are asked nothing: {kind}")
    return list(rows.values())


def _name(source: Any) -> str:
    if isinstance(source, str | Path):
        return str(source)
    if isinstance(source, list) and source and isinstance(source[0], str | Path):
        return ", ".join(map(str, source))
    return "the source"
