"""FAN's neighbourhood of near-equivalent actions (Niu et al. 2026), on bins: target distributions, and how far off.

Everything is per number of an action: `log_probs` are log-probabilities of its K bins [..., K], `middles` [K] their
centres in units, in which all deviations are, too. Targets are constants: no gradient passes through them.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vlabench.models.distributions import BinnedActions
from vlabench.training.objectives.base import Batch, Forward, binned


def policy_bins(batch: Batch, forward: Forward, name: str) -> tuple[Tensor, Tensor]:
    """(log-probabilities of the arm's numbers [N, T, A, K], the bins' centres [K]). Raises CardError if there are none.

    Without the gripper's number, which has two values that mean something: a neighbourhood as wide as the arm's would
    flip it.
    """
    acted: BinnedActions = binned(forward.distribution, name)
    return acted.log_probs[..., batch.arm, :], acted.centres


def modes(log_probs: Tensor, middles: Tensor) -> Tensor:
    """The centre of the most probable bin [...]."""
    return middles[log_probs.argmax(-1)]


def spread(log_probs: Tensor, middles: Tensor) -> Tensor:
    """The standard deviation about the mode [...], at least half a bin: of all probability in one bin it is 0, to which
    every other bin is infinitely far.
    """
    off = middles - modes(log_probs, middles).unsqueeze(-1)
    variance = (log_probs.detach().exp() * off.square()).sum(-1)
    return variance.clamp(min=float(middles[1] - middles[0]) ** 2 / 4).sqrt()


def gaussian(log_probs: Tensor, middles: Tensor, sigma: float | Tensor) -> Tensor:
    """Log of the probabilities that a normal distribution around the mode leaves to the bins [..., K]; sigma: one, or
    [...].

    As seen from a policy's probabilities the density differs by a constant, and has the same gradient.
    """
    width = torch.as_tensor(sigma, dtype=middles.dtype, device=middles.device).unsqueeze(-1)
    off = (middles - modes(log_probs, middles).unsqueeze(-1)) / width
    return torch.log_softmax(-0.5 * off.square(), dim=-1)


def smoothed(log_probs: Tensor, middles: Tensor, kappa: float) -> Tensor:
    """Log of Normalize(K_κ π) [..., K], K_κ a Gaussian kernel: as many modes as the policy has, each wider."""
    kernel = torch.exp(-0.5 * ((middles.unsqueeze(-1) - middles) / kappa).square())
    spread_out = log_probs.detach().exp() @ kernel
    return (spread_out / spread_out.sum(-1, keepdim=True)).clamp(min=torch.finfo(kernel.dtype).tiny).log()


def divergence(log_probs: Tensor, log_target: Tensor) -> Tensor:
    """KL(policy ‖ target) in nats [...]."""
    return (log_probs.exp() * (log_probs - log_target)).sum(-1)
