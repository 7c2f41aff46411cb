"""proprio_bias: what the policy is told of the robot's own state is off by the same amount throughout an episode.

As of joints that were calibrated badly: each number has an offset of its own, Gaussian, drawn once an episode. In
metres and radians; the standard deviations are those of `proprio_noise`, so that the two differ in what is held and
what is new alone. Robust-Gymnasium shifts all numbers of an observed state by 0.005, severity 1 here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from vlabench.perturbations._proprio import GaussianProprio
from vlabench.seeding import Draws


class ProprioBias(GaussianProprio):
    """Proprioception that is off."""

    def source(self, step: int, rng: Draws) -> np.random.Generator:
        return rng.episode()

    def realised(self) -> dict[str, Any]:
        return {"by": list(self._by)}
