"""Actions as bins: 256 equal ones over [−1, 1] per dimension, and the distribution over them.

OpenVLA's discretisation (Kim et al. 2024, section 3.2) with one difference: its 256 edges make 255 bins and an alias,
ours are 256 bins of width 1/128, so that bin k has its centre at (k + ½)/128 − 1. With 255 they are OpenVLA's own.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from vlabench.errors import OptionError

if TYPE_CHECKING:
    from vlabench.adapters.base import ActionDistribution

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as functional
from torch import Tensor

from vlabench.models import portable
from vlabench.types import ActionSpace, Floats

Exploration: TypeAlias = Literal["sample", "normal", "mixed"]

BINS = 256
WIDTH = 2.0 / BINS


def centres(device: torch.device | str = "cpu", bins: int = BINS) -> Tensor:
    """The middles of the bins, float32 [bins]."""
    return (torch.arange(bins, device=device, dtype=torch.float32) + 0.5) * (2.0 / bins) - 1.0


def to_bins(actions: Tensor, bins: int = BINS) -> Tensor:
    """Actions in [−1, 1] (others are clipped) → the bins they are in, int64 of the same shape."""
    return ((actions.clamp(-1.0, 1.0) + 1.0) / (2.0 / bins)).long().clamp(max=bins - 1)


def soft_targets(actions: Tensor, sigma: float, bins: int = BINS) -> Tensor:
    """Probabilities [..., bins] of a Gaussian around each action, sigma in bins; training's targets.

    They say that a neighbouring bin is nearly right, which one-hot targets do not.
    """
    distance = (actions.clamp(-1.0, 1.0).unsqueeze(-1) - centres(actions.device, bins)) / (sigma * 2.0 / bins)
    return torch.softmax(-0.5 * distance.square(), dim=-1)


@dataclass(frozen=True)
class BinnedActions:
    """A distribution over chunks of actions: independent bins per step and dimension.

    logits: [B, T, D, K] of K bins, 256 but for policies that come with others. unit, middle: [D], the action
    middle + unit · x that a bin at x stands for; by default x.
    """

    logits: Tensor
    unit: Tensor | None = None
    middle: Tensor | None = None

    @property
    def centres(self) -> Tensor:
        """The middles of the bins [K]."""
        return centres(self.logits.device, self.logits.shape[-1])

    def in_units(self, actions: Tensor) -> Tensor:
        """Actions [..., D] as bins have them."""
        moved = actions if self.middle is None else actions - self.middle
        return moved if self.unit is None else moved / self.unit

    def _acted(self, found: Tensor) -> Tensor:
        """The other way round."""
        scaled = found if self.unit is None else found * self.unit
        return scaled if self.middle is None else scaled + self.middle

    def tempered(self, temperature: float) -> BinnedActions:
        """The distribution that `sample` draws from at a temperature."""
        return self if temperature == 1.0 else replace(self, logits=self.logits / temperature)

    @property
    def log_probs(self) -> Tensor:
        """Log-probability of every bin [B, T, D, K]."""
        return functional.log_softmax(self.logits.float(), dim=-1)

    def log_prob(self, actions: Tensor) -> Tensor:
        """Log-probability [B, T, D] of the bins that actions [B, T, D] are in."""
        chosen = to_bins(self.in_units(actions), self.logits.shape[-1])
        picked: Tensor = self.log_probs.gather(-1, chosen.unsqueeze(-1)).squeeze(-1)
        return picked

    @property
    def mean(self) -> Tensor:
        """Expected action [B, T, D], within a unit of 0."""
        return self._acted(portable.matmul(portable.exp(self.log_probs), self.centres))

    @property
    def mode(self) -> Tensor:
        """The centre of the most probable bin [B, T, D]."""
        return self._acted(self.centres[self.logits.argmax(-1)])

    def sample(self, uniform: Floats, temperature: float = 1.0) -> Tensor:
        """Centres of drawn bins [B, T, D], by inversion of `uniform` in [0, 1), float64 [B, T, D].

        The numbers come from outside, so that a draw depends on the episode's stream alone. Log-probabilities of a
        sample are those of `tempered(temperature)`.
        """
        shares = functional.softmax(self.logits.double() / temperature, dim=-1).cumsum(-1)
        drawn = torch.as_tensor(uniform, device=self.logits.device).unsqueeze(-1) * shares[..., -1:]
        chosen = torch.searchsorted(shares, drawn, right=True).squeeze(-1)
        return self._acted(self.centres[chosen.clamp(max=self.logits.shape[-1] - 1)])

    def entropy(self) -> Tensor:
        """In nats [B, T, D]."""
        log_probs = self.log_probs
        return -(log_probs.exp() * log_probs).sum(-1)

    def odds(self, dimension: int, middle: float) -> Tensor:
        """Log-odds [B, T] of a number above the middle, in the actions' own units."""
        log_probs = self.log_probs[..., dimension, :]
        above = self._acted(self.centres.unsqueeze(-1).expand(-1, self.logits.shape[-2]))
        chosen = above[:, dimension] > middle
        return log_probs[..., chosen].logsumexp(-1) - log_probs[..., ~chosen].logsumexp(-1)

    def kl(self, other: object) -> Tensor:
        """KL(self ‖ other) in nats [B, T, D]. Raises TypeError unless the other has bins, too."""
        if not isinstance(other, BinnedActions):
            raise TypeError(f"bins cannot be compared with {type(other).__name__}")
        log_probs = self.log_probs
        return (log_probs.exp() * (log_probs - other.log_probs)).sum(-1)


