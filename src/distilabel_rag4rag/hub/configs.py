"""The products of a data set, each a config of its own with stable features and splits."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from distilabel.errors import DistilabelUserError

from distilabel_rag4rag.data.splits import SPLITS, split_rows
from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.export import beir
from distilabel_rag4rag.export.kept_rows import marks_among, why_not_kept
from distilabel_rag4rag.export.pairs import answer_pairs, passage_pairs
from distilabel_rag4rag.schema import BY_NAME, HUMAN

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

#: What is made of the candidate's kept rows, and of which rows `notebook` is made.
PRODUCTS = {
    "kept": "the kept rows of {candidate}, all columns",
    "pairs": "anchor (question) and positive (answer) of the kept rows, as the notebooks train",
    "passage_pairs": "anchor (question) and positive (source passage) of the kept rows",
    "corpus": "the passages, in BEIR's form",
    "queries": "the questions of the kept rows, in BEIR's form",
    "qrels": "which passage answers which question, in BEIR's form",
    "notebook": "all rows of {candidate} under the published notebooks' column names",
}
ON_REQUEST = ("notebook",)

#: Folders of the repository that hold something else.
_RESERVED = {"assets", "run", "data"}


@dataclass(frozen=True)
class Config:
    """One product: its rows by split, none of them empty, and what it is."""

    splits: dict[str, pa.Table]
    meaning: str


def run_configs(
    rows: pa.Table,
    candidate: str,
    wanted: list[str] | None,
    own_splits: list[str] | None = None,
) -> tuple[dict[str, Config], list[str], str]:
    """The products of the rows of a comparison: each arm, the kept rows, formats to train with.

    Splits are by document, unless the rows come with splits of their own: one name per row.

    Returns:
        The configs that have rows; which of them are arms; the default one.

    Raises:
        DistilabelUserError: if there are no rows, or names are unknown or clash.
    """
    rows = stable(rows)
    arms = [str(arm) for arm in pc.unique(rows["arm"]).to_pylist() if arm is not None]
    if not arms:
        raise DistilabelUserError("source: found no rows, expected at least one.")
    if candidate not in arms:
        candidate = next((arm for arm in reversed(arms) if arm != HUMAN), arms[-1])
    labels = pa.array(own_splits or split_rows([rows])[0])
    names = dict.fromkeys(own_splits or SPLITS)
    parts = {split: rows.filter(pc.equal(labels, split)) for split in names}

    def each(build: Callable[[pa.Table], pa.Table], meaning: str) -> Config:
        return Config({name: build(part) for name, part in parts.items()}, meaning)

    found = {arm: each(_arm(arm), f"the arm {arm}, all columns") for arm in arms}
    _check_names([*found, *PRODUCTS])
    builders = {"kept": _kept(candidate), "pairs": _kept(candidate, answer_pairs)}
    builders |= {"passage_pairs": _kept(candidate, passage_pairs)}
    builders |= {"qrels": _kept(candidate, beir.qrels)}
    builders |= {"notebook": lambda part: _notebook(_arm(candidate)(part))}
    for name, text in PRODUCTS.items():
        meaning = text.format(candidate=candidate)
        if name == "corpus":
            found[name] = Config({"corpus": beir.corpus(rows)}, meaning)
        elif name == "queries":
            found[name] = Config({"queries": _kept(candidate, beir.queries)(rows)}, meaning)
        else:
            found[name] = each(builders[name], meaning)
    found = _wanted(found, wanted)
    arms = [arm for arm in arms if arm in found]
    first = candidate if candidate in found else [*arms, *found][0]
    return found, arms, first


def plain_configs(
    source: "Mapping[str, Dataset | DatasetDict]", wanted: list[str] | None
) -> tuple[dict[str, Config], list[str]]:
    """Data of other shapes: each dataset a config, split by document unless it has splits.

    Returns:
        The configs, and notes on what was left out.
    """
    notes: list[str] = []
    tables: dict[tuple[str, str | None], pa.Table] = {}
    for name, value in source.items():
        for split, part in own_parts(value).items():
            tables[name, split] = stable(table_of(part, name, notes))
    _check_names(list(source))
    labels = dict(zip(tables, split_rows(list(tables.values())), strict=True))
    found: dict[str, dict[str, pa.Table]] = {}
    for (name, split), table in tables.items():
        if split is not None:
            if name not in found:
                notes.append(f"{name}: the splits are as they came, not made by document.")
            found.setdefault(name, {})[split] = table
        else:
            split_of_row = pa.array(labels[name, split], pa.string())
            found[name] = {s: table.filter(pc.equal(split_of_row, s)) for s in SPLITS}
    configs = {name: Config(splits, "the rows of that name") for name, splits in found.items()}
    return _wanted(configs, wanted, notes), notes


def own_parts(value: "Dataset | DatasetDict") -> "dict[str | None, Dataset]":
    """The splits of a dataset; None stands for all of its rows, still to be split.

    What distilabel returns is all `train`, which says nothing.

    Raises:
        DistilabelUserError: if the Hub refuses the name of a split.
    """
    if not isinstance(value, Mapping):
        return {None: value}
    if wrong := [split for split in value if not re.fullmatch(r"\w+(\.\w+)*", str(split))]:
        raise DistilabelUserError(
            f"source: found splits named {wrong}, expected letters, digits, '_' and '.'; rename"
            " them."
        )
    return {None: value["train"]} if list(value) == ["train"] else dict(value)


def stable(table: pa.Table) -> pa.Table:
    """The table with our columns' types, and none whose type hangs on there being a value."""
    for number, field in enumerate(table.schema):
        kind = BY_NAME[field.name].type if field.name in BY_NAME else _typed(field.type)
        if kind != field.type:
            column = _cast(table[field.name], kind)
            if column is not None:
                table = table.set_column(number, pa.field(field.name, kind), column)
    return table


