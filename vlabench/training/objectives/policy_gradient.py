"""Policy gradients: what rollouts and their actions were worth, and PPO's clipped ratio."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from pydantic import BaseModel, Field
from torch import Tensor

from vlabench.training.objectives import base
from vlabench.training.objectives.base import Batch, Forward, Loss, Objective

Floats64 = npt.NDArray[np.float64]
ALIKE = 1e-9
"""Rewards or scores that differ by less are one."""


class PolicyGradientOptions(base.Options):
    """Of PPO's clipped policy gradient."""

    clip_low: float = Field(
        default=0.2, gt=0, lt=1, description="PPO's clip: the probability ratio counts down to 1 − clip_low.")
    clip_high: float = Field(
        default=0.2, gt=0, description="PPO's clip: the probability ratio counts up to 1 + clip_high.")


class PolicyGradient(Objective):
    """Needs `before` [N, T], the log-probability of each action when it was sampled, and `advantages` [N]."""

    Options: ClassVar[type[BaseModel]] = PolicyGradientOptions
    options: PolicyGradientOptions
    needs = frozenset({"before", "advantages"})

    def loss(self, batch: Batch, forward: Forward) -> Loss:
        """Averaged over actions by their weights."""
        options, log_probs, before, advantages = self.options, forward.log_probs, batch["before"], batch["advantages"]
        losses = clipped(log_probs, before, advantages, options.clip_low, options.clip_high)
        stuck = outside(log_probs.detach(), before, advantages, options.clip_low, options.clip_high)
        return Loss(options.weight * (losses * batch.weights).sum() / batch.weight, {
            "kl": ((before - log_probs.detach()) * batch.weights).sum() / batch.weight,
            "outside": (stuck * batch.weights).sum() / batch.weight})


def leave_one_out(scores: Sequence[float]) -> Floats64:
    """Advantages [K] of the rollouts of one context: each score minus the mean of the others (Kool et al. 2018)."""
    values = np.asarray(scores, dtype=np.float64)
    if len(values) < 2:
        raise ValueError("a rollout that is alone has no others to be compared with")
    advantages: Floats64 = values - (values.sum() - values) / (len(values) - 1)
    return advantages


def group_relative(rewards: Sequence[npt.ArrayLike], zeros: bool) -> list[Floats64]:
    """GRPO's advantages by process supervision, for each rollout of a group [L], from its rewards by look [L]: the sum
    of those from the look on, of which the group's mean is taken off and which are divided by its deviation.

    zeros: of all rewards (RL4VLA, equations 5 and 6), else of those that are not 0, the others staying as they are
    (equations 3 and 4). Rewards that are all alike have no advantage.
    """
    each = [np.asarray(own, dtype=np.float64) for own in rewards]
    every = np.concatenate(each)
    valid = every if zeros else every[every != 0]
    if not len(valid) or np.ptp(valid) < ALIKE:
        return [np.zeros(len(own)) for own in each]
    scaled = [np.where(zeros | (own != 0), (own - valid.mean()) / valid.std(), 0.0) for own in each]
    return [np.cumsum(own[::-1])[::-1] for own in scaled]


def outcome_relative(scores: Sequence[float]) -> Floats64:
    """GRPO's advantages by outcome supervision [K] (Shao et al. 2024): how many deviations a rollout's score is above
    the group's mean; 0 where all are alike.
    """
    values = np.asarray(scores, dtype=np.float64)
    if np.ptp(values) < ALIKE:
        return np.zeros(len(values))
    advantages: Floats64 = (values - values.mean()) / values.std()
    return advantages


def reward_weights(scores: Sequence[float], temperature: float) -> Floats64:
    """Reward-weighted regression's weights [K] of rollouts: exp(score / temperature), with the sum 1."""
    values = np.asarray(scores, dtype=np.float64)
    weights = np.exp((values - values.max()) / temperature)
    found: Floats64 = weights / weights.sum()
    return found


def gae(rewards: npt.ArrayLike, values: npt.ArrayLike, gamma: float, lam: float) -> tuple[Floats64, Floats64]:
    """Generalised advantage estimation (Schulman et al. 2016) over one episode of L decisions: (advantages, returns).

    values: the critic's, before the update. The episode is over after the last decision, by success or by the step
    limit, which is part of the task: nothing is expected beyond it. returns = advantages + values, what the critic is
    to learn.
    """
    known = np.append(np.asarray(values, dtype=np.float64), 0.0)
    errors = np.asarray(rewards, dtype=np.float64) + gamma * known[1:] - known[:-1]
    advantages = np.zeros_like(errors)
    following = 0.0
    for step in range(len(errors) - 1, -1, -1):
        advantages[step] = following = errors[step] + gamma * lam * following
    return advantages, advantages + known[:-1]


def explained(values: Floats64, returns: Floats64) -> float:
    """The share of the returns' variance that the critic's values explain: 1 − Var(returns − values) / Var(returns); 0
    for a constant, and where all returns are alike; negative for what is worse."""
    spread = float(np.var(returns))
    return 1.0 - float(np.var(returns - values)) / spread if spread > ALIKE else 0.0


def clipped(log_probs: Tensor, before: Tensor, advantages: Tensor, low: float, high: float) -> Tensor:
    """PPO's loss (Schulman et al. 2017) of each action [B, T]: −min(η A, clip(η, 1 − low, 1 + high) A).

    log_probs, before: of whole actions [B, T], by the policy now and by the one that sampled them. advantages: [B].
    The ratio η is one of single actions, not of chunks: of a chunk's product hardly any would stay within the clip.
    """
    ratio = torch.exp(log_probs - before)
    weight = advantages.unsqueeze(1)
    loss: Tensor = -torch.minimum(ratio * weight, ratio.clamp(1.0 - low, 1.0 + high) * weight)
    return loss


def outside(log_probs: Tensor, before: Tensor, advantages: Tensor, low: float, high: float) -> Tensor:
    """Which actions bool [B, T] the clip keeps from pulling any further: those that give no gradient."""
    ratio = torch.exp(log_probs - before)
    weight = advantages.unsqueeze(1)
    return ((ratio > 1.0 + high) & (weight > 0)) | ((ratio < 1.0 - low) & (weight < 0))


def divergence(batch: Batch, forward: Forward) -> Tensor:
    """The mean over a minibatch's actions of (η − 1) − ln η, η = π(a) / π_before(a): this batch's part of it.

    Of actions that π_before drew its expectation is KL(π_before ‖ π), as that of −ln η is, whose mean over a minibatch
    may be negative and varies more (Schulman 2020).
    """
    change = forward.log_probs.detach() - batch["before"]
    mean: Tensor = ((torch.expm1(change) - change) * batch.weights).sum() / (batch.own or batch.weight)
    return mean
