"""RobustVLA's Jacobian penalty (equation 2): how much the probability of what was done depends on the embedding."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel


def jacobian(log_prob: Tensor, embedding: Tensor, clamp: float) -> tuple[Tensor, Tensor]:
    """min(‖∇ₑ log π(a | e)‖², clamp) of each sample [B], which can be differentiated, and the squared norms unclamped.

    log_prob: [B], each from its own row of embedding [B, E] alone, computed inside `twice_differentiable`. The paper
    takes the embedding for the observation because the pixels are too many. What is above the clamp gives no gradient.
    """
    (gradient,) = torch.autograd.grad(log_prob.sum(), embedding, create_graph=True)
    squared = gradient.square().sum(1)
    return squared.clamp(max=clamp), squared.detach()


@contextmanager
def twice_differentiable() -> Iterator[None]:
    """Where an action head must run whose gradient is to be differentiated: torch's fast kernels for attention have no
    second derivative.
    """
    with sdpa_kernel(SDPBackend.MATH):
        yield
