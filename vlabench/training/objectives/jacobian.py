"""RobustVLA's Jacobian penalty (equation 2): how much the probability of what was done depends on the embedding."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import BaseModel, Field
from torch import Tensor

from vlabench.training.objectives import base
from vlabench.training.objectives.base import Batch, Forward, Loss, Objective


class JacobianOptions(base.Options):
    """Of the Jacobian penalty.

    Of draws from the compact policy's bins the squared norms are 30 on average and 80 at the 99th percentile, and the
    published α gives the penalty four tenths of the gradient, so α was not rescaled; the curves `jacobian norm` and
    `share jacobian` say how it is elsewhere.
    """

    weight: float = Field(
        default=0.005, ge=0, description="Weight of the penalty in the loss: RobustVLA's α (published: 0.005).")
    clamp: float = Field(
        default=100.0, gt=0,
        description="Largest squared norm of a sample's gradient that counts: RobustVLA's G_max, which the paper "
                    "leaves open.")


class Jacobian(Objective):
    """The penalty of a sample is that of its chunk's probability, as far as it counts."""

    Options: ClassVar[type[BaseModel]] = JacobianOptions
    options: JacobianOptions
    twice = True

    def loss(self, batch: Batch, forward: Forward) -> Loss:
        """Averaged over samples."""
        penalty, norms = jacobian((forward.log_probs * batch.counted).sum(1), forward.embedding, self.options.clamp)
        return Loss(self.options.weight * penalty.sum() / batch.count, {
            "jacobian norm": norms.sum() / batch.count,
            "jacobian clamped": (norms > self.options.clamp).sum() / batch.count})


def jacobian(log_prob: Tensor, embedding: Tensor, clamp: float) -> tuple[Tensor, Tensor]:
    """min(‖∇ₑ log π(a | e)‖², clamp) of each sample [B], which can be differentiated, and the squared norms unclamped.

    log_prob: [B], each from its own row of embedding [B, E] alone, computed inside `base.twice_differentiable`. The
    paper takes the embedding for the observation because the pixels are too many. What is above the clamp gives no
    gradient.
    """
    (gradient,) = torch.autograd.grad(log_prob.sum(), embedding, create_graph=True)
    squared = gradient.square().sum(1)
    return squared.clamp(max=clamp), squared.detach()
