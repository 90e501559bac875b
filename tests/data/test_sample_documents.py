"""The sample world as documents of four formats is read as the texts that were written."""

import re
from pathlib import Path

from helpers.sample_documents import write_sample_world

from distilabel_rag4rag.data.corpus import read_corpus
from distilabel_rag4rag.data.rows import load_passages
from distilabel_rag4rag.data.words import word_offsets


def letters(text: str) -> str:
    return "".join(re.findall(r"[A-Za-z0-9]", text))


def test_every_article_is_whole_in_every_format(tmp_path: Path) -> None:
    files = write_sample_world(tmp_path / "docs")
    corpus = read_corpus(tmp_path / "docs", word_offsets, max_tokens=128)
    assert {file.suffix for file in files} == {".md", ".html", ".pdf", ".docx"}
    assert (corpus.documents, corpus.unread) == (len(files), [])
    written: dict[str, str] = {}
    for row in load_passages():
        written[row["title"]] = written.get(row["title"], row["title"]) + row["context"]
    read: dict[str, str] = {}
    for passage in sorted(corpus.passages, key=lambda row: (row["document_id"], row["start"])):
        read[passage["title"]] = read.get(passage["title"], "") + passage["context"]
    assert {title: letters(text) for title, text in read.items()} == {
        title: letters(text) for title, text in written.items()
    }