def _typed(kind: pa.DataType) -> pa.DataType:
    """The type with text where there was no value to tell of one."""
    if pa.types.is_null(kind):
        return pa.string()
    if pa.types.is_list(kind):
        return pa.list_(_typed(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([(field.name, _typed(field.type)) for field in kind])
    return kind


def _cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray | None:
    """The column in another type, or None where it holds what the type cannot."""
    try:
        return column.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        values = column.to_pylist()
    try:
        array = pa.array(values, kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return None
    return pa.chunked_array([array]) if array.to_pylist() == values else None


def table_of(dataset: "Dataset", name: str, notes: list[str]) -> pa.Table:
    """The rows; images, sound and films are left out: this is text, and they tell of places."""
    from datasets.features.features import require_decoding

    media = [column for column, kind in dataset.features.items() if require_decoding(kind)]
    for column in media:
        kind = type(dataset.features[column]).__name__
        note = f"{name}: the column {column} ({kind}) is left out."
        notes += [] if note in notes else [note]
    return dataset.remove_columns(media).with_format("arrow")[:]


def _wanted(
    found: dict[str, Config], wanted: list[str] | None, notes: list[str] | None = None
) -> dict[str, Config]:
    """The configs that are asked for, without empty splits and without empty configs."""
    if unknown := [name for name in wanted or [] if name not in found]:
        raise ConfigError("configs", unknown, f"some of {list(found)}")
    full = {}
    for name, config in found.items():
        splits = {split: table for split, table in config.splits.items() if table.num_rows}
        if splits and _named(name, wanted):
            full[name] = Config(splits, config.meaning)
        elif not splits and notes is not None:
            notes.append(f"{name}: no rows, left out.")
    if not full:
        raise DistilabelUserError("source: found no rows, expected at least one.")
    return full


def _named(name: str, wanted: list[str] | None) -> bool:
    return name in wanted if wanted else name not in ON_REQUEST


def _check_names(names: list[str]) -> None:
    lower = [name.lower() for name in names]
    for name in names:
        if name.lower() in _RESERVED or lower.count(name.lower()) > 1:
            raise DistilabelUserError(
                f"configs: the name {name!r} is taken by something else that is published; rename"
                " the arm or the config."
            )
        if not re.fullmatch(r"\w[\w-]{0,95}", name, re.ASCII):
            raise ConfigError("configs", name, "a name of letters, digits, '_' and '-'")


def _arm(arm: str) -> Callable[[pa.Table], pa.Table]:
    return lambda part: part.filter(pc.equal(part["arm"], arm))


def _kept(
    arm: str, build: Callable[[pa.Table], pa.Table] = lambda part: part
) -> Callable[[pa.Table], pa.Table]:
    def kept(part: pa.Table) -> pa.Table:
        mine = _arm(arm)(part)
        marks = marks_among(mine.column_names)
        used = [name for name in (*marks, "answerable") if name in mine.column_names]
        rows = mine.select(used).to_pylist()
        passed = [bool(marks) and why_not_kept(row, marks) is None for row in rows]
        return build(mine.filter(pa.array(passed, pa.bool_())))

    return kept


def _renamed(part: pa.Table, **columns: str) -> pa.Table:
    return pa.table({new: part[old] for new, old in columns.items()})


def _notebook(part: pa.Table) -> pa.Table:
    """As published: of several spans only the first."""
    first = [spans[0] if spans else None for spans in part["hallucinated_spans"].to_pylist()]
    return (
        _renamed(
            part, anchor="question", human_positive="human_answer", synthetic_positive="answer"
        )
        .append_column(
            "hallucinated_span", pa.array([span and span["text"] for span in first], pa.string())
        )
        .append_column(
            "confidence", pa.array([span and span["confidence"] for span in first], pa.float64())
        )
    )
