"""Train, validation and test by document: no passage stands in two of them."""

import hashlib
from collections.abc import Hashable, Sequence
from typing import Any

import pyarrow as pa

from distilabel_rag4rag.utils.text import is_missing

TRAIN, VALIDATION, TEST = SPLITS = ("train", "validation", "test")

#: The share of the rows from which on validation, and test, are full.
HELD_OUT = 0.1

#: A document with more of the rows than this is trained on: it would be most of a test set.
TOO_LARGE = 0.3

#: The columns by which rows belong together.
DOCUMENT_COLUMNS = ("title", "passage_id", "context")


def split_rows(
    tables: Sequence[pa.Table], columns: Sequence[str] = DOCUMENT_COLUMNS
) -> list[list[str]]:
    """The split of each row of each table.

    Rows with the same value in one of the columns, by default the same `title`, `passage_id` or
    `context`, belong together, also over several tables and by way of other rows. Documents are
    taken in the order of a hash of their name: the first fill test, the next validation, the rest
    is train; so the same rows get the same splits in any order. Rows without a document are train.
    """
    keys = [_keys(table, columns) for table in tables]
    documents = _documents([found for table in keys for found in table])
    rows = [[documents[found[0]] if found else None for found in table] for table in keys]
    sizes: dict[str, int] = {}
    for table in rows:
        for name in table:
            if name is not None:
                sizes[name] = sizes.get(name, 0) + 1
    splits = _fill(sizes)
    return [[TRAIN if name is None else splits[name] for name in table] for table in rows]


def _fill(sizes: dict[str, int]) -> dict[str, str]:
    total = sum(sizes.values())
    left = sorted(
        (name for name, size in sizes.items() if size <= TOO_LARGE * total),
        key=lambda name: hashlib.sha256(name.encode()).hexdigest(),
    )
    splits = dict.fromkeys(sizes, TRAIN)
    for held_out in (TEST, VALIDATION):
        taken = 0
        while left and taken < HELD_OUT * total:
            name = left.pop(0)
            splits[name] = held_out
            taken += sizes[name]
    return splits


def _keys(table: pa.Table, columns: Sequence[str]) -> list[list[Hashable]]:
    """What ties each row to its document."""
    found: list[list[Hashable]] = [[] for _ in range(table.num_rows)]
    for column in columns:
        if column in table.column_names:
            for keys, value in zip(found, table[column].to_pylist(), strict=True):
                if text := _normalised(value):
                    keys.append((column, text))
    return found


def _normalised(value: Any) -> str:
    return "" if is_missing(value) else " ".join(str(value).split())


def _documents(rows: Sequence[Sequence[Hashable]]) -> dict[Hashable, str]:
    """The document of each key; it goes by the first of its keys."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    names = sorted({key for keys in rows for key in keys}, key=repr)
    place = {key: number for number, key in enumerate(names)}
    ties = [(place[keys[0]], place[key]) for keys in rows for key in keys[1:]]
    ends = tuple(zip(*ties, strict=True)) if ties else ((), ())
    graph = coo_array(([1] * len(ties), ends), shape=(len(names), len(names)))
    labels = connected_components(graph, directed=False)[1].tolist() if names else []
    first: dict[int, str] = {}
    for key, label in zip(names, labels, strict=True):
        first.setdefault(label, repr(key))
    return {key: first[label] for key, label in zip(names, labels, strict=True)}
