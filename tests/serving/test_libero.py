"""The compact policy on LIBERO by way of each protocol: the same episodes as in process, in minutes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from vlabench import cards
from vlabench.adapters.base import Actor
from vlabench.cards.policy import PolicyCard
from vlabench.episode.player import EpisodePlayer, Finished, Job
from vlabench.serving.serve import PROTOCOLS, serving
from vlabench.simulators.base import find_simulator
from vlabench.types import EpisodeSpec

pytestmark = pytest.mark.long
TASKS, EPISODES, STEPS = 4, 4, 26


def played(card: PolicyCard, replan: int) -> list[tuple[str, int, str]]:
    """Status, steps and state of every episode, cut off early."""
    actor = Actor(card.make, ("agentview", "wrist"), 128, replan)
    player = EpisodePlayer(Job("libero", "primitive", actor, {"clean": {}}))
    found: list[tuple[str, int, str]] = []
    for task in find_simulator("libero")("primitive").tasks("libero_spatial")[:TASKS]:
        for index in range(EPISODES):
            spec = EpisodeSpec(dataclasses.replace(task, step_limit=STEPS), "clean", index)
            (end,) = player.play((spec,))
            assert isinstance(end, Finished), end
            found.append((end.played.status, end.played.steps, end.played.state))
    player.close_scene()
    player.policy.close()
    return found


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_nano_is_nano_by_whatever_is_spoken(protocol: str, tmp_path: Path) -> None:
    """The clients' card is the protocol's own, with pictures of the policy's size, whole and not through JPEG;
    OpenVLA's gets a second picture and the state.
    """
    nano, preset = cards.load_policy("nano-sft"), cards.load_policy(PROTOCOLS[protocol].clients)
    options = preset.resolved_options
    sends: dict[str, Any] = {**options["sends"], "size": 128, "jpeg": False, "crop": 1.0}
    if protocol == "openvla":
        sends |= {"pictures": {"agentview": "image", "wrist": "wrist"},
                  "state": {"state": ["position", "axis_angle", "fingers"]}}
    path = tmp_path / "clients.toml"
    asking = PolicyCard.model_validate({
        **preset.model_dump(), "name": "clients", "path": path, "cameras": ("agentview", "wrist"), "image_size": 128,
        "options": {**options, "url": "", "sends": sends}})
    cards.write_policy(asking)
    single = {"vla-eval": (8, 1), "openvla": (1, 1)}
    replan, theirs = single.get(protocol, (8, 8))
    with serving("nano-sft", protocol, clients=str(path), port=0) as served:
        client = asking.known_as("clients", {**asking.options, "url": served.url})
        found = played(client, theirs)
        assert not served.service.tally.errors
    assert found == played(nano, replan) and len({state for _, _, state in found}) == TASKS * EPISODES
