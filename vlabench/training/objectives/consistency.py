"""Consistency: for a look under newly drawn perturbations, do what the first policy does for it without any.

Not RobustVLA's. Its Jacobian penalty holds down how strongly the policy answers to small changes (λ in theorem 1); this
compares the two ends of a whole perturbation, which a simulator can, as it has the pictures without it.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel
from torch import Tensor

from vlabench.training.objectives import base
from vlabench.training.objectives.base import Batch, Forward, Loss, Objective

SOFT = 0.1
"""Below it the distance of a chunk counts squared: a gradient that stays finite where the chunks are alike."""


class Consistency(Objective):
    """Needs `wanted` [N, T, D], the first policy's mean actions for the clean observations, given the same actions."""

    Options: ClassVar[type[BaseModel]] = base.Options
    options: base.Options
    needs = frozenset({"wanted"})

    def loss(self, batch: Batch, forward: Forward) -> Loss:
        """Averaged over samples."""
        return Loss(self.options.weight * distance(forward.distribution.mean, batch["wanted"]).sum() / batch.count)


def distance(means: Tensor, wanted: Tensor) -> Tensor:
    """√(‖a − b‖² + SOFT²) [N] of chunks of actions [N, T, D]. Not squared: looks that no policy can tell apart any more
    are far off, and would outweigh those that have to be met precisely, most of all the clean ones.
    """
    return ((means - wanted).square().sum((1, 2)) + SOFT**2).sqrt()
