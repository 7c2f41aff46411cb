"""fan_sft: FAN's regulariser for cloning (Niu et al. 2026, 5.1): a normal distribution as wide as the policy's own.

The term is α · KL(π ‖ N(μ, Σ)), to be minimised beside −log π: a plus before α inside the paper's −(…) would reward
what the text wants to be rid of. μ is the centre of the most probable bin, Σ the variance about it, at least (½ bin)²,
both without gradient. Like cloning it is averaged over an action's numbers, of which the gripper's adds nothing. The
paper clones the expert's bin alone: sigma = 0 in the options of sft.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, Field

from vlabench.training.objectives import _neighbourhood, base
from vlabench.training.objectives.base import Batch, Forward, Loss, Objective


class FanSftOptions(base.Options):
    """Of the regulariser."""

    weight: float = Field(
        default=0.05, ge=0, description="Weight of the term in the loss: FAN's α (published: 0.05; on LIBERO 0.01).")


class FanSft(Objective):
    """Shapes the bins into normal distributions, without saying how wide."""

    Options: ClassVar[type[BaseModel]] = FanSftOptions
    options: FanSftOptions
    shapes = True

    def loss(self, batch: Batch, forward: Forward) -> Loss:
        """Shown beside it: the divergence, unweighted, and the mean deviation of the targets, in units."""
        log_probs, middles = _neighbourhood.policy_bins(batch, forward, "fan_sft")
        sigma = _neighbourhood.spread(log_probs, middles)
        apart = _neighbourhood.divergence(log_probs, _neighbourhood.gaussian(log_probs, middles, sigma))
        kl = batch.mean(apart.sum(-1)) / batch.actions.shape[-1]
        return Loss(self.options.weight * kl, {"fan_sft kl": kl, "fan_sft sigma": batch.mean(sigma.mean(-1))})
