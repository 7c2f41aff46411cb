"""The relay: who acts at which step."""

from __future__ import annotations

import numpy as np
import pytest

from vlabench.adapters.relay import Relay
from vlabench.adapters.still import Still
from vlabench.errors import OptionError, UnknownName
from vlabench.seeding import Draws
from vlabench.simulators.libero.interface import SPACE
from vlabench.types import Observation


def looked(step: int) -> Observation:
    return Observation.now(images={}, proprio=np.zeros((1, 8), np.float32), instruction=("go",), step=step)


def test_each_stage_acts_in_its_steps() -> None:
    relay = Relay([("still", 2), ("random", 5), ("still", 0)])
    still = Still()
    for policy in (relay, still):
        policy.configure(SPACE)
    relay.reset([0], [Draws((0, "toy/0", 0, "policy"))])
    null = still.act(looked(0)).actions[:, :1]
    moved = [not np.array_equal(relay.act(looked(step)).actions, null) for step in range(8)]
    assert moved == [False, False, True, True, True, False, False, False]
    assert relay.act(looked(3)).actions.shape == (1, 1, 7)


@pytest.mark.parametrize("stages", [[], [("still", 5), ("random", 5), ("still", 0)], [("still", 0), ("random", 9)]])
def test_stages_must_follow_each_other(stages: list[tuple[str, int]]) -> None:
    with pytest.raises(OptionError, match="growing steps"):
        Relay(stages)


def test_unknown_stage() -> None:
    with pytest.raises(UnknownName, match="did you mean 'still'"):
        Relay([("stil", 3), ("random", 0)])
