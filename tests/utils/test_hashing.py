"""What tells one state of settings, files and models from another."""

import os
import shutil
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from distilabel.models.embeddings.base import Embeddings

from distilabel_rag4rag import EmbeddedEmbeddings
from distilabel_rag4rag.utils import hashing
from distilabel_rag4rag.utils.hashing import file_states, hash_of
from distilabel_rag4rag.utils.identity import identity, with_files


class Encoder:
    """Something that a setting holds and JSON does not know."""


class FolderEmbeddings(Embeddings):
    """Settings of every kind."""

    checkpoint: str | Path = ""
    revision: str | None = None
    device: str | None = None
    cache_dir: str | None = None
    options: dict[str, Any] = {}

    model_name: ClassVar[str] = "folder"  # type: ignore[assignment]

    def encode(self, inputs: list[str]) -> list[list[float]]:  # type: ignore[override]
        """Not needed."""
        raise NotImplementedError


def test_the_hash_of_a_value_ignores_the_order_of_dicts_and_sets_alone() -> None:
    assert hash_of({"a": 1, "b": [1, 2]}) == hash_of({"b": [1, 2], "a": 1})
    assert hash_of([1, 2]) != hash_of([2, 1])
    assert hash_of({"b", "a", "c"}) == hash_of({"c", "a", "b"}) == hash_of(["a", "b", "c"])


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor])
def test_the_hash_of_an_array_is_that_of_all_its_values(kind: Any) -> None:
    values = np.zeros(10_000)  # str() shows three at each end
    before = hash_of(kind(values.copy()))
    assert hash_of(kind(values.copy())) == before
    values[5_000] = 1
    assert hash_of(kind(values)) != before


def test_the_hash_of_an_object_is_the_same_in_every_process() -> None:
    assert hash_of([Encoder(), Encoder, hash_of]) == hash_of([Encoder(), Encoder, hash_of])


def model_folder(path: Path) -> Path:
    (path / "1_Pooling").mkdir(parents=True)
    (path / "model.safetensors").write_bytes(b"abcd")
    (path / "1_Pooling" / "config.json").write_text("{}")
    (path / ".cache").mkdir()
    (path / ".cache" / "note").write_text("x")
    return path


def test_the_state_of_a_folder_is_the_content_of_its_files_at_any_depth(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "model")
    before = file_states(folder)
    assert before is not None
    assert [name for name, _ in before] == ["1_Pooling/config.json", "model.safetensors"]
    (folder / "1_Pooling" / "config.json").write_text("{ }")
    after = file_states(folder)
    assert after is not None
    assert [old == new for old, new in zip(before, after, strict=True)] == [False, True]


def test_bytes_count_and_times_do_not(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "model")
    weights = folder / "model.safetensors"
    before, stat = file_states(folder), weights.stat()
    os.utime(weights, ns=(0, 0))
    assert file_states(folder) == before
    assert file_states(Path(shutil.copytree(folder, tmp_path / "copy"))) == before
    weights.write_bytes(b"abce")
    os.utime(weights, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # as `cp -p` and `rsync -a` do
    assert file_states(folder) != before


def test_a_file_a_linked_folder_and_a_circle_of_links(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "model")
    [(name, _)] = file_states(folder / "model.safetensors") or []
    assert name == "model.safetensors"
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "dense.bin").write_bytes(b"1")
    (folder / "2_Dense").symlink_to(tmp_path / "shared")
    (folder / "again").symlink_to(folder)
    (folder / "gone.bin").symlink_to(tmp_path / "nowhere")
    before = file_states(folder)
    assert "2_Dense/dense.bin" in dict(before or [])
    (tmp_path / "shared" / "dense.bin").write_bytes(b"2")
    assert file_states(folder) != before


def test_a_folder_of_very_many_files_is_no_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = model_folder(tmp_path / "model")
    monkeypatch.setattr(hashing, "MOST_FILES", 1)
    assert file_states(folder) is None
    assert with_files(str(folder)) == str(folder)
    assert with_files("/") == "/"


def test_of_too_many_bytes_size_and_time_are_the_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = model_folder(tmp_path / "model")
    monkeypatch.setattr(hashing, "MOST_BYTES", 5)
    before = file_states(folder)
    assert dict(before or [])["model.safetensors"].startswith("4 ")
    (folder / "model.safetensors").write_bytes(b"abcde")
    assert file_states(folder) != before


