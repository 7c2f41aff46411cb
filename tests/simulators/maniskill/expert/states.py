"""States of worlds that there are not, for the expert's parts."""

from __future__ import annotations

from typing import Any

import numpy as np

from vlabench.simulators.maniskill.expert.geometry import corners, covered, downward
from vlabench.simulators.maniskill.expert.state import TABLE, State, Thing
from vlabench.types import Floats


def block(half: tuple[float, float, float], at: tuple[float, float], yaw: float = 0.0) -> Thing:
    """A box that stands on the table."""
    c, s = np.cos(yaw), np.sin(yaw)
    turn = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    return thing(covered(corners("box", np.array(half))) @ turn.T, at)


def thing(points: Floats, at: tuple[float, float]) -> Thing:
    """What has these points about its middle, on the table."""
    middle = np.array([*at, TABLE - points[:, 2].min()])
    return Thing(points + middle, middle, middle, np.zeros(2))


PLATE = block((0.05, 0.05, 0.003), (0.3, -0.2))


def state(object_: Thing, receptacle: Thing = PLATE, **more: Any) -> State:
    """The hand high above, open, its target where it is."""
    hand, turn = np.array([0.29, 0.0, 0.13]), downward(0.0)
    known: dict[str, Any] = {
        "aimed": hand, "aimed_turn": turn, "hand": hand, "turn": turn, "opening": 0.037, "moving": 0.0,
        "closing": False, "touched": np.zeros(2), "gripped": False, "pressed": 0.0, "reach": 0.065}
    return State(object_, receptacle, (), **(known | more))
