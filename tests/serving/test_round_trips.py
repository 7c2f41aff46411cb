"""Episodes by way of a server end as those of the same policy in process, whatever is spoken."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.serving.offices import SENDS, served
from tests.toy.toy import Seeker
from vlabench.adapters.base import Actor, Policy
from vlabench.adapters.groot import Groot
from vlabench.adapters.openpi import Openpi
from vlabench.adapters.openvla_oft_rest import OpenvlaOftRest
from vlabench.adapters.openvla_rest import OpenvlaRest
from vlabench.adapters.vla_eval import VlaEval
from vlabench.episode.player import EpisodePlayer, Finished, Job
from vlabench.serving.groot import GrootDoor
from vlabench.serving.rest import RestDoor
from vlabench.serving.websocket import OpenpiDoor, VlaEvalDoor
from vlabench.simulators.base import find_simulator
from vlabench.types import EpisodeSpec

pytestmark = pytest.mark.usefixtures("toy_plugin")
EPISODES, REPLAN = 18, 3
KEYS = ["action.right", "action.down", "action.nothing"]
FLAT: dict[str, Any] = {"pictures": {"top": "video.top"}, "size": 16, "state": {"state.point": ["proprio"]},
                        "instruction": "annotation.task"}


def played(make: Callable[[], Policy], replan: int) -> list[tuple[str, int, str]]:
    """Status, steps and state of every episode."""
    player = EpisodePlayer(Job("toy", "plain", Actor(make, ("top",), 16, replan), {"clean": {}}))
    tasks = [dataclasses.replace(task, step_limit=5) for task in find_simulator("toy")("plain").tasks("toy_points")]
    ends = [player.play((EpisodeSpec(tasks[number % 3], "clean", number // 3),))[0] for number in range(EPISODES)]
    player.policy.close()
    assert all(isinstance(end, Finished) for end in ends), ends
    return [(end.played.status, end.played.steps, end.played.state) for end in ends if isinstance(end, Finished)]


class Jittery(Seeker):
    """Seeks with a tremble that is a matter of what it sees alone, and never the same twice."""

    def __init__(self) -> None:
        super().__init__(chunk=4)

    def act(self, obs: Any) -> Any:
        decision = super().act(obs)
        tremble = (obs.proprio[:, None, :1] * 1e4) % 1 - 0.5
        return dataclasses.replace(decision, actions=decision.actions + 0.3 * tremble)


@pytest.mark.parametrize(("door", "client", "sends", "extra", "mine", "theirs"), [
    (OpenpiDoor, Openpi, SENDS, {}, REPLAN, REPLAN),
    (VlaEvalDoor, VlaEval, {**SENDS, "instruction": "task_description"}, {}, REPLAN, 1),
    (RestDoor, OpenvlaRest, SENDS, {}, 1, 1),
    (RestDoor, partial(OpenvlaRest, encoded=True), SENDS, {}, 1, 1),
    (partial(RestDoor, chunks=True), OpenvlaOftRest, SENDS, {}, REPLAN, REPLAN),
    (GrootDoor, Groot, FLAT, {"layout": "wrapped", "actions": KEYS}, REPLAN, REPLAN),
    (GrootDoor, Groot, FLAT, {"layout": "nested", "actions": KEYS}, REPLAN, REPLAN),
    (GrootDoor, Groot, FLAT, {"layout": "n1.5", "actions": KEYS}, REPLAN, REPLAN),
], ids=["openpi", "vla-eval", "openvla", "openvla-encoded", "openvla-oft", "groot", "groot-nested", "groot-n1.5"])
def test_episodes_end_as_in_process(door: Any, client: Any, sends: Any, extra: Any, mine: int, theirs: int) -> None:
    """Without losses: pictures have their size, and none goes through JPEG."""
    if door in (OpenpiDoor, VlaEvalDoor):
        pytest.importorskip("websockets")
    if door is GrootDoor:
        pytest.importorskip("zmq")
    expected = played(Jittery, mine)
    with served(door, Jittery, sends=sends, replan=mine, **extra) as (url, service):
        found = played(partial(client, url, sends=sends, **extra), theirs)
        assert service.tally.looks >= EPISODES and not service.tally.errors
    assert found == expected and len({state for _, _, state in found}) == EPISODES
    assert {status for status, _, _ in found} == {"success", "failure"}


@pytest.mark.parametrize(("door", "client", "kind"), [(OpenpiDoor, Openpi, "websockets"), (VlaEvalDoor, VlaEval,
                                                                                          "websockets")])
def test_samples_come_of_the_seed_and_the_look_alone(door: Any, client: Any, kind: str) -> None:
    pytest.importorskip(kind)

    def ends(seed: int, others: int = 0) -> list[Any]:
        sends = {**SENDS, "instruction": "task_description"}
        with served(door, partial(Seeker, noise=0.5), sends=sends, seed=seed, replan=REPLAN) as (url, service):
            for _ in range(others):
                played(partial(client, url, sends=sends), REPLAN if client is Openpi else 1)
            return played(partial(client, url, sends=sends), REPLAN if client is Openpi else 1)

    first = ends(0)
    assert ends(0, others=1) == first != ends(1)
