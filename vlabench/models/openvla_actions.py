"""What OpenVLA's numbers mean: bins or locations in [−1, 1] → actions of a robot, and distributions over these.

An arm's number x is q01 + (x + 1)(q99 − q01)/2 by the quantiles of the training data. The gripper's, which training
data have as 0 (closed) … 1 (open), becomes one of the robot's two commands, so that its distribution is over these.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from vlabench.models.distributions import BinnedActions, MixedActions
from vlabench.types import ActionSpace, Floats

LOG_SCALE, FACTOR, CLIP = -3.0, 5.0, (-2.0, 0.5)
"""Of the Laplace distribution around OFT's locations in RIPT-VLA's public configuration (Tan et al. 2025): what its
head, which is not trained, says from the start; the factor that draws are made with; and what the logarithm is kept in.
There the factor is in the draws alone; here they are scored as they are drawn."""


@dataclass(frozen=True)
class Scaling:
    """unit, middle: [D], the action middle + unit · x of a number x in [−1, 1]. gripper: its dimension, if there is
    one, and commands: what closes and what opens it.
    """

    unit: Tensor
    middle: Tensor
    gripper: int | None = None
    commands: tuple[float, float] = (0.0, 1.0)

    @classmethod
    def of(cls, statistics: Mapping[str, Any], space: ActionSpace, device: torch.device) -> Scaling:
        """By the statistics of a data set's actions, for a robot."""
        low, high = (torch.tensor(statistics[key], dtype=torch.float32, device=device) for key in ("q01", "q99"))
        scaled = torch.tensor(statistics.get("mask", [True] * len(low)), device=device)
        unit, middle = torch.where(scaled, (high - low) / 2, 1.0), torch.where(scaled, (high + low) / 2, 0.0)
        if space.opens is None or space.closes is None:
            return cls(unit, middle)
        return cls(unit, middle, space.gripper, (space.closes, space.opens))

    def acted(self, found: Tensor) -> Tensor:
        """Actions [..., D] of numbers in [−1, 1]."""
        numbers = self.middle + self.unit * found
        if self.gripper is None:
            return numbers
        closes, opens = (torch.full_like(numbers, each) for each in self.commands)
        return torch.where(self._hand(numbers), torch.where(numbers > 0.5, opens, closes), numbers)

    def found(self, actions: Tensor) -> Tensor:
        """The other way round."""
        numbers = (actions - self.middle) / self.unit
        if self.gripper is None:
            return numbers
        opened = (actions - self.commands[1]).abs() < (actions - self.commands[0]).abs()
        return torch.where(self._hand(numbers), (opened.to(numbers.dtype) - self.middle) / self.unit, numbers)

    def _hand(self, numbers: Tensor) -> Tensor:
        return torch.eq(torch.arange(numbers.shape[-1], device=numbers.device), -1 if self.gripper is None
                        else self.gripper)


@dataclass(frozen=True)
class CommandedBins(BinnedActions):
    """Bins whose gripper's number is one of two commands: what either is worth is the sum over its bins."""

    scaling: Scaling | None = None

    def in_units(self, actions: Tensor) -> Tensor:
        """Actions [..., D] as bins have them."""
        return actions if self.scaling is None else self.scaling.found(actions)

    def _acted(self, found: Tensor) -> Tensor:
        return found if self.scaling is None else self.scaling.acted(found)

    def log_prob(self, actions: Tensor) -> Tensor:
        """Log-probability [B, T, D] of the bins, and of the gripper's command."""
        sides = self._sides()
        return super().log_prob(actions) if sides is None else sides.log_prob(actions)

    def entropy(self) -> Tensor:
        """In nats [B, T, D]."""
        sides = self._sides()
        return super().entropy() if sides is None else sides.entropy()

    def kl(self, other: object) -> Tensor:
        """KL(self ‖ other) in nats [B, T, D]. Raises TypeError unless the other is of this kind, too."""
        mine, theirs = self._sides(), other._sides() if isinstance(other, CommandedBins) else None
        return super().kl(other) if mine is None or theirs is None else mine.kl(theirs)

    def _sides(self) -> MixedActions | None:
        """The same distribution as bins of the arm beside two commands."""
        hand = None if self.scaling is None else self.scaling.gripper
        if self.scaling is None or hand is None:
            return None
        low, high = sorted(self.scaling.commands)
        plain = BinnedActions(self.logits, self.scaling.unit, self.scaling.middle)
        return MixedActions(plain, self.odds(hand, (low + high) / 2), hand, (low, high))


@dataclass(frozen=True)
class LaplaceActions:
    """Independent Laplace distributions around actions [B, T, D]; scale: [D]."""

    mean: Tensor
    scale: Tensor

    def log_prob(self, actions: Tensor) -> Tensor:
        """Log-density [B, T, D] of actions [B, T, D]."""
        return -(actions - self.mean).abs() / self.scale - (2.0 * self.scale).log()

    def sample(self, uniform: Floats) -> Tensor:
        """Actions, float64 [B, T, D], by inversion of `uniform` in [0, 1), float64 [B, T, D]."""
        off = torch.as_tensor(uniform, device=self.mean.device).clamp(1e-12, 1.0 - 1e-12) - 0.5
        drawn: Tensor = self.mean.double() - self.scale.double() * off.sign() * torch.log1p(-2.0 * off.abs())
        return drawn

    @property
    def mode(self) -> Tensor:
        """The mean."""
        return self.mean

    def entropy(self) -> Tensor:
        """In nats [B, T, D]."""
        return torch.zeros_like(self.mean) + 1.0 + (2.0 * self.scale).log()

    def kl(self, other: object) -> Tensor:
        """KL(self ‖ other) in nats [B, T, D]. Raises TypeError unless the other is of this kind, too."""
        if not isinstance(other, LaplaceActions):
            raise TypeError(f"Laplace distributions cannot be compared with {type(other).__name__}")
        apart = (self.mean - other.mean).abs()
        near = self.scale * torch.exp(-apart / self.scale)
        return (other.scale / self.scale).log() + (near + apart) / other.scale - 1.0


def merged(logits: Tensor) -> Tensor:
    """Logits of the 256 tokens of actions → of the 255 bins that they act as [..., 255]: the two last are one."""
    last = torch.logaddexp(logits[..., -2], logits[..., -1])
    return torch.cat([logits[..., :-2], last.unsqueeze(-1)], dim=-1)


def around(locations: Tensor, scaling: Scaling) -> LaplaceActions | MixedActions:
    """OFT's locations [B, T, D] in [−1, 1] as RIPT-VLA explores around them; the gripper's side as a draw finds it."""
    scale = math.exp(min(max(LOG_SCALE + math.log(FACTOR), CLIP[0]), CLIP[1]))
    arm = LaplaceActions(scaling.middle + scaling.unit * locations, scale * scaling.unit)
    if scaling.gripper is None:
        return arm
    hand = scaling.gripper
    off = (arm.mean[..., hand] - 0.5) / arm.scale[hand]
    opened = off.sign() * -(torch.log(torch.tensor(0.5)) - off.abs() - torch.log1p(-0.5 * torch.exp(-off.abs())))
    closes, opens = scaling.commands
    return MixedActions(replace(arm, mean=scaling.acted(locations)), opened if opens > closes else -opened, hand,
                        (min(closes, opens), max(closes, opens)))

