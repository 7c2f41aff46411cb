"""What the perturbations of actions share: their channel, the robot's action space, and its null action."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import PrivateAttr

from vlabench.perturbations.base import Perturbation
from vlabench.seeding import Draws
from vlabench.types import ActionSpace, Floats


class ActionPerturbation(Perturbation):
    """Changes what reaches the robot, and nothing that the policy gets."""

    _space: ActionSpace = PrivateAttr()

    @property
    def certain(self) -> bool:
        """No: a policy that asks for the null action again and again gets what it asks for."""
        return False

    def channels(self, cameras: Sequence[str]) -> frozenset[str]:
        return frozenset({"action"})

    def begin(self, rng: Draws, replan: int, cameras: Sequence[str], space: ActionSpace) -> None:
        self._space = space

    def null_like(self, action: Floats) -> Floats:
        """The null action, in which every episode starts, in an action's dtype."""
        return np.array(self._space.null, dtype=action.dtype)
