"""A Ray cluster of two nodes on this machine."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PLUGIN
from tests.places import ROOT, TESTS

FOUND = (ROOT, PLUGIN, TESTS / "toy" / "learning")
"""Where its workers find this package and the toys."""
PORTS = ("metrics_agent_port", "metrics_export_port", "runtime_env_agent_port", "dashboard_agent_listen_port")
PATIENCE = 300
"""Seconds that a node may take to start, where Ray gives it 30: the machine may be busy."""
EASY = {"enable_worker_prestart": "0", "prestart_worker_first_driver": "0",  # which nobody would use
        "agent_register_timeout_ms": str(1000 * PATIENCE), "worker_register_timeout_seconds": str(PATIENCE),
        "raylet_start_wait_time_s": str(PATIENCE)}


@contextlib.contextmanager
def two_nodes(monkeypatch: pytest.MonkeyPatch, client: int | None = None) -> Iterator[Any]:
    """The cluster, while the context lasts. client: the port of its server for clients."""
    pytest.importorskip("ray")
    from ray._private import services
    from ray.cluster_utils import Cluster as Nodes

    monkeypatch.setattr(services, "get_node", _patient(services.get_node))
    for name, value in EASY.items():
        monkeypatch.setenv(f"RAY_{name}", value)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (*FOUND, os.environ.get("PYTHONPATH", "")))))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("TOY_MISCHIEF", '{"slow": 0.02}')
    found = Nodes(initialize_head=True, head_node_args={**small(), "ray_client_server_port": client})
    try:
        found.add_node(**small())
        yield found
    finally:
        found.shutdown()


def small() -> dict[str, Any]:
    """A node of one CPU. Where its ports are known it does not wait for those who will listen there."""
    return {"num_cpus": 1, "object_store_memory": 80 * 2**20, "include_dashboard": False,
            **{name: free_port() for name in PORTS}}


def _patient(get: Callable[..., Any]) -> Callable[..., Any]:
    def patient(*of: Any) -> Any:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                return get(*of)
            except RuntimeError:  # Ray knows no such node yet
                if time.monotonic() > until:
                    raise
                time.sleep(1)

    return patient


def free_port() -> int:
    """Where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def keepers() -> list[int]:
    """The processes of actors."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found += [int(path.parent.name)] if path.read_bytes().startswith(b"ray::Keeper") else []
    return found
