"""A Ray cluster of two nodes on this machine."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PLUGIN
from tests.places import ROOT, TESTS

FOUND = (ROOT, PLUGIN, TESTS / "toy" / "learning")
"""Where its workers find this package and the toys."""
SMALL = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "include_dashboard": False}


@contextlib.contextmanager
def two_nodes(monkeypatch: pytest.MonkeyPatch, client: int | None = None) -> Iterator[Any]:
    """The cluster, while the context lasts. client: the port of its server for Ray's clients, if it is to have one."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster as Nodes

    toys(monkeypatch)
    found = Nodes(initialize_head=True, head_node_args={**SMALL, "ray_client_server_port": client})
    try:
        found.add_node(**SMALL)
        yield found
    finally:
        found.shutdown()


def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes that start from now on have them."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (*FOUND, os.environ.get("PYTHONPATH", "")))))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")  # else a token is left in the user's home
    monkeypatch.setenv("TOY_MISCHIEF", '{"slow": 0.02}')


def free_port() -> int:
    """Where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def from_outside(nodes: Any, client: int) -> str:
    """The address for Ray's clients, once they are served."""
    address = nodes.head_node.node_ip_address
    until = time.monotonic() + 300
    while True:
        try:
            socket.create_connection((address, client), 1).close()
            return f"ray://{address}:{client}"
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def keepers() -> list[int]:
    """The processes of actors."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found += [int(path.parent.name)] if path.read_bytes().startswith(b"ray::Keeper") else []
    return found