@dataclass(frozen=True)
class NormalActions:
    """Independent normal distributions around mean actions [B, T, D]; deviation: one for all dimensions, or [D].

    As policies explore whose network gives actions instead of bins (RIPT-VLA on OpenVLA-OFT, Tan et al. 2025, with a
    learned deviation). Where a policy is judged by its mean action, such rollouts do what it does, and a little more;
    draws from bins of which several are likely do something else altogether.
    """

    mean: Tensor
    deviation: float | Tensor

    def log_prob(self, actions: Tensor) -> Tensor:
        """Log-density [B, T, D] of actions [B, T, D]."""
        off = (actions - self.mean) / self.deviation
        density: Tensor = -0.5 * off.square() - _log(self.deviation * math.sqrt(2.0 * math.pi))
        return density

    def sample(self, uniform: Floats) -> Tensor:
        """Actions, float64 [B, T, D], by inversion of `uniform` in [0, 1), float64 [B, T, D]; they may leave the
        bounds, to which the simulator clips them.
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
        return torch.zeros_like(self.mean) + (0.5 + _log(self.deviation * math.sqrt(2.0 * math.pi)))

    def kl(self, other: object) -> Tensor:
        """KL(self ‖ other) in nats [B, T, D]. Raises TypeError unless the other is normal, too."""
        if not isinstance(other, NormalActions):
            raise TypeError(f"normal distributions cannot be compared with {type(other).__name__}")
        ratio = self.deviation / other.deviation
        off = (self.mean - other.mean) / other.deviation
        return 0.5 * (off.square() + (ratio**2 - 1.0 - 2.0 * _log(ratio)))


@dataclass(frozen=True)
class MixedActions:
    """A normal density over the arm's numbers, and beside it the probability of either of the gripper's commands.

    Simulators take the gripper's sign alone: a density over it would add to the ratio of probabilities, and to its
    gradient, what changes nothing. arm: a distribution over all D numbers, of which the gripper's is not looked at.
    odds: [B, T], log-odds of the gripper's upper command, `commands[1]`, against the lower. gripper: its dimension.
    """

    arm: ActionDistribution
    odds: Tensor
    gripper: int
    commands: tuple[float, float]

    @property
    def mean(self) -> Tensor:
        """The policy's own [B, T, D], what it is judged by; the gripper's, too, however it is drawn."""
        return self.arm.mean

    @property
    def mode(self) -> Tensor:
        """[B, T, D]."""
        return self._with(self.arm.mode, self._command(self.odds > 0).to(self.arm.mode.dtype))

    def log_prob(self, actions: Tensor) -> Tensor:
        """Log-density of the arm's numbers, log-probability of the gripper's [B, T, D]."""
        upper = actions[..., self.gripper] > sum(self.commands) / 2
        return self._with(self.arm.log_prob(actions), functional.logsigmoid(torch.where(upper, self.odds, -self.odds)))

    def sample(self, uniform: Floats) -> Tensor:
        """Actions, float64 [B, T, D], by inversion of `uniform` in [0, 1), float64 [B, T, D]."""
        inside = torch.as_tensor(uniform, device=self.odds.device)[..., self.gripper]
        return self._with(self.arm.sample(uniform), self._command(inside >= torch.sigmoid(-self.odds.double())))

    def entropy(self) -> Tensor:
        """In nats [B, T, D]."""
        either = torch.stack([self.odds, -self.odds])
        return self._with(self.arm.entropy(), -(torch.sigmoid(either) * functional.logsigmoid(either)).sum(0))

    def kl(self, other: object) -> Tensor:
        """KL(self ‖ other) in nats [B, T, D]. Raises TypeError unless the other is of this kind, too."""
        if not isinstance(other, MixedActions):
            raise TypeError(f"a density beside a gripper's commands cannot be compared with {type(other).__name__}")
        mine, theirs = (torch.stack([each.odds, -each.odds]) for each in (self, other))
        apart = functional.logsigmoid(mine) - functional.logsigmoid(theirs)
        return self._with(self.arm.kl(other.arm), (torch.sigmoid(mine) * apart).sum(0))

    def _command(self, upper: Tensor) -> Tensor:
        low, high = (torch.tensor(each, dtype=torch.float64, device=upper.device) for each in self.commands)
        return torch.where(upper, high, low)

    def _with(self, numbers: Tensor, hand: Tensor) -> Tensor:
        """Numbers [B, T, D] with the gripper's [B, T] put in."""
        here = torch.arange(numbers.shape[-1], device=numbers.device) == self.gripper
        return torch.where(here, hand.unsqueeze(-1), numbers)


