"""What the perturbations of proprioception share: their channel, and numbers in metres and radians.

Both simulators' vectors hold nothing else: LIBERO's the hand's position (m) and axis-angle (rad) and the fingers (m),
ManiSkill's six joints (rad) and the fingers (m). So a parameter is in the vector's own units, one number for both: 0.01
is 1 cm of a position, 0.6° of an angle, and a quarter of the 4 cm that a finger of LIBERO's moves. Shares of a range
would need ranges that neither simulator has published. What a simulator tells those with privileges stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field, PrivateAttr

from vlabench.perturbations.base import Perturbation
from vlabench.seeding import Draws
from vlabench.types import ActionSpace, Observation

Felt = npt.NDArray[np.float32]


class ProprioPerturbation(Perturbation):
    """Changes what the policy is told of the robot's own state, and nothing else."""

    dimension: ClassVar[str] = "proprioception"

    def channels(self, cameras: Sequence[str]) -> frozenset[str]:
        return frozenset({"proprio"})

    def observation(self, obs: Observation, step: int, rng: Draws) -> Observation:
        felt = self.felt(obs.proprio[0], step, rng)
        return obs.replace(proprio=np.asarray(felt, dtype=obs.proprio.dtype)[np.newaxis])

    def felt(self, proprio: Felt, step: int, rng: Draws) -> Felt:
        """The vector [P] as the policy gets it at `step`, in a new array."""
        raise TypeError(f"{type(self).__name__} must say how it changes proprioception")


class GaussianProprio(ProprioPerturbation):
    """Adds Gaussian numbers, one for each of the vector's."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"sigma": 0.005}, 2: {"sigma": 0.01}, 3: {"sigma": 0.02}, 4: {"sigma": 0.05}, 5: {"sigma": 0.1}
    }
    paper: ClassVar[int | None] = 1

    sigma: float = Field(
        default=0.02, ge=0, le=1,
        description="Standard deviation, in metres and radians (Robust-Gymnasium: 0.005).")

    _by: list[float] = PrivateAttr(default_factory=list)

    @property
    def from_start(self) -> bool:
        return self.sigma > 0

    @property
    def certain(self) -> bool:
        return self.sigma > 0

    def begin(self, rng: Draws, replan: int, cameras: Sequence[str], space: ActionSpace) -> None:
        self._by = []

    def source(self, step: int, rng: Draws) -> np.random.Generator:
        """Where the numbers of a look come from."""
        raise TypeError(f"{type(self).__name__} must say how long a draw is held")

    def felt(self, proprio: Felt, step: int, rng: Draws) -> Felt:
        by = self.sigma * self.source(step, rng).standard_normal(len(proprio))
        self._by = by.round(5).tolist()
        return (proprio + by).astype(proprio.dtype)
