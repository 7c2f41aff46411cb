"""action_noise: Gaussian noise on every action that the robot executes.

RobustVLA, section 5.1: "zero-mean Gaussian noise to the inferred actions", noise levels 0.1, 0.2 and 0.3 (table 2), 0.1
together with rotation (table 3), 0.15 in the transfer test (section 5.2). A reconstruction: the level is read as the
standard deviation in units of the action space (LIBERO's are 1, and its space [−1, 1]), drawn anew at every step and
dimension, the gripper included, and the sum is clipped to that space. Settle steps before the episode get none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from vlabench.perturbations._actions import ActionPerturbation
from vlabench.seeding import Draws
from vlabench.types import Floats


class ActionNoise(ActionPerturbation):
    """Gaussian noise on actions."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"sigma": 0.05}, 2: {"sigma": 0.1}, 3: {"sigma": 0.15}, 4: {"sigma": 0.2}, 5: {"sigma": 0.3}
    }
    paper: ClassVar[int | None] = 2
    also_published: ClassVar[Sequence[int]] = (4, 5)
    dimension: ClassVar[str] = "action"

    sigma: float = Field(
        default=0.1, ge=0, le=2,
        description="Standard deviation in units of the action space (RobustVLA, table 2: 0.1, 0.2 and 0.3).")
    clip: bool = Field(
        default=True, description="Whether the noisy action is clipped to the bounds of the action space.")
    gripper: bool = Field(
        default=True, description="Whether the gripper's dimension gets noise, too.")

    @property
    def from_start(self) -> bool:
        return self.sigma > 0

    @property
    def certain(self) -> bool:
        return self.sigma > 0

    def action(self, action: Floats, step: int, rng: Draws) -> Floats:
        space = self._space
        noise = self.sigma * rng.at(step).standard_normal((len(action),)) * np.array(space.unit)
        if not self.gripper and space.gripper is not None:
            noise[space.gripper] = 0.0
        noisy: Floats = action + noise
        if self.clip:
            noisy = np.clip(noisy, space.low, space.high)
        return noisy.astype(action.dtype)

    def realised(self) -> dict[str, Any]:
        return {"sigma": self.sigma}
