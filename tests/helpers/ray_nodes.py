"""A Ray cluster of two nodes of one CPU on this machine, which listens on loopback alone."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

LOOPBACK = "127.0.0.1"
# A Ray that is told so takes this address for that of the machine, and listens nowhere else.
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"


@contextmanager
def ray_nodes() -> Iterator[Any]:
    """A `ray.cluster_utils.Cluster`; the second node has caches of its own, in `other_cache`.

    The folder has a short name, since paths of sockets may be 107 characters long.
    """
    folder = Path(tempfile.mkdtemp(prefix="ray", dir="/tmp"))
    before = dict(os.environ)
    os.environ |= {
        "RAY_AUTH_MODE": "disabled",  # on loopback alone
        "RAY_AUTH_TOKEN_PATH": str(folder / "token"),
        "RAY_TMPDIR": str(folder),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_DISABLE_IMPORT_WARNING": "1",
    }
    try:
        from ray._private import ray_constants
        from ray.cluster_utils import Cluster

        ray_constants.ENABLE_RAY_CLUSTER = False  # where Ray was imported before

        cluster: Any = Cluster(
            initialize_head=True,
            head_node_args={
                "node_ip_address": LOOPBACK,
                "include_dashboard": False,
                "include_log_monitor": False,
                "env_vars": {"RAG4RAG_CACHE": str(folder / "first")},
            },
        )
        cluster.other_cache = folder / "other"
        try:
            add_second(cluster)
            yield cluster
        finally:
            cluster.shutdown()
    finally:
        os.environ.clear()
        os.environ |= before
        shutil.rmtree(folder, ignore_errors=True)


def connect(address: str) -> None:
    """Make this process a driver on the first node."""
    import ray

    ray.init(address=address, log_to_driver=False, logging_level="ERROR")


def add_second(cluster: Any) -> Any:
    """Add the second node, which has none of the driver's folders."""
    caches = {
        "RAG4RAG_CACHE": str(cluster.other_cache),
        "DISTILABEL_CACHE_DIR": str(cluster.other_cache / "distilabel"),
        "HF_HOME": str(cluster.other_cache / "hub"),
    }
    return cluster.add_node(node_ip_address=LOOPBACK, env_vars=caches)


def addresses_listened_on() -> set[str]:
    """Those of all the processes that this one has started."""
    mine = psutil.Process().children(recursive=True)
    found: set[str] = set()
    for process in mine:
        try:
            connections = process.net_connections(kind="inet")
        except psutil.Error:
            continue
        found |= {
            c.laddr.ip.removeprefix("::ffff:")
            for c in connections
            if c.status == psutil.CONN_LISTEN
        }
    return found


def workers() -> list[psutil.Process]:
    """The processes of shards that run, and those of their steps."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if any("ray::run_shard" in part for part in process.info["cmdline"] or ()):
            found.append(process)
    return found
