"""What is made of a source: arms, splits, types, notes."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset, DatasetDict
from distilabel.distiset import Distiset
from distilabel.errors import DistilabelUserError
from helpers.publish_runs import marked_rows, table

from distilabel_rag4rag.hub.configs import PRODUCTS, stable
from distilabel_rag4rag.hub.publication import Publication, collect

pytestmark = pytest.mark.slow

ARMS = ["gold_context", "rag4rag", "zero_shot"]


def sizes(publication: Publication, config: str) -> dict[str, int]:
    return {split: part.num_rows for split, part in publication.configs[config].splits.items()}


@pytest.mark.parametrize("passages", [1, 12])
def test_rows_of_a_comparison_in_a_dataset_keep_arms_table_and_formats(passages: int) -> None:
    rows = Dataset(table(marked_rows(passages)))
    for source in (rows, DatasetDict(train=rows), Distiset({"default": DatasetDict(train=rows)})):
        publication = collect(source)
        assert sorted(publication.arms) == ARMS
        assert set(publication.configs) == {*ARMS, *PRODUCTS} - {"notebook"}
        assert set(ARMS) <= set(publication.summary["arms"])
        assert publication.plots
        assert publication.by_document
        assert sum(sizes(publication, "rag4rag").values()) == 3 * passages


def ids(publication: Publication, config: str, column: str = "id") -> set[str]:
    parts = publication.configs[config].splits.values()
    return {key for part in parts for key in part[column].to_pylist()}


def test_questions_without_an_answer_are_paired_with_nothing() -> None:
    rows = marked_rows(12, arms=("zero_shot", "rag4rag"))
    kept = {r["id"] for r in rows if r["arm"] == "rag4rag" and r["keep_row_after_grounding"]}
    none = set(sorted(kept)[::3])
    for number, row in enumerate(rows):
        row["answerable"] = False if row["id"] in none else (None, True)[number % 2]
    publication = collect(Dataset(table(rows)))
    assert none < ids(publication, "rag4rag")  # the arm holds all its rows
    assert ids(publication, "kept") == kept - none
    asked = {f"q-{key}" for key in kept - none}
    assert ids(publication, "queries", "_id") == ids(publication, "qrels", "query-id") == asked
    questions = {row["question"] for row in rows if row["id"] in kept - none}
    assert (
        ids(publication, "pairs", "anchor")
        == ids(publication, "passage_pairs", "anchor")
        == questions
    )


def test_kept_rows_passed_every_check() -> None:
    rows = marked_rows(12, arms=("zero_shot", "rag4rag"))
    kept = {r["id"] for r in rows if r["arm"] == "rag4rag" and r["keep_row_after_grounding"]}
    first, second, *others = sorted(kept)
    passed = pa.array([{first: False, second: None}.get(row["id"], True) for row in rows])
    checked = table(rows).append_column("keep_row_after_round_trip", passed)
    assert ids(collect(Dataset(checked)), "kept") == set(others)


def test_rows_of_a_comparison_keep_their_own_splits() -> None:
    rows = Dataset(table(marked_rows(12)))
    publication = collect(DatasetDict(dev=rows.select(range(30)), test=rows.select(range(30, 108))))
    assert {split for arm in ARMS for split in sizes(publication, arm)} == {"dev", "test"}
    assert sum(sizes(publication, arm).get("dev", 0) for arm in ARMS) == 30
    assert not publication.by_document
    assert publication.notes == ["The splits are as they came, not made by document."]


def test_a_split_that_is_named_keeps_its_name() -> None:
    few = Dataset.from_list([{"question": f"{n}"} for n in range(5)])
    assert sizes(collect(DatasetDict(test=few)), "default") == {"test": 5}
    assert sizes(collect(DatasetDict(train=few)), "default") == {"train": 5}
    for name in ("my-split", "a b"):
        with pytest.raises(DistilabelUserError, match="found splits named"):
            collect(DatasetDict({name: few, "train": few}))


def test_configs_without_arms_say_so() -> None:
    publication = collect(Dataset(table(marked_rows(12))), ["pairs", "zero_shot"])
    assert publication.arms == ["zero_shot"]
    [note] = publication.notes
    assert note.startswith("Not published: the rows of ")
    assert set(note.removeprefix("Not published: the rows of ").rstrip(".").split(", ")) == {
        *("rag4rag", "gold_context")
    }


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (pa.null(), pa.string()),
        (pa.list_(pa.null()), pa.list_(pa.string())),
        (pa.struct([("a", pa.null())]), pa.struct([("a", pa.string())])),
    ],
)
def test_every_column_has_a_type(kind: Any, expected: Any) -> None:
    assert stable(pa.table({"a": pa.nulls(2, kind)})).schema.field("a").type == expected
    empty: list[Any] = [[], []] if pa.types.is_list(kind) else [None, None]
    assert stable(pa.table({"a": pa.array(empty, kind)}))["a"].to_pylist() == empty


def test_a_folder_of_build_is_refused_in_one_sentence(tmp_path: Path) -> None:
    pq.write_table(table(marked_rows(3)), tmp_path / "rows.parquet")
    (tmp_path / "export").mkdir()  # a comparison may be exported too
    assert collect(tmp_path).arms
    (tmp_path / "passages.parquet").touch()
    with pytest.raises(DistilabelUserError, match=r"a folder of build; expected a folder of compa"):
        collect(tmp_path)
