"""The one entrance to data: a source of any kind, opened as one table of records.

`data.rows` gives the records our columns.
"""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator

from distilabel_rag4rag.data.chunking import MAX_TOKENS, Tokenize
from distilabel_rag4rag.data.readers import (
    csv_files,
    document_passages,
    json_files,
    parquet,
)
from distilabel_rag4rag.data.readers.dataset import (
    check_no_split,
    from_dataset,
    from_saved_dataset,
    saved_dataset,
)
from distilabel_rag4rag.data.readers.hub import HUB_ID, from_hub
from distilabel_rag4rag.data.readers.table import Record, Table, from_records
from distilabel_rag4rag.errors import ConfigError

#: The corpus that ships with the package; see the README beside it.
SAMPLE_WORLD = Path(__file__).parents[1] / "sample_world" / "sample_world.json"

SUFFIXES = (
    *json_files.SUFFIXES,
    *csv_files.SUFFIXES,
    *parquet.SUFFIXES,
    *document_passages.SUFFIXES,
)


def plain_source(source: Any) -> Any:
    """A path becomes a str and a Dataset its rows: what a saved pipeline can hold."""
    if isinstance(source, Path):
        return str(source)
    if hasattr(source, "to_list") and hasattr(source, "column_names"):
        return source.to_list()
    return source


#: The type of a step's field that takes a source.
PlainSource = Annotated[str | list[Record] | None, BeforeValidator(plain_source)]


def open_table(
    source: Any,
    split: str | None = None,
    *,
    questions: bool = True,
    tokenize: Tokenize | None = None,
    max_tokens: int = MAX_TOKENS,
    delimiter: str | None = None,
) -> Table:
    """Opens a source.

    Args:
        source: see `data.rows.load_rows`.
        split: the split, for what has splits.
        questions: SQuAD JSON gives a record per question; without, one per paragraph.
        tokenize, max_tokens: how documents are cut, see `document_passages.from_documents`.
        delimiter: what stands between the fields of a CSV or TSV file; None: found from the file.

    Raises:
        ValueError: if the source is missing, empty, broken or of an unknown kind.
    """
    path = _path(SAMPLE_WORLD if source is None else source)
    is_csv = path is not None and path.is_file() and path.suffix.lower() in csv_files.SUFFIXES
    if delimiter is not None and not is_csv:
        raise ConfigError("delimiter", delimiter, f"None, as {_name(source)} is no CSV file")
    if path is None:
        table = _open_object(source, split)
    elif path.is_dir():
        table = _open_folder(path, split, tokenize, max_tokens)
    elif path.is_file():
        check_no_split(split, str(path))
        if path.suffix.lower() in document_passages.SUFFIXES:
            table = document_passages.from_documents(path, tokenize, max_tokens)
        else:
            table = _open_file(path, questions, delimiter)
    elif isinstance(source, str) and path.suffix not in SUFFIXES and HUB_ID.fullmatch(source):
        table = from_hub(source, split)
    else:
        raise ValueError(
            f"{source} does not exist: expected a file, a folder or the id of a dataset"
        )
    if not table.size:
        raise ValueError(f"{table.name} holds no rows")
    return table


def _path(source: Any) -> Path | None:
    return Path(source).expanduser() if isinstance(source, str | Path) else None


def _name(source: Any) -> str:
    return str(source) if isinstance(source, str | Path) else "the source"


def _open_object(source: Any, split: str | None) -> Table:
    if isinstance(source, list):
        check_no_split(split, "the list")
        return from_records("the list", source)
    return from_dataset(source, split, "the dataset")


def _open_folder(
    path: Path, split: str | None, tokenize: Tokenize | None, max_tokens: int
) -> Table:
    saved = saved_dataset(path)
    if saved is not None:
        return from_saved_dataset(saved, split)
    check_no_split(split, str(path))
    return document_passages.from_documents(path, tokenize, max_tokens)


def _open_file(path: Path, questions: bool, delimiter: str | None) -> Table:
    suffix = path.suffix.lower()
    if suffix in json_files.SUFFIXES:
        return json_files.from_json(path, questions)
    if suffix in csv_files.SUFFIXES:
        return csv_files.from_csv(path, delimiter)
    if suffix in parquet.SUFFIXES:
        return parquet.from_parquet(path)
    raise ValueError(f"{path}: unknown suffix {suffix!r}; expected one of {', '.join(SUFFIXES)}")
