"""Sets to evaluate on, from folders in BEIR's form or questions with their passages."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from distilabel_rag4rag.data.groups import document_of
from distilabel_rag4rag.data.retrieval_data import RetrievalData
from distilabel_rag4rag.data.run_folder import RunFolder
from distilabel_rag4rag.data.splits import TEST
from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.export import beir
from distilabel_rag4rag.utils.text import counted, has_text


def read_retrieval_data(
    source: Any,
    *,
    split: str | None = None,
    corpus: str | None = None,
    columns: dict[str, str | None] | None = None,
    titles: bool = False,
    field_name: str = "source",
) -> RetrievalData:
    """Reads a set to evaluate on.

    Args:
        source: a folder of `rag4rag build`, of an export or in BEIR's form; the folder of a
            comparison; or questions with their passages, in any form that `load_rows` takes, such
            as a Dataset.
        split: of the qrels, or of a Hub data set; by default `test` where there are qrels.
        corpus: further passages to search, where the source is not in BEIR's form.
        columns: our column names -> the source's.
        titles: whether a passage's title stands before its text, as BEIR's own models have it.
        field_name: the setting that the source comes from.

    Raises:
        ConfigError: if it cannot be read or has no query with a relevant passage.
    """
    if source is None:
        raise ConfigError(
            field_name, None, "a folder of `build`, one in BEIR's form, or questions with passages"
        )
    folder = beir_folder(Path(source)) if isinstance(source, str | Path) else None
    if folder is None:
        return _from_rows(source, split, corpus, columns, titles)
    try:
        return _from_beir(folder, split or TEST, titles, field_name)
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(
            field_name, str(folder), "a folder in BEIR's form", f"{type(error).__name__}: {error}."
        ) from error


def beir_folder(source: Path) -> Path | None:
    """Where the files in BEIR's form are: in the folder, in its `beir` or `export/beir`."""
    places = (source / "export" / "beir", source / "beir", source)
    return next((place for place in places if (place / beir.CORPUS_FILE).is_file()), None)


def _from_beir(folder: Path, split: str, titles: bool, field_name: str) -> RetrievalData:
    qrels = beir.read_qrels(folder)
    if split not in qrels:
        raise ConfigError(
            "split", split, f"one of {list(qrels)}, which are in '{folder / beir.QRELS_FOLDER}'"
        )
    texts: dict[str, str] = {}
    documents: dict[str, str] = {}
    for line in beir.read_lines(folder / beir.CORPUS_FILE):
        key, title = str(line["_id"]), line.get("title") or ""
        texts[key] = _text(line.get("text") or "", title, titles)
        if document := (line.get("metadata") or {}).get("document_id"):
            documents[key] = str(document)
    asked = {str(q["_id"]): str(q["text"]) for q in beir.read_lines(folder / beir.QUERIES_FILE)}
    pairs: dict[str, dict[str, int]] = {}
    for query, passage, score in qrels[split]:
        pairs.setdefault(query, {})[passage] = score
    return _checked(_name(folder, split), asked, texts, pairs, documents, field_name)


def _name(folder: Path, split: str) -> str:
    """What a set is called: by the folder that the user made, and the split."""
    named = folder.absolute()
    while named.name in ("beir", "export") and named.parent.name:
        named = named.parent
    return split if named.name == split else f"{named.name} {split}"


def _from_rows(
    source: Any,
    split: str | None,
    corpus: str | None,
    columns: dict[str, str | None] | None,
    titles: bool,
) -> RetrievalData:
    from distilabel_rag4rag.data.rows import load_passages, load_rows

    notes: list[str] = []
    asked_of = source
    if isinstance(source, str | Path) and (run := RunFolder(Path(source))).has_rows:
        asked_of = list({row["id"]: row for row in run.rows().to_pylist()}.values())
    rows = load_rows(asked_of, columns=columns, split=split, notes=notes).to_list()
    passages = [*rows, *(load_passages(corpus) if corpus else ())]
    texts: dict[str, str] = {}
    documents: dict[str, str] = {}
    asked: dict[str, str] = {}
    pairs: dict[str, dict[str, int]] = {}
    for passage in passages:
        if has_text(passage["context"]):
            key = passage["passage_id"]
            texts.setdefault(key, _text(passage["context"], passage.get("title"), titles))
            if document := document_of(passage):
                documents[key] = document[1]
    for row in rows:
        if has_text(row["question"]) and row["passage_id"] in texts:
            asked[row["id"]] = row["question"]
            pairs.setdefault(row["id"], {})[row["passage_id"]] = 1
    name = Path(source).stem if isinstance(source, str | Path) else "data"
    return _checked(name, asked, texts, pairs, documents, "source", notes)


def _text(text: str, title: Any, titles: bool) -> str:
    return f"{title} {text}".strip() if titles and has_text(title) else text


def _checked(
    name: str,
    asked: Mapping[str, str],
    texts: dict[str, str],
    pairs: Mapping[str, dict[str, int]],
    documents: dict[str, str],
    field_name: str,
    notes: list[str] | None = None,
) -> RetrievalData:
    """The queries that can be evaluated, with notes of the others."""
    notes = list(notes or ())
    judged = {query: found for query, found in pairs.items() if max(found.values()) > 0}
    kept = {query: found for query, found in judged.items() if has_text(asked.get(query))}
    unknown = {p for found in kept.values() for p in found if found[p] > 0} - texts.keys()
    for number, what in (
        (len(pairs) - len(judged), "without a relevant passage left out"),
        (len(judged) - len(kept), "without text left out"),
    ):
        if number:
            notes.append(f"{name}: {counted(number, 'query', 'queries')} {what}")
    if unknown:
        notes.append(
            f"{name}: {counted(len(unknown), 'relevant passage')} not in the corpus; they count"
            " as not found"
        )
    if not kept:
        raise ConfigError(field_name, name, "queries with a relevant passage")
    return RetrievalData(name, {q: asked[q] for q in kept}, texts, kept, documents, notes)
