"""Train, validation and test by document: no passage stands in two of them."""

import hashlib
from collections.abc import Hashable, Sequence

import pyarrow as pa

SPLITS = ("train", "validation", "test")

#: The share of the rows from which on validation, and test, are full.
HELD_OUT = 0.1

#: A document with more of the rows than this is trained on: it would be most of a test set.
TOO_LARGE = 0.3


def split_rows(tables: Sequence[pa.Table]) -> list[list[str]]:
    """The split of each row of each table.

    Rows with the same `title`, `passage_id` or `context` belong together, also over several
    tables and by way of other rows. Documents are taken in the order of a hash of their name:
    the first fill test, the next validation, the rest is train; so the same rows get the same
    splits in any order. Rows without a document are train.
    """
    groups = _Groups()
    for table in tables:
        for keys in _keys(table):
            groups.join(keys)
    rows = [[groups.name(keys[0]) if keys else None for keys in _keys(table)] for table in tables]
    # Counted by question, as the arms repeat the rows.
    sizes: dict[str, int] = {}
    for found in rows:
        for name in found:
            if name is not None:
                sizes[name] = sizes.get(name, 0) + 1
    split = _fill(sizes)
    return [[split.get(name or "", "train") for name in found] for found in rows]


def _fill(sizes: dict[str, int]) -> dict[str, str]:
    total = sum(sizes.values())
    left = sorted(
        (name for name, size in sizes.items() if size <= TOO_LARGE * total),
        key=lambda name: hashlib.sha256(name.encode()).hexdigest(),
    )
    split = dict.fromkeys(sizes, "train")
    for held_out in ("test", "validation"):
        taken = 0
        while left and taken < HELD_OUT * total:
            name = left.pop(0)
            split[name] = held_out
            taken += sizes[name]
    return split


def _keys(table: pa.Table) -> list[list[Hashable]]:
    """What ties each row to its document."""
    found: list[list[Hashable]] = [[] for _ in range(table.num_rows)]
    for column in ("title", "passage_id", "context"):
        if column in table.column_names:
            for keys, value in zip(found, table[column].to_pylist(), strict=True):
                if value is not None and str(value).strip():
                    keys.append((column, " ".join(str(value).split())))
    return found


class _Groups:
    """Union-find; a group's name is the smallest of its keys."""

    def __init__(self) -> None:
        self._parent: dict[Hashable, Hashable] = {}

    def join(self, keys: list[Hashable]) -> None:
        roots = sorted((self._root(key) for key in keys), key=repr)
        for root in roots[1:]:
            self._parent[root] = roots[0]

    def name(self, key: Hashable) -> str:
        return repr(self._root(key))

    def _root(self, key: Hashable) -> Hashable:
        self._parent.setdefault(key, key)
        while self._parent[key] != key:
            self._parent[key] = key = self._parent[self._parent[key]]
        return key
