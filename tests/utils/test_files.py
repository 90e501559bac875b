"""Files written whole or not at all, and errors of settings."""

import os
from pathlib import Path

import pyarrow as pa
import pytest

from distilabel_rag4rag.data.run_folder import RunFolder
from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.utils.atomic import write_whole


def test_a_file_is_replaced_only_when_the_block_ends_well(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.txt"
    with write_whole(path) as part:
        part.write_text("one")
    with pytest.raises(ZeroDivisionError), write_whole(path) as part:
        part.write_text(str(1 / (part.write_text("two") - 3)))
    assert path.read_text() == "one"
    assert os.listdir(path.parent) == ["file.txt"]


def test_a_run_folder_gives_back_what_was_written(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    assert (folder.has_rows, folder.files, folder.summary(), folder.run()) == (False, [], {}, {})
    paths = folder.write(pa.table({"id": ["a"]}), {"arms": {}}, {"seconds": 1.5})
    assert [path.name for path in paths] == ["rows.parquet", "summary.json", "run.json"]
    assert folder.rows().to_pylist() == [{"id": "a"}]
    assert (folder.summary(), folder.run()) == ({"arms": {}}, {"seconds": 1.5})


@pytest.mark.parametrize(("text", "what"), [("{", "not JSON"), ("[1]", "not list")])
def test_a_broken_file_of_a_run_is_named(tmp_path: Path, text: str, what: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(ConfigError, match=rf"run\.json.*{what}"):
        RunFolder(tmp_path).run()


def test_the_error_of_a_setting_names_it_as_its_reader_does() -> None:
    error = ConfigError("max_failed", 2, "a share from 0 to 1", "0.5 lets half of the rows fail.")
    assert str(error) == (
        "max_failed: found 2, expected a share from 0 to 1. 0.5 lets half of the rows fail."
    )
    assert error.text_for("--max-failed").startswith("--max-failed: found 2")
    assert str(ConfigError(None, "x", "y")) == "Found 'x', expected y."
