"""Consistency: for a look under newly drawn perturbations, do what the first policy does for it without any.

Not RobustVLA's. Its Jacobian penalty holds down how strongly the policy answers to small changes (λ in theorem 1); this
compares the two ends of a whole perturbation, which a simulator can, as it has the pictures without it.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from vlabench.training.objectives.base import Batch, Forward, Loss, Objective

SOFT = 0.1
"""Below it the distance of a chunk counts squared: a gradient that stays finite where the chunks are alike."""


class ConsistencyOptions(BaseModel):
    """updates: of an iteration, after those from rewards, each of `batch` looks of all rollouts so far, whatever came
    of them. rate: of their own AdamW. They minimise the `distance` of the policy's mean actions to those of the policy
    that the training started from, given the clean observation; perturbations are drawn like a rollout's, at the
    iteration's level. memory: so many looks are kept at most (0.1 MB each with two pictures of 128 × 128), rollouts
    of the oldest iterations going first.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    updates: int = Field(default=250, ge=1)
    rate: float = Field(default=1e-4, gt=0)
    memory: int = Field(default=50_000, ge=1)


class Consistency(Objective):
    """Needs `wanted` [N, T, D], the first policy's mean actions for the clean observations, given the same actions."""

    Options: ClassVar[type[BaseModel]] = ConsistencyOptions
    options: ConsistencyOptions
    needs = frozenset({"wanted"})

    def loss(self, batch: Batch, forward: Forward) -> Loss:
        """Averaged over samples."""
        return Loss(distance(forward.distribution.mean, batch["wanted"]).sum() / batch.count)


def distance(means: Tensor, wanted: Tensor) -> Tensor:
    """√(‖a − b‖² + SOFT²) [N] of chunks of actions [N, T, D]. Not squared: looks that no policy can tell apart any more
    are far off, and would outweigh those that have to be met precisely, most of all the clean ones.
    """
    return ((means - wanted).square().sum((1, 2)) + SOFT**2).sqrt()
