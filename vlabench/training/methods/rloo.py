"""rloo: several rollouts from each start, each judged by the others (RIPT-VLA, Tan et al. 2025), PPO's clip, no critic.

With `noise`, `jacobian` and `smoothness` it is RobustVLA (Zhang et al.), Algorithm 1: equation 1 to 4. The success rate
that moves the curriculum is that of the iteration's own rollouts, under the noise of the iteration.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from pydantic import BaseModel, Field

from vlabench.training.methods._course import TrainingRun
from vlabench.training.methods._online import Online
from vlabench.training.methods._online_options import OnlineOptions
from vlabench.training.objectives.policy_gradient import leave_one_out
from vlabench.training.rl.contexts import Group
from vlabench.training.rl.options import ClippedOptions
from vlabench.training.rl.samples import Samples


class RlooOptions(OnlineOptions, ClippedOptions):
    """Of reinforcement with leave-one-out advantages."""

    rollouts: int = Field(
        default=8, ge=2, description="Rollouts of each context, K; each is compared with the others.")


class Rloo(Online):
    """Reinforcement with leave-one-out advantages."""

    Options: ClassVar[type[BaseModel]] = RlooOptions
    options: RlooOptions

    def keep(self, course: TrainingRun, group: Group) -> bool:
        """Dynamic sampling: rollouts that all succeed, or all fail, have no advantage over each other."""
        return group.informative

    def credit(self, course: TrainingRun, groups: Sequence[Group]) -> Samples:
        """Every action of a rollout gets the rollout's advantage, and every rollout the same weight."""
        rollouts = [rollout for group in groups for rollout in group.rollouts]
        advantages = np.concatenate([leave_one_out(group.scores) for group in groups])
        each = [np.full(len(rollout), advantage) for rollout, advantage in zip(rollouts, advantages, strict=True)]
        return Samples(rollouts, each, None, [1.0 / rollout.steps for rollout in rollouts], course.space)
