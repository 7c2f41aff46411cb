"""Behavioural cloning: the expert's actions as soft bins, or their probability where a policy has no bins."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import BaseModel, Field
from torch import Tensor

from vlabench.adapters.base import ActionDistribution
from vlabench.models.distributions import BinnedActions, soft_targets
from vlabench.training.objectives import base
from vlabench.training.objectives.base import Batch, Forward, Loss, Objective


class CloningOptions(base.Options):
    """Of behavioural cloning."""

    sigma: float = Field(
        default=2.0, ge=0,
        description="Standard deviation of the soft targets around the expert's action, in bins; 0: its bin alone.")


class Cloning(Objective):
    """Cross entropy of an action's number, averaged over those that count; an autoregressive policy is given the
    expert's numbers before it.
    """

    Options: ClassVar[type[BaseModel]] = CloningOptions
    options: CloningOptions

    def loss(self, batch: Batch, forward: Forward) -> Loss:
        """Shown beside it: `action`, unweighted, and the mean actions' errors."""
        counted = batch.weights.unsqueeze(-1)
        cross = cross_entropy(forward.distribution, batch.actions, self.options.sigma)
        action = (cross * counted).sum() / (batch.weight * cross.shape[-1])
        with torch.no_grad():
            off = ((forward.distribution.mean - batch.actions).abs() * counted).sum((0, 1)) / batch.weight
        gripper = batch.space.gripper if batch.space is not None else None
        grip = {} if gripper is None else {"grip_error": off[gripper]}
        return Loss(self.options.weight * action, {"action": action, "move_error": off[batch.arm].mean(), **grip})


def cross_entropy(distribution: ActionDistribution, actions: Tensor, sigma: float) -> Tensor:
    """Of every number [N, T, D]: with soft targets around it, sigma in bins, where there are bins; 0 for none."""
    if sigma and isinstance(distribution, BinnedActions):
        wanted = soft_targets(distribution.in_units(actions), sigma, distribution.logits.shape[-1])
        return -(wanted * distribution.log_probs).sum(-1)
    return -distribution.log_prob(actions)
