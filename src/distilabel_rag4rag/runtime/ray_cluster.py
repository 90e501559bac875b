"""The Ray cluster that shards run on."""

import logging
import math
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray
from ray.exceptions import RayError

from distilabel_rag4rag.errors import ConfigError, describe

#: How long a cluster may take to accept a connection.
REACH_SECONDS = 10.0


@contextmanager
def connected(address: str | None) -> Iterator[None]:
    """A connection that lasts as long as the block, or the one that there is.

    Args:
        address: of a cluster that this machine is a node of; None is the environment's
            `RAY_ADDRESS`, else `"local"`, a cluster of this machine that ends with the block.

    Raises:
        ConfigError: if there is no such cluster.
    """
    if ray.is_initialized():
        yield
        return
    address = check_address(address)
    settings: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == "local":  # nothing that other machines could reach
        settings |= {"_node_ip_address": "127.0.0.1", "include_dashboard": False}
    try:
        ray.init(address=address, **settings)
    except (ConnectionError, RayError, ValueError) as error:
        raise _no_cluster(address, error) from error
    try:
        yield
    finally:
        ray.shutdown()


def check_address(address: str | None) -> str:
    """Tries to connect once; Ray itself tries for minutes, also to a cluster that has ended.

    Args:
        address: as for `connected`.

    Returns:
        "local", "auto" or HOST:PORT.

    Raises:
        ConfigError: if it is no address, or takes no connection.
    """
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    if address == "local" or ray.is_initialized():
        return address
    found = _address_of_auto() if address == "auto" else address
    if found is None:
        return "local"
    host, _, port = found.rpartition(":")
    if "/" in found or not host or not port.isdecimal():
        raise ConfigError("address", found, "'auto' or HOST:PORT, on a node of the cluster")
    try:
        socket.create_connection((host.strip("[]"), int(port)), REACH_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise _no_cluster(address if address == found else f"{address} ({found})", error) from error
    return address


def _address_of_auto() -> str | None:
    """What Ray takes "auto" for; None where the environment's `RAY_ADDRESS` is "local"."""
    from ray._private.services import canonicalize_bootstrap_address

    try:
        return canonicalize_bootstrap_address("auto")
    except (OSError, ValueError) as error:
        raise _no_cluster("auto", error) from error


def _no_cluster(address: str, error: Exception) -> ConfigError:
    return ConfigError(
        "address", address, "the address of a Ray cluster that runs", f"{describe(error)}."
    )


def slots(cpus: float, gpus: float) -> int:
    """How many shards that hold so much can run at the same time, on all the nodes."""
    return sum(
        int(min(_times(node, "CPU", cpus), _times(node, "GPU", gpus), 10_000)) for node in _alive()
    )


def check_resources(cpus: float, gpus: float) -> None:
    """Whether there is a node that has what a shard holds.

    Raises:
        ConfigError: if there is none; Ray would wait for one.
    """
    if slots(cpus, gpus):
        return
    most = {name: max((node.get(name, 0.0) for node in _alive()), default=0.0) for name in
            ("CPU", "GPU")}  # fmt: skip
    field, found, kind = ("gpus", gpus, "GPU") if gpus > most["GPU"] else ("cpus", cpus, "CPU")
    raise ConfigError(
        field,
        found,
        f"at most {most[kind]:g}, the most that a node of the cluster has",
        "One shard runs on one node, with all that it holds.",
    )


def _alive() -> list[dict[str, float]]:
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def _times(node: dict[str, float], name: str, wanted: float) -> float:
    return math.floor(node.get(name, 0.0) / wanted + 1e-9) if wanted else math.inf
