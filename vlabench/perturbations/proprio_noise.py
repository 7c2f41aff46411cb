"""proprio_noise: what the policy is told of the robot's own state is disturbed by Gaussian noise, new at every look.

Robust-Gymnasium disturbs observed states so; its default is σ = 0.005, severity 1 here (5 mm of a position, 0.3° of an
angle). In metres and radians, each number for itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from vlabench.perturbations._proprio import GaussianProprio
from vlabench.seeding import Draws


class ProprioNoise(GaussianProprio):
    """Noise on proprioception."""

    def source(self, step: int, rng: Draws) -> np.random.Generator:
        return rng.at(step)

    def realised(self) -> dict[str, Any]:
        return {"sigma": self.sigma}
