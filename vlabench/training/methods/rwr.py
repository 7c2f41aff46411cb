"""rwr: cloning of one's own rollouts, each by the exponential of what it earned (Peters and Schaal 2007).

Reward-weighted regression: of all policies, in the limit, the one that makes an action as frequent as it was before
times the mean weight of the rollouts it was taken in. There is neither clip nor critic, and weights are never negative:
what failed is outweighed rather than pushed away.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from pydantic import BaseModel, Field

from vlabench.training.methods._course import TrainingRun
from vlabench.training.methods._online import Online
from vlabench.training.methods._online_options import SpreadOptions
from vlabench.training.objectives.policy_gradient import ALIKE, reward_weights
from vlabench.training.rl.contexts import Group
from vlabench.training.rl.samples import Samples


class RwrOptions(SpreadOptions):
    """Of reward-weighted regression: 64 episodes an iteration, each of a context of its own."""

    reward_temperature: float = Field(
        default=0.5, gt=0,
        description="T of a rollout's weight, exp(sum of its rewards / T): at 0.5 a success counts 7 times as much as "
                    "a failure, towards 0 the best are cloned alone.")


class Rwr(Online):
    """Reward-weighted regression."""

    Options: ClassVar[type[BaseModel]] = RwrOptions
    options: RwrOptions

    def keep(self, course: TrainingRun, group: Group) -> bool:
        """All: they are weighed against each other."""
        return True

    def credit(self, course: TrainingRun, groups: Sequence[Group]) -> Samples | None:
        """Weights whose mean over all actions is 1, so that what they do to the loss's size is independent of T."""
        rollouts = [rollout for group in groups for rollout in group.rollouts]
        scores = [score for group in groups for score in group.scores]
        if np.ptp(scores) < ALIKE:
            return None
        weights = reward_weights(scores, self.options.reward_temperature)
        weights = weights / np.average(weights, weights=[rollout.steps for rollout in rollouts])
        each = [np.full(len(rollout), weight) for rollout, weight in zip(rollouts, weights, strict=True)]
        return Samples(rollouts, each, None, [1.0] * len(rollouts), course.space)
