"""The critic's loss: half the squared error of what it expects."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel
from torch import Tensor

from vlabench.training.objectives import base
from vlabench.training.objectives.base import Batch, Forward, Loss, Objective


class Value(Objective):
    """Needs `returns` [N], what the critic is to say."""

    Options: ClassVar[type[BaseModel]] = base.Options
    options: base.Options
    needs = frozenset({"returns"})
    critic = True

    def loss(self, batch: Batch, forward: Forward) -> Loss:
        """Averaged over samples."""
        return Loss(self.options.weight * value_loss(forward.value, batch["returns"]).sum() / batch.count)


def value_loss(values: Tensor, returns: Tensor) -> Tensor:
    """Half the squared error [B] of the critic."""
    return 0.5 * (values - returns).square()
