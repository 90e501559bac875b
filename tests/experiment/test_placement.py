"""Where an experiment's pipelines run; shards themselves are tested in test_ray_shards.py."""

from pathlib import Path

import pytest

from distilabel_rag4rag import FailFastPipeline
from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.experiment import placement
from distilabel_rag4rag.experiment.placement import Placement
from distilabel_rag4rag.experiment.settings import Settings


def test_on_this_machine(tmp_path: Path) -> None:
    pipeline = FailFastPipeline("here")
    placed = Placement(Settings(), tmp_path)
    with placed.connected():
        assert placed.of(pipeline) is pipeline


def test_in_shards(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    settings = Settings(ray="auto", shards=8, shard_cpus=2, shard_gpus=0.5)
    pipeline = FailFastPipeline("there", max_failed=0.5, on_progress=print)
    run = Placement(settings, tmp_path).of(pipeline)
    assert (run.address, run.shards, run.cpus, run.gpus) == ("auto", 8, 2, 0.5)
    assert (run.out, run.max_failed, run.on_progress) == (tmp_path / "shards", 0.5, print)
    assert run.dag is pipeline.dag
    assert Placement(Settings(ray="auto"), tmp_path).of(pipeline).shards == "auto"


@pytest.mark.parametrize("setting", [{"shards": 3}, {"shard_cpus": 2}, {"shard_gpus": 0.5}])
def test_shards_without_a_cluster_are_a_mistake(tmp_path: Path, setting: dict[str, float]) -> None:
    [field] = setting
    with pytest.raises(ConfigError, match=rf"{field}: found .* Give `ray` as well\."):
        Placement(Settings.model_validate(setting), tmp_path)


def test_ray_must_be_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placement, "find_spec", lambda name: None)
    with pytest.raises(
        ConfigError, match=r"expected Ray, which is not installed\. Install it: pip"
    ):
        Placement(Settings(ray="auto"), tmp_path)


def test_without_the_cache_nothing_finished_is_used(tmp_path: Path) -> None:
    ray = pytest.importorskip("ray")
    (tmp_path / "shards" / "old").mkdir(parents=True)
    settings = Settings(ray="ray://127.0.0.1:1", cache=False)
    with (
        pytest.raises(ConfigError, match="'auto' or HOST:PORT"),
        Placement(settings, tmp_path).connected(),
    ):
        pass
    assert not (tmp_path / "shards").exists()
    assert not ray.is_initialized()
