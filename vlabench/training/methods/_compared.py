"""What methods share that compare rollouts with each other, those of one start or all of an iteration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from vlabench.training.methods._course import TrainingRun
from vlabench.training.methods._online import Online
from vlabench.training.methods._online_options import OnlineOptions
from vlabench.training.rl.contexts import Group
from vlabench.training.rl.rollouts import Rollout


class ComparedOptions(OnlineOptions):
    """Of a method that compares rollouts."""

    group: Literal["iteration", "start"] = Field(
        default="iteration",
        description="Whom a rollout is compared with: all of the `iteration`, or those of its own context, which begin "
                    "at the same `start` and are left out where all are worth the same (RL4VLA's \"(s)\").")

    @model_validator(mode="after")
    def _somebody_to_be_compared_with(self) -> Self:
        """One that is alone has no others."""
        if self.group == "start" and self.rollouts < 2:
            raise ValueError(f"group = 'start' compares the rollouts of a context, of which there is {self.rollouts}: "
                             f"rollouts = 8, for instance, or group = 'iteration'")
        if self.contexts * self.rollouts < 2:
            raise ValueError("an iteration of one rollout has no others to compare it with: contexts = 64, for "
                             "instance, or more rollouts")
        return self


class Compared(Online):
    """A method that compares rollouts."""

    options: ComparedOptions

    def keep(self, course: TrainingRun, group: Group) -> bool:
        """All where all are compared; else a context whose rollouts differ."""
        return self.options.group == "iteration" or group.informative

    def compared(self, groups: Sequence[Group]) -> list[tuple[list[Rollout], list[float]]]:
        """The rollouts that are compared with each other, and their scores."""
        together = [groups] if self.options.group == "iteration" else [[group] for group in groups]
        return [([rollout for group in each for rollout in group.rollouts],
                 [score for group in each for score in group.scores]) for each in together]
