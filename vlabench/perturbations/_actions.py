"""What the perturbations of actions share: their channel, and the action of a robot that has been told nothing yet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vlabench.perturbations.base import Perturbation
from vlabench.types import Floats

OPEN = -1.0
"""The gripper's value, an action's last number, at which it opens; +1 closes."""


def null_like(action: Floats) -> Floats:
    """No motion with the gripper open, the state in which every episode starts; in an action's shape and dtype."""
    null = np.zeros_like(action)
    null[-1] = OPEN
    return null


class ActionPerturbation(Perturbation):
    """Changes what reaches the robot, and nothing that the policy gets."""

    @property
    def certain(self) -> bool:
        """No: a policy that asks for the null action again and again gets what it asks for."""
        return False

    def channels(self, cameras: Sequence[str]) -> frozenset[str]:
        return frozenset({"action"})
