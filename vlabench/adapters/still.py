"""The other lower line: a robot that does nothing; what it solves was solved by the start state."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vlabench.adapters.base import Policy
from vlabench.seeding import Draws
from vlabench.types import Decision, Observation


class Still(Policy):
    """The null action, `chunk` times: no motion in any of `dimensions` − 1 dimensions, the last one at `gripper`.

    The default gripper value −1 keeps LIBERO's hand open, as its published settling steps do.
    """

    def __init__(self, chunk: int = 8, dimensions: int = 7, gripper: float = -1.0) -> None:
        self._actions = np.zeros((chunk, dimensions))
        self._actions[:, -1] = gripper

    def reset(self, slots: Sequence[int], draws: Sequence[Draws]) -> None:
        """Nothing to forget."""

    def act(self, obs: Observation) -> Decision:
        """Float64 [B, chunk, dimensions]."""
        return Decision(np.repeat(self._actions[None], len(obs.instruction), axis=0))
