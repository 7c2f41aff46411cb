"""Trainings whose rollouts a Ray cluster plays: the weights of one machine, whether nodes share a disk or not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.nodes import free_port, from_outside, keepers, two_nodes
from tests.training.methods.test_online import RLOO, trained
from tests.training.methods.test_sft import TINY
from vlabench.episode import ray_parcels, ray_workers
from vlabench.episode.ray_parcels import Stamp
from vlabench.errors import OptionError
from vlabench.training import train as training

Card = Callable[..., str]
SHORT: dict[str, Any] = {**RLOO, "contexts": 2, "rollouts": 4, "iterations": 2}


def test_a_method_without_rollouts_needs_no_cluster(tmp_path: Path) -> None:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY.replace("STEPS", "6"))
    with pytest.raises(OptionError, match=r"--on ray: method 'sft', of policy 'tiny', plays no rollouts"):
        training.train(str(path), tmp_path / "out", device="cpu", on="ray")
    assert not (tmp_path / "out").exists()


@pytest.mark.long
@pytest.mark.filterwarnings("default")
def test_a_cluster_s_rollouts_teach_what_one_machine_s_do(card: Card, tmp_path: Path,
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    """By a disk that the nodes see, and as if they saw none of this machine's; then so from outside of the cluster."""
    path = card("rloo", **SHORT)
    truth = trained(path, tmp_path / "here").sha256
    port = free_port()
    with two_nodes(monkeypatch, port) as nodes:
        assert training.train(path, tmp_path / "there", device="cpu", on=nodes.address).sha256 == truth
        asked: list[Path] = []
        packed = ray_parcels.Parcel.of

        def watched(self: Any, folder: Path) -> object:
            asked.append(folder)
            return packed(self, folder)

        def strange(folder: Path) -> Stamp:
            return ((folder.name, 0, 0),)

        monkeypatch.setattr(ray_parcels.Parcel, "of", watched)
        assert training.train(path, tmp_path / "again", device="cpu", on=nodes.address).sha256 == truth
        assert not asked
        monkeypatch.setattr(ray_workers, "stamp", strange)  # here, not on nodes
        assert training.train(path, tmp_path / "sent", device="cpu", on=nodes.address).sha256 == truth
        assert {folder.name for folder in asked} == {"sampler-1", "sampler-2"}
        on = from_outside(nodes, port)
        assert training.train(path, tmp_path / "outside", device="cpu", on=on).sha256 == truth
    assert not keepers()
