"""fan_ppo: FAN's regulariser for learning from rollouts (Niu et al. 2026, 5.2): a normal distribution of fixed width.

The term is α · KL(π ‖ N(μ, σ²)), μ the centre of the most probable bin, without gradient. Like log π it is summed over
an action's numbers, except the gripper's.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, Field

from vlabench.training.objectives import _neighbourhood, base
from vlabench.training.objectives.base import Batch, Forward, Loss, Objective


class FanPpoOptions(base.Options):
    """Of the regulariser."""

    weight: float = Field(
        default=1.0, ge=0,
        description="Weight of the term in the loss: FAN's α (published: 1 for OpenVLA, 0.1 for OpenVLA-OFT).")
    sigma: float = Field(
        default=0.3, gt=0,
        description="Standard deviation of the neighbourhood, in units of the action space (published: 0.3 for "
                    "OpenVLA, 0.2 for OpenVLA-OFT; at 0.01 training collapsed).")


class FanPpo(Objective):
    """Shapes the bins into normal distributions of one width."""

    Options: ClassVar[type[BaseModel]] = FanPpoOptions
    options: FanPpoOptions
    shapes = True

    def loss(self, batch: Batch, forward: Forward) -> Loss:
        """Shown beside it: the divergence, unweighted."""
        log_probs, middles = _neighbourhood.policy_bins(batch, forward, "fan_ppo")
        target = _neighbourhood.gaussian(log_probs, middles, self.options.sigma)
        kl = batch.mean(_neighbourhood.divergence(log_probs, target).sum(-1))
        return Loss(self.options.weight * kl, {"fan_ppo kl": kl})
