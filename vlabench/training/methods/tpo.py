"""tpo: of two rollouts the better becomes the more probable, as whole trajectories (GRAPE's TPO, Zhang et al. 2024).

RL4VLA (Liu et al. 2025) compares it as DPO (equation 7), with preferences from rewards alone. Here the rollouts are new
in every iteration, and the policy that a training starts from is the reference throughout. A minibatch consists of
whole pairs. The loss of a pair is one of all its looks together; its gradient is computed exactly, in parts of `batch`
looks: first each pair's margin, then, with that for a constant, what every look adds (`vlabench show preference`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar, Literal

from pydantic import BaseModel, Field, model_validator
from typing_extensions import Self

from vlabench.adapters.base import TrainablePolicy
from vlabench.training.methods._compared import Compared, ComparedOptions
from vlabench.training.methods._course import TrainingRun
from vlabench.training.objectives import base
from vlabench.training.objectives.base import Objective
from vlabench.training.objectives.preference import LOSS, MARGIN, Preference
from vlabench.training.rl.contexts import Group
from vlabench.training.rl.learner import Learner
from vlabench.training.rl.preferences import Preferences, pairs


class TpoOptions(ComparedOptions):
    """Of trajectory-wise preference optimisation."""

    offers = ComparedOptions.offers | {LOSS, MARGIN}

    group: Literal["iteration", "start"] = Field(
        default="start",
        description="Which rollouts are paired, the best with the worst and so on while they differ: those of one "
                    "context, which begin at the same `start`, or all of the `iteration`, as in RL4VLA.")
    beta: float = Field(
        default=0.1, gt=0,
        description="Weight β of a pair's log-probabilities, which are sums over whole trajectories; the larger it is, "
                    "the sooner a pair counts as learned, and the closer the policy stays to the first one.")

    @model_validator(mode="after")
    def _nothing_dealt(self) -> Self:
        """A pair that the policy tells apart already pulls harder the wrong way round, whatever rewards taught."""
        if self.permuted:
            raise ValueError("`permuted` is for methods that learn from advantages, of which preferences have none: "
                             "leave it out")
        return self

    def rewarded(self) -> Objective:
        """Preferences."""
        return Preference(base.Options())


class Tpo(Compared):
    """Trajectory-wise preference optimisation."""

    Options: ClassVar[type[BaseModel]] = TpoOptions
    options: TpoOptions

    def learner(self, policy: TrainablePolicy, device: str) -> Learner:
        """One that remembers the first policy."""
        return Learner(policy, self.options, device, remembers=True)

    def credit(self, course: TrainingRun, groups: Sequence[Group]) -> Preferences | None:
        """Pairs within each group, each rollout in one at most."""
        chosen = [pair for rollouts, scores in self.compared(groups) for pair in pairs(rollouts, scores)]
        if not chosen:
            return None
        samples = Preferences(chosen, self.options.beta, course.space)
        samples.against(partial(course.learner.scored, first=True))
        return samples
