"""grpo: rewards measured by those of a group of rollouts, PPO's clip, no critic (Shao et al. 2024).

As RL4VLA (Liu et al. 2025, A.1) has it: by process supervision, with `advantages = "process"` (equations 3 and 4) or
`"whole"` (5 and 6), over all rollouts of an iteration or those of one start (its "s"). The divergence from the first
policy that Shao et al. add is the objective `kl_reference`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from pydantic import BaseModel, Field, model_validator
from typing_extensions import Self

from vlabench.training.methods._compared import Compared, ComparedOptions
from vlabench.training.methods._course import TrainingRun
from vlabench.training.methods._online_options import SpreadOptions
from vlabench.training.objectives.policy_gradient import group_relative, outcome_relative
from vlabench.training.rl import rewards
from vlabench.training.rl.contexts import Group
from vlabench.training.rl.options import ClippedOptions
from vlabench.training.rl.rollouts import Rollout
from vlabench.training.rl.samples import Floats64, Samples


class GrpoOptions(SpreadOptions, ComparedOptions, ClippedOptions):
    """Of group-relative policy optimisation: 64 episodes an iteration, each of a context of its own."""

    advantages: Literal["outcome", "process", "whole"] = Field(
        default="outcome",
        description="What is measured by the group's mean and deviation: the `outcome` of a rollout, the sum of its "
                    "rewards, for all its actions; or by `process` its single rewards, each for the actions before it, "
                    "those alone that are not 0 (RL4VLA, equations 3 and 4), or as a `whole` (5 and 6): zeros, too, by "
                    "which every further step of a failure costs.")

    @model_validator(mode="after")
    def _rewards_that_differ(self) -> Self:
        """Of those that are not 0."""
        if self.advantages == "process" and self.reward == "sparse":
            raise ValueError("advantages = 'process' measures the rewards that are not 0 by each other, and with "
                             "reward = 'sparse' these are all 1: reward = 'staged' or 'dense', or advantages = "
                             "'outcome' or 'whole'")
        return self


class Grpo(Compared):
    """Group-relative policy optimisation."""

    Options: ClassVar[type[BaseModel]] = GrpoOptions
    options: GrpoOptions

    def keep(self, course: TrainingRun, group: Group) -> bool:
        """All where all are compared; else a context whose rollouts differ in their advantages, which by `process` and
        as a `whole` they do, too, when the sums of their rewards are alike and one was paid earlier.
        """
        if self.options.group == "iteration":
            return True
        first, *others = every = self._advantages(course, group.rollouts, group.scores)
        return any(each.any() for each in every) and any(not np.array_equal(first, other) for other in others)

    def credit(self, course: TrainingRun, groups: Sequence[Group]) -> Samples | None:
        """Advantages within each group; every action has the same weight."""
        rollouts: list[Rollout] = []
        advantages: list[Floats64] = []
        for members, scores in self.compared(groups):
            rollouts += members
            advantages += self._advantages(course, members, scores)
        if not any(each.any() for each in advantages):
            return None
        return Samples(rollouts, advantages, None, [1.0] * len(rollouts), course.space)

    def _advantages(self, course: TrainingRun, rollouts: Sequence[Rollout], scores: Sequence[float]) -> list[Floats64]:
        """Of each rollout, by look [L]."""
        if self.options.advantages == "outcome":
            return [np.full(len(rollout), each) for rollout, each in
                    zip(rollouts, outcome_relative(scores), strict=True)]
        return group_relative([rewards.by_look(rollout, course.reward(rollout)) for rollout in rollouts],
                              zeros=self.options.advantages == "whole")
