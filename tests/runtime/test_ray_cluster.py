"""Addresses of clusters that are none."""

import socket
import time
from pathlib import Path
from typing import Any

import pytest

from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.experiment.build_dataset import Build
from distilabel_rag4rag.experiment.build_settings import BuildSettings
from distilabel_rag4rag.experiment.experiment import Experiment
from distilabel_rag4rag.experiment.settings import Settings

ray = pytest.importorskip("ray")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("127.0.0.1:{closed}", "expected the address of a Ray cluster that runs. Connection"),
        ("[::1]:{closed}", "expected the address of a Ray cluster that runs."),
        ("127.0.0.1:99999", "expected the address of a Ray cluster that runs."),
        ("nonsense", "expected 'auto' or HOST:PORT, on a node of the cluster"),
        ("127.0.0.1:", "expected 'auto' or HOST:PORT, on a node of the cluster"),
        (":6379", "expected 'auto' or HOST:PORT, on a node of the cluster"),
        ("ray://127.0.0.1:10001", "expected 'auto' or HOST:PORT, on a node of the cluster"),
    ],
)
def test_an_address_where_no_cluster_is_shows_at_once(address: str, said: str) -> None:
    from distilabel_rag4rag.runtime.ray_cluster import connected

    with socket.socket() as unused:  # bound, and not listened on
        unused.bind(("127.0.0.1", 0))
        address = address.format(closed=unused.getsockname()[1])
        begin = time.monotonic()
        with pytest.raises(ConfigError) as mistake, connected(address):
            pass
    assert time.monotonic() - begin < 5
    assert str(mistake.value).startswith(f"address: found '{address}', {said}")
    assert not ray.is_initialized()


def test_auto_on_a_machine_whose_cluster_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`ray start` leaves a file behind; Ray itself tries its address for minutes."""
    from distilabel_rag4rag.runtime.ray_cluster import connected

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        (tmp_path / "ray").mkdir()
        (tmp_path / "ray" / "ray_current_cluster").write_text(f"127.0.0.1:{port}")
        begin = time.monotonic()
        with (
            pytest.raises(ConfigError, match=rf"address: found 'auto \(.*:{port}\)', expected the"),
            connected("auto"),
        ):
            pass
    assert time.monotonic() - begin < 5


def test_auto_on_a_machine_that_is_no_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from distilabel_rag4rag.runtime.ray_cluster import connected

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    with pytest.raises(ConfigError, match="Could not find any running Ray"), connected("auto"):
        pass


@pytest.mark.parametrize(
    ("experiment", "settings"),
    [(Experiment, Settings(ray="x")), (Build, BuildSettings(source="no documents", ray="x"))],
    ids=["compare", "build"],
)
def test_a_cluster_is_looked_for_before_anything_is_loaded(
    tmp_path: Path, experiment: Any, settings: Any
) -> None:
    with pytest.raises(ConfigError, match=r"expected 'auto' or HOST:PORT"):
        experiment(settings, tmp_path)
