"""entropy: the usual bonus for actions that stay uncertain; what FAN (Niu et al. 2026, 10.2) is compared with.

The term is minus the entropy, which like log π is summed over an action's numbers.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, Field

from vlabench.training.objectives import base
from vlabench.training.objectives.base import Batch, Forward, Loss, Objective


class EntropyOptions(base.Options):
    """Of the bonus."""

    weight: float = Field(
        default=0.01, ge=0, description="Weight of the bonus in the loss.")


class Entropy(Objective):
    """Flattens the bins. A normal distribution of a fixed deviation has but one entropy."""

    Options: ClassVar[type[BaseModel]] = EntropyOptions
    options: EntropyOptions
    shapes = True

    def loss(self, batch: Batch, forward: Forward) -> Loss:
        """Shown beside it: an action's entropy in nats."""
        nats = batch.mean(forward.distribution.entropy().sum(-1))
        return Loss(-self.options.weight * nats, {"entropy nats": nats})
