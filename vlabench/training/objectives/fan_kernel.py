"""fan_kernel: FAN's ablation with several modes (Niu et al. 2026, 10.2): the policy's own distribution, smoothed.

The term is α · KL(π ‖ q), q = Normalize(K_κ π) without gradient, K_κ a Gaussian kernel; summed like `fan_ppo`, than
which the paper finds it worse.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, Field

from vlabench.training.objectives import _neighbourhood, base
from vlabench.training.objectives.base import Batch, Forward, Loss, Objective


class FanKernelOptions(base.Options):
    """Of the regulariser."""

    weight: float = Field(
        default=1.0, ge=0, description="Weight of the term in the loss: FAN's α.")
    kappa: float = Field(
        default=0.3, gt=0,
        description="Standard deviation κ of the kernel, in units of the action space (not published; as `fan_ppo`'s).")


class FanKernel(Objective):
    """Widens every mode of the bins."""

    Options: ClassVar[type[BaseModel]] = FanKernelOptions
    options: FanKernelOptions
    shapes = True

    def loss(self, batch: Batch, forward: Forward) -> Loss:
        """Shown beside it: the divergence, unweighted."""
        log_probs, middles = _neighbourhood.policy_bins(batch, forward, "fan_kernel")
        target = _neighbourhood.smoothed(log_probs, middles, self.options.kappa)
        kl = batch.mean(_neighbourhood.divergence(log_probs, target).sum(-1))
        return Loss(self.options.weight * kl, {"fan_kernel kl": kl})
