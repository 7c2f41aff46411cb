"""Demonstrations whose pictures are perturbed, and what the policy did before it learned from them, without that."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from vlabench.adapters.base import TrainablePolicy
from vlabench.cards.noise import Noise
from vlabench.training.objectives.base import Batch
from vlabench.training.rl.consistency import redrawn
from vlabench.training.rl.curriculum import Level
from vlabench.training.rl.samples import WANTED
from vlabench.types import ActionSpace


@dataclass(frozen=True)
class Augmented:
    """noise: what pictures get, if anything. first: who says what is `wanted`, where an objective needs it."""

    noise: Noise | None
    first: TrainablePolicy | None
    space: ActionSpace
    seed: int

    def __call__(self, batch: Batch, step: int) -> Batch:
        """A step's batch, each look perturbed for itself; of equal keys the same."""
        if self.first is not None:
            with torch.no_grad():
                wanted = self.first.distribution(batch.obs, batch.actions).mean.float()
            batch = replace(batch, extras={**batch.extras, WANTED: wanted})
        if self.noise is None:
            return batch
        level = Level(observation=self.noise.observation)
        return replace(batch, obs=redrawn(batch.obs, self.noise, level, self.space, "augment", self.seed, step))
