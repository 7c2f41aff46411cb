"""What rollouts draw their actions from: a policy's distribution, or a normal one around its mean action."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vlabench.errors import OptionError
from vlabench.types import Floats

if TYPE_CHECKING:
    from vlabench.adapters.base import ActionDistribution

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

    def sample(self, uniform: Floats) -> Tensor:
        """Actions, float64 [B, T, D], by inversion of `uniform` in [0, 1), float64 [B, T, D]; they may leave [−1, 1],
        to which the simulator clips them.
        """
        inside = torch.as_tensor(uniform, device=self.mean.device).clamp(1e-12, 1.0 - 1e-12)
        drawn: Tensor = self.mean.double() + self.deviation * torch.special.ndtri(inside)
        return drawn


    @property
    def mode(self) -> Tensor:
        """The mean."""
        return self.mean

    def entropy(self) -> Tensor:
        """In nats [B, T, D], the same everywhere."""
        return torch.full_like(self.mean, 0.5 + math.log(self.deviation * math.sqrt(2.0 * math.pi)))

    def kl(self, other: object) -> Tensor:
        """KL(self ‖ other) in nats [B, T, D]. Raises TypeError unless the other is normal, too."""
        if not isinstance(other, NormalActions):
            raise TypeError(f"normal distributions cannot be compared with {type(other).__name__}")
        ratio = self.deviation / other.deviation
        off = (self.mean - other.mean) / other.deviation
        return 0.5 * (off.square() + (ratio**2 - 1.0 - 2.0 * math.log(ratio)))


@runtime_checkable
class Tempered(Protocol):
    """A distribution that can be made flatter (temperature above 1) or steeper."""

    def tempered(self, temperature: float) -> ActionDistribution:
        """Its probabilities to the power of 1 / temperature, normalised."""


def explored(acts: ActionDistribution, how: Exploration, scale: float) -> ActionDistribution:
    """What rollouts draw from: the policy's distribution at the temperature `scale`, or a normal one around its mean of
    the standard deviation `scale`.

    Raises OptionError if it knows no temperature, unless that is 1.
    """
    if how == "normal":
        return NormalActions(acts.mean, scale)
    if isinstance(acts, Tempered):
        return acts.tempered(scale)
    if scale != 1.0:
        raise OptionError(f"temperature {scale:g}: the distribution of this policy ({type(acts).__name__}) knows no "
                          f"temperature\n  mend: temperature 1, or `deviation` instead")
    return acts


def drawn(acted: ActionDistribution, actions: Floats) -> dict[str, npt.NDArray[np.float32]]:
    """What a decision says of actions [B, T, D] that were drawn from `acted`: `log_probs` and `means`, [B, T, D]."""
    with torch.inference_mode():
        log_probs = acted.log_prob(torch.as_tensor(actions, dtype=torch.float32, device=acted.mean.device))
        return {"log_probs": log_probs.float().cpu().numpy(), "means": acted.mean.float().cpu().numpy()}
