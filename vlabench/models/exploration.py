"""What rollouts draw their actions from: a policy's bins, or a normal distribution around its mean action."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vlabench.models.bins import BinnedActions
from vlabench.types import Floats

Exploration: TypeAlias = Literal["sample", "normal"]


@dataclass(frozen=True)
class NormalActions:
    """Independent normal distributions around mean actions [B, T, D], all of the same standard deviation.

    As policies explore whose network gives actions instead of bins (RIPT-VLA on OpenVLA-OFT, Tan et al. 2025, with a
    learned deviation). Where a policy is judged by its mean action, such rollouts do what it does, and a little more;
    draws from bins of which several are likely do something else altogether.
    """

    mean: Tensor
    deviation: float

    def log_prob(self, actions: Tensor) -> Tensor:
        """Log-density [B, T, D] of actions [B, T, D]."""
        off = (actions - self.mean) / self.deviation
        density: Tensor = -0.5 * off.square() - math.log(self.deviation * math.sqrt(2.0 * math.pi))
        return density

    def sample(self, uniform: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Tensor:
        """Actions, float64 [B, T, D], by inversion of `uniform` in [0, 1), float64 [B, T, D]; they may leave [−1, 1],
        to which the simulator clips them.
        """
        inside = torch.as_tensor(uniform, device=self.mean.device).clamp(1e-12, 1.0 - 1e-12)
        drawn: Tensor = self.mean.double() + self.deviation * torch.special.ndtri(inside)
        return drawn


def explored(bins: BinnedActions, how: Exploration, scale: float) -> BinnedActions | NormalActions:
    """What rollouts draw from: the bins at the temperature `scale`, or a normal distribution around their mean of the
    standard deviation `scale`.
    """
    return NormalActions(bins.mean, scale) if how == "normal" else bins.tempered(scale)


def drawn(acted: BinnedActions | NormalActions, actions: Floats) -> dict[str, npt.NDArray[np.float32]]:
    """What a decision says of actions [B, T, D] that were drawn from `acted`: `log_probs` and `means`, [B, T, D]."""
    with torch.inference_mode():
        log_probs = acted.log_prob(torch.as_tensor(actions, dtype=torch.float32, device=acted.mean.device))
        return {"log_probs": log_probs.float().cpu().numpy(), "means": acted.mean.float().cpu().numpy()}
