"""kl_reference: stay close to the policy that the training started from, by the divergence of whole distributions.

The term is KL(π ‖ π_first), exact and not from the sampled actions alone; like log π it is summed over an action's
numbers. `smoothness` holds the mean actions to those of the iteration's beginning instead.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, Field

from vlabench.training.objectives import base
from vlabench.training.objectives.base import Batch, Forward, Loss, Objective


class KlReferenceOptions(base.Options):
    """Of the divergence."""

    weight: float = Field(
        default=0.01, ge=0, description="Weight of the divergence in the loss.")


class KlReference(Objective):
    """Needs `first`, the first policy's distribution of the same actions for the same observations, a constant."""

    Options: ClassVar[type[BaseModel]] = KlReferenceOptions
    options: KlReferenceOptions
    needs = frozenset({"first"})

    def loss(self, batch: Batch, forward: Forward) -> Loss:
        """Shown beside it: the divergence of an action in nats."""
        kl = batch.mean(forward.distribution.kl(batch["first"]).sum(-1))
        return Loss(self.options.weight * kl, {"kl_reference kl": kl})