def _log(number: float | Tensor) -> float | Tensor:
    return torch.log(number) if isinstance(number, Tensor) else math.log(number)


@runtime_checkable
class Tempered(Protocol):
    """A distribution that can be made flatter (temperature above 1) or steeper."""

    def tempered(self, temperature: float) -> ActionDistribution:
        """Its probabilities to the power of 1 / temperature, normalised."""


@runtime_checkable
class Sided(Protocol):
    """A distribution that says on which side of a middle a number is."""

    def odds(self, dimension: int, middle: float) -> Tensor:
        """Log-odds [B, T] of a number above the middle."""


def explored(acts: ActionDistribution, how: Exploration, scale: float,
             space: ActionSpace | None = None) -> ActionDistribution:
    """What rollouts draw from: the policy's distribution at the temperature `scale` ("sample"), or a normal one around
    its mean of the standard deviation `scale`, in units where it has any ("normal"), or that for the arm and for the
    gripper of `space` one of its two commands, as probable as the policy finds each side ("mixed").

    Raises OptionError if it knows no temperature, unless that is 1, and for a gripper that is not there or not told of.
    """
    if how != "sample":
        unit = acts.unit if isinstance(acts, BinnedActions) else None
        normal = NormalActions(acts.mean, scale if unit is None else scale * unit)
        return normal if how == "normal" else _mixed(acts, normal, space)
    if isinstance(acts, Tempered):
        return acts.tempered(scale)
    if scale != 1.0:
        raise OptionError(f"temperature {scale:g}: the distribution of this policy ({type(acts).__name__}) knows no "
                          f"temperature\n  fix: temperature 1, or `exploration_std` instead")
    return acts


def _mixed(acts: ActionDistribution, normal: NormalActions, space: ActionSpace | None) -> MixedActions:
    hand = None if space is None else space.gripper
    if space is None or hand is None:
        raise OptionError("decode 'mixed': the robot has no gripper to draw commands for\n  fix: 'normal'")
    if not isinstance(acts, Sided):
        raise OptionError(f"decode 'mixed': the distribution of this policy ({type(acts).__name__}) does not say how "
                          f"probable either side of the gripper is\n  fix: 'normal'")
    low, high = space.low[hand], space.high[hand]
    return MixedActions(normal, acts.odds(hand, (low + high) / 2), hand, (low, high))


def drawn(acted: ActionDistribution, actions: Floats) -> dict[str, npt.NDArray[np.float32]]:
    """What a decision says of actions [B, T, D] that were drawn from `acted`: `log_probs` and `means`, [B, T, D]."""
    with torch.inference_mode():
        log_probs = acted.log_prob(torch.as_tensor(actions, dtype=torch.float32, device=acted.mean.device))
        return {"log_probs": log_probs.float().cpu().numpy(), "means": acted.mean.float().cpu().numpy()}
