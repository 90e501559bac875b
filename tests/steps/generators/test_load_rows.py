"""LoadRows: what load_rows reads, as a pipeline's first step."""

import json
from pathlib import Path

import pytest
from datasets import Dataset, DatasetDict
from distilabel.distiset import Distiset

from distilabel_rag4rag import LoadRows, load_rows

ROW = {"question": "Who?", "context": "Ena Kell did.", "human_answer": "Ena Kell"}


def test_batches_hold_all_rows_in_order_and_the_last_says_so() -> None:
    load = LoadRows(limit=7, batch_size=3)
    load.load()
    batches = list(load.process())
    assert [len(rows) for rows, _ in batches] == [3, 3, 1]
    assert [last for _, last in batches] == [False, False, True]
    assert [row for rows, _ in batches for row in rows] == load_rows(limit=7).to_list()
    assert [len(rows) for rows, _ in load.process(offset=5)] == [2]


@pytest.mark.parametrize("kind", ["path", "list", "dataset"])
def test_sources_of_every_kind_survive_a_dump(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(ROW) + "\n")
    source = {"path": path, "list": [ROW], "dataset": Dataset.from_list([ROW])}[kind]
    load = LoadRows.from_dict(json.loads(json.dumps(LoadRows(source=source).dump())))
    load.load()
    [(rows, last)] = list(load.process())
    assert last
    assert {name: rows[0][name] for name in ROW} == ROW
    load.unload()
    load.load()
    assert [rows for rows, _ in load.process()] == [rows]


def test_what_a_pipeline_saved_is_read_back(tmp_path: Path) -> None:
    saved = Distiset({"default": DatasetDict(train=Dataset.from_list([ROW]))})
    saved.save_to_disk(str(tmp_path / "one"))
    [row] = load_rows(tmp_path / "one").to_list()
    assert {name: row[name] for name in ROW} == ROW
    for config in ("a", "b"):
        DatasetDict(train=Dataset.from_list([ROW])).save_to_disk(str(tmp_path / "two" / config))
    with pytest.raises(ValueError, match=r"several datasets: name one of .*a, .*b"):
        load_rows(tmp_path / "two")


def test_an_empty_source_is_an_error_on_load(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(ValueError, match=r"empty\.jsonl"):
        LoadRows(source=tmp_path / "empty.jsonl").load()
