"""Lower baseline: a robot that does nothing; what it solves was solved by the start state."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from vlabench.adapters._space import check_dimensions
from vlabench.adapters.base import Policy
from vlabench.types import ActionSpace, Decision, Observation


class Still(Policy):
    """The robot's null action, `chunk` times."""

    def __init__(
        self,
        chunk: Annotated[int, Field(description="Actions per decision.")] = 8,
        dimensions: Annotated[int | None, Field(
            description="Numbers that the robot's actions must have; by default any.")] = None,
        gripper: Annotated[float | None, Field(
            description="Value that its gripper gets; by default that of the null action.")] = None,
    ) -> None:
        self._chunk, self._dimensions, self._gripper = chunk, dimensions, gripper

    def configure(self, space: ActionSpace) -> None:
        check_dimensions(self._dimensions, space)
        super().configure(space)
        self._actions = np.tile(np.array(space.null), (self._chunk, 1))
        if self._gripper is not None and space.gripper is not None:
            self._actions[:, space.gripper] = self._gripper

    def act(self, obs: Observation) -> Decision:
        """Float64 [B, chunk, D]."""
        return Decision(np.repeat(self._actions[None], len(obs.instruction), axis=0))
