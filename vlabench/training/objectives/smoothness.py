"""RobustVLA's smoothness penalty (equation 3): how far an update moves the mean actions."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, Field
from torch import Tensor

from vlabench.training.objectives import base
from vlabench.training.objectives.base import Batch, Forward, Loss, Objective


class SmoothnessOptions(base.Options):
    """Of the smoothness penalty."""

    weight: float = Field(
        default=0.0005, ge=0, description="Weight of the penalty in the loss: RobustVLA's β (published: 0.0005).")


class Smoothness(Objective):
    """Needs `reference` [N, T, D], see below."""

    Options: ClassVar[type[BaseModel]] = SmoothnessOptions
    options: SmoothnessOptions
    needs = frozenset({"reference"})

    def loss(self, batch: Batch, forward: Forward) -> Loss:
        """Averaged over samples."""
        moved = smoothness(forward.distribution.mean, batch["reference"], batch.counted)
        return Loss(self.options.weight * moved.sum() / batch.count)


def smoothness(mean: Tensor, reference: Tensor, counted: Tensor) -> Tensor:
    """‖μ − μ⁻‖² of each sample [B], over the actions [B, T, D] that count (bool [B, T]).

    reference: mean actions to stay close to, those of the policy as it was when the iteration began (Algorithm 1, line
    11), given the same observations.
    """
    squared = (mean - reference).square().sum(-1)
    return (squared * counted).sum(1)
