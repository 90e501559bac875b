"""Addresses of clusters that are none."""

import socket
import time

import pytest

from distilabel_rag4rag.errors import ConfigError

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
