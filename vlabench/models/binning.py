"""Any distribution over actions as the probabilities of bins: what a probe keeps, and figures are drawn of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vlabench.models.distributions import BINS, WIDTH, BinnedActions, MixedActions, NormalActions, centres, to_bins

if TYPE_CHECKING:
    from vlabench.adapters.base import ActionDistribution

POINTS = 4
"""Of a bin, at which an unknown density is looked up."""


def shares(acts: ActionDistribution, unit: Tensor) -> Tensor:
    """Probabilities [B, T, D, K] of the K equal bins over [−1, 1] units, of each number of an action by itself.

    unit: [D], the action that is 1 in a bin; `BinnedActions` have their own, and as many bins as they have; others 256.
    A normal density is integrated over each bin, its tails belong to the outermost ones; a gripper's two commands have
    the bins that they are in. Any other distribution is integrated numerically by its `log_prob`, and what it has
    outside of [−1, 1] is left out.
    """
    if isinstance(acts, BinnedActions):
        return acts.log_probs.exp()
    if isinstance(acts, NormalActions):
        return _normal(acts.mean / unit, acts.deviation / unit)
    if isinstance(acts, MixedActions):
        return _mixed(acts, unit)
    return _integrated(acts, unit)


def _normal(mean: Tensor, deviation: Tensor) -> Tensor:
    inner = torch.arange(1, BINS, device=mean.device, dtype=torch.float64) * WIDTH - 1.0
    below = torch.special.ndtr((inner - mean.double().unsqueeze(-1)) / deviation.double().unsqueeze(-1))
    ends = torch.zeros_like(below[..., :1])
    return torch.cat([ends, below, ends + 1.0], dim=-1).diff(dim=-1)


def _mixed(acts: MixedActions, unit: Tensor) -> Tensor:
    found = shares(acts.arm, unit)
    upper = torch.sigmoid(acts.odds.double())
    low, high = to_bins(torch.tensor(acts.commands, device=found.device) / unit[acts.gripper]).tolist()
    hand = found[..., acts.gripper, :]
    hand.zero_()
    hand[..., low] += 1.0 - upper
    hand[..., high] += upper
    return found


def _integrated(acts: ActionDistribution, unit: Tensor) -> Tensor:
    """By the midpoint rule, all numbers of an action at one place at a time."""
    offsets = ((torch.arange(POINTS) + 0.5) / POINTS - 0.5) * WIDTH
    places = (centres().unsqueeze(-1) + offsets).flatten()
    like = torch.ones_like(acts.mean) * unit
    density = torch.stack([acts.log_prob(like * place).double().exp() for place in places.tolist()], dim=-1)
    found = density.reshape(*density.shape[:-1], BINS, POINTS).sum(-1)
    normalised: Tensor = found / found.sum(-1, keepdim=True)
    return normalised