@pytest.mark.parametrize("how", ["absolute", "relative", "bare name", "path", "home", "nested"])
def test_a_setting_that_names_files_stands_for_their_content(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = model_folder(tmp_path / "model")
    settings: dict[str, Any] = {
        "absolute": {"checkpoint": str(folder)},
        "relative": {"checkpoint": "./model"},
        "bare name": {"checkpoint": "model"},
        "path": {"checkpoint": folder},
        "home": {"checkpoint": "~/model"},
        "nested": {"options": {"adapters": [{"path": str(folder)}]}},
    }[how]
    before = identity(FolderEmbeddings(**settings))
    assert identity(FolderEmbeddings(**settings)) == before
    (folder / "1_Pooling" / "config.json").write_text("{ }")
    assert identity(FolderEmbeddings(**settings)) != before


def test_ignored_settings_and_folders_of_other_things_do_not_count(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "model")
    before = identity(FolderEmbeddings(cache_dir=str(folder)), {"device"})
    (folder / "model.safetensors").write_bytes(b"other")
    after = identity(FolderEmbeddings(cache_dir=str(folder), device="cuda:3"), {"device"})
    assert after == before


@pytest.mark.parametrize(
    "text",
    ["", "query: ", "a\0b", "a\nb", "x" * 5000, "/no/such/folder", "Yes.", "a--b", "ä/b", "a/b/c"],
)
def test_other_texts_are_themselves(text: str) -> None:
    assert with_files(text) == text


def test_a_model_of_the_hub_counts_with_its_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import file_download

    monkeypatch.setattr(file_download, "HF_HUB_CACHE", str(tmp_path), raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    repository = tmp_path / "models--org--retriever"
    (repository / "refs").mkdir(parents=True)
    for commit in ("a" * 40, "b" * 40):
        (repository / "snapshots" / commit).mkdir(parents=True)
        (repository / "snapshots" / commit / "config.json").write_text("{}")
    (repository / "refs" / "main").write_text("a" * 40)
    (repository / "refs" / "v2").write_text("b" * 40)
    make = FolderEmbeddings
    before = identity(make(checkpoint="org/retriever"))
    assert before["settings"]["checkpoint"] == ["org/retriever", "a" * 40]
    (repository / "refs" / "main").write_text("b" * 40)  # a push by another user was fetched
    assert identity(make(checkpoint="org/retriever")) != before
    by_branch = identity(make(checkpoint="org/retriever", revision="v2"))["settings"]
    assert by_branch["checkpoint"] == ["org/retriever", "b" * 40]
    assert with_files("org/other") == "org/other"


def test_weights_that_no_setting_names_count() -> None:
    weights = identity(EmbeddedEmbeddings())["weights"]
    assert "1_Pooling/config.json" in dict(weights["files"])
    assert "weights" not in identity(EmbeddedEmbeddings(model="other"))


class Ensemble(Embeddings):
    """Holds embedders, alone and in a list."""

    first: Embeddings
    others: list[Embeddings]

    model_name: ClassVar[str] = "ensemble"  # type: ignore[assignment]

    def encode(self, inputs: list[str]) -> list[list[float]]:  # type: ignore[override]
        """Not needed."""
        raise NotImplementedError


@pytest.mark.parametrize("place", ["first", "others"])
def test_models_inside_of_models_count(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their weights too, where no setting names them."""
    embedded, other = EmbeddedEmbeddings(), FolderEmbeddings()
    models = (embedded, [other]) if place == "first" else (other, [other, embedded])
    ensemble = Ensemble(first=models[0], others=models[1])
    before = identity(ensemble)
    assert identity(ensemble) == before
    monkeypatch.setattr(EmbeddedEmbeddings, "weights_source", "somewhere else")
    assert identity(ensemble) != before


def test_versions_are_those_of_all_that_a_class_is_built_from() -> None:
    assert identity(EmbeddedEmbeddings())["versions"] == {
        "distilabel_rag4rag": "0.1.0",
        "distilabel": "1.5.3",
    }
    versions = identity(FolderEmbeddings())["versions"]
    assert len(versions[f"{__name__}.FolderEmbeddings"]) == 64  # a hash of the code
