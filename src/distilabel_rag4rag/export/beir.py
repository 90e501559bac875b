"""Passages, questions and which answers which, in BEIR's form.

Ids of questions begin with `q-` and those of passages with `d-`: tools of BEIR leave a passage out
of a ranking if its id equals that of the question.
"""

import csv
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from distilabel_rag4rag.utils.hashing import hash_of
from distilabel_rag4rag.utils.text import has_text

CORPUS_FILE, QUERIES_FILE, QRELS_FOLDER = "corpus.jsonl", "queries.jsonl", "qrels"
QRELS_COLUMNS = ("query-id", "corpus-id", "score")


def query_id(row_id: Any) -> str:
    """The id of a question."""
    return f"q-{_plain(row_id)}"


def document_id(passage_id: Any) -> str:
    """The id of a passage, which BEIR calls a document."""
    return f"d-{_plain(passage_id)}"


def _plain(key: Any) -> str:
    """The id, or its hash where it holds what the files cannot."""
    return str(key) if re.fullmatch(r"[^\s\"]+", str(key)) else hash_of(str(key))[:16]


def corpus(passages: pa.Table) -> pa.Table:
    """`_id`, `title` and `text` of each passage, once."""
    found: dict[Any, tuple[str, Any, str]] = {}
    columns = (passages[name].to_pylist() for name in ("passage_id", "title", "context"))
    for key, title, text in zip(*columns, strict=True):
        if key is not None and text is not None:
            found.setdefault(key, (document_id(key), title, text))
    ids, titles, texts = zip(*found.values(), strict=True) if found else ((), (), ())
    kind = pa.string()
    return pa.table(
        {"_id": pa.array(ids, kind), "title": pa.array(titles, kind), "text": pa.array(texts, kind)}
    )


def queries(rows: pa.Table) -> pa.Table:
    """`_id` and `text` of each question, once."""
    found = dict(zip(rows["id"].to_pylist(), rows["question"].to_pylist(), strict=True))
    return pa.table(
        {
            "_id": pa.array(map(query_id, found), pa.string()),
            "text": pa.array(found.values(), pa.string()),
        }
    )


def qrels(rows: pa.Table) -> pa.Table:
    """`query-id`, `corpus-id` and `score`, which is 1: each pair once."""
    columns = zip(rows["id"].to_pylist(), rows["passage_id"].to_pylist(), strict=True)
    pairs = dict.fromkeys(pair for pair in columns if pair[1] is not None)
    return pa.table(
        {
            "query-id": pa.array([query_id(query) for query, _ in pairs], pa.string()),
            "corpus-id": pa.array([document_id(passage) for _, passage in pairs], pa.string()),
            "score": pa.array([1] * len(pairs), pa.int64()),
        }
    )


def write_beir(
    folder: Path,
    corpus: Iterable[Mapping[str, Any]],
    queries: Iterable[Mapping[str, Any]],
    qrels: Mapping[str, Sequence[Mapping[str, Any]]],
) -> None:
    """Writes the folder.

    Args:
        folder: a new or empty folder.
        corpus, queries: their lines.
        qrels: by split; one without lines is not written.
    """
    (folder / QRELS_FOLDER).mkdir(parents=True)
    for name, lines in ((CORPUS_FILE, corpus), (QUERIES_FILE, queries)):
        with (folder / name).open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    for split, pairs in qrels.items():
        if pairs:
            path = folder / QRELS_FOLDER / f"{split}.tsv"
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file, delimiter="\t", lineterminator="\n")
                writer.writerow(QRELS_COLUMNS)
                writer.writerows([pair[name] for name in QRELS_COLUMNS] for pair in pairs)


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a corpus or of questions."""
    with path.open(encoding="utf-8") as file:
        yield from (json.loads(line) for line in file if line.strip())


def read_qrels(folder: Path) -> dict[str, list[tuple[str, str, int]]]:
    """Question, passage and score of each line, by split."""
    found = {}
    for path in sorted((folder / QRELS_FOLDER).glob("*.tsv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            found[path.stem] = [
                (row["query-id"], row["corpus-id"], int(row["score"])) for row in rows
            ]
    return found


def check_beir(folder: str | Path) -> list[str]:
    """What is wrong with a folder in BEIR's form, in sentences; empty if nothing is.

    Ids and pairs must be unique, texts not empty, every pair's question and passage there, no id
    both a question's and a passage's, no question without a passage or in two splits.
    """
    folder = Path(folder)
    missing = [
        name for name in (CORPUS_FILE, QUERIES_FILE, QRELS_FOLDER) if not (folder / name).exists()
    ]
    if missing:
        return [f"{', '.join(missing)} missing"]
    problems: list[str] = []
    ids = {}
    for name in (CORPUS_FILE, QUERIES_FILE):
        lines = [(str(line.get("_id")), line.get("text")) for line in read_lines(folder / name)]
        _note(problems, f"{name}: ids that are not unique", _repeated(key for key, _ in lines))
        empty = [key for key, text in lines if not has_text(text)]
        _note(problems, f"{name}: lines without text", empty)
        ids[name] = {key for key, _ in lines}
    both = ids[CORPUS_FILE] & ids[QUERIES_FILE]
    _note(problems, "ids that are both a question's and a passage's", both)
    splits = read_qrels(folder)
    for split, pairs in splits.items():
        where = f"{QRELS_FOLDER}/{split}.tsv"
        unknown = {query for query, _, _ in pairs} - ids[QUERIES_FILE]
        _note(problems, f"{where}: questions that {QUERIES_FILE} lacks", unknown)
        unknown = {passage for _, passage, _ in pairs} - ids[CORPUS_FILE]
        _note(problems, f"{where}: passages that {CORPUS_FILE} lacks", unknown)
        _note(problems, f"{where}: pairs that are not unique", _repeated(p[:2] for p in pairs))
    asked = [query for pairs in splits.values() for query in {query for query, _, _ in pairs}]
    _note(problems, "questions in two splits", _repeated(asked))
    _note(problems, "questions without a passage", ids[QUERIES_FILE] - set(asked))
    return problems


def _repeated(values: Iterable[Any]) -> list[Any]:
    return [value for value, count in Counter(values).items() if count > 1]


def _note(problems: list[str], what: str, found: Iterable[Any]) -> None:
    if names := sorted(map(str, found)):
        more = ", …" if len(names) > 3 else ""
        problems.append(f"{what}: {len(names)} ({', '.join(names[:3])}{more})")
