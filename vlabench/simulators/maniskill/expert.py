"""The scripted expert: what to do next, as one function of a world's current state."""

from __future__ import annotations

import numpy as np

from vlabench.simulators.maniskill.interface import SPACE
from vlabench.simulators.maniskill.world import World
from vlabench.types import Floats


def advise(world: World) -> tuple[Floats, Floats]:
    """The action [7], and three points [9] (m, relative to the hand): the object, the receptacle, the waypoint."""
    return np.array(SPACE.null), np.zeros(9)
