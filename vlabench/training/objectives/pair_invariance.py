"""pair_invariance: PAIR's equation 2: act as if what does not matter to the task looked otherwise.

The term is λ · KL(π(·|o) ‖ sg π(·|o⁺)), o⁺ a view that preserves the task, whose distribution is a constant, given the
same actions. It is averaged over the numbers of actions, so that a chunk's length does not count.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import BaseModel, Field

from vlabench.training.objectives import _views, base
from vlabench.training.objectives.base import Batch, Forward, Loss, Objective


class PairInvarianceOptions(base.Options):
    """Of invariance."""

    weight: float = Field(
        default=1.0, ge=0, description="Weight of the term in the loss: PAIR's λ_inv (published: 1 for OpenVLA).")


class PairInvariance(Objective):
    """Needs `task-preserving view`, observations of the same states."""

    Options: ClassVar[type[BaseModel]] = PairInvarianceOptions
    options: PairInvarianceOptions
    needs = frozenset({_views.PRESERVING})
    shapes = True

    def loss(self, batch: Batch, forward: Forward) -> Loss:
        """Averaged over samples; shown beside it: the divergence, unweighted."""
        with torch.no_grad():
            target = forward.on(batch[_views.PRESERVING]).distribution
        kl = _views.divergence(forward.distribution, target, batch).sum() / batch.count
        return Loss(self.options.weight * kl, {"pair_invariance kl": kl})
