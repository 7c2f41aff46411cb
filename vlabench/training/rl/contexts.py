"""Which episodes an iteration plays: contexts (a task and a start), several rollouts of each, and which are kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vlabench.cards.conditions import CLEAN
from vlabench.cards.noise import Noise
from vlabench.seeding import generator
from vlabench.training.objectives.policy_gradient import ALIKE
from vlabench.training.rl.curriculum import Level, draw
from vlabench.training.rl.rollouts import Assignment, Rollout
from vlabench.types import EpisodeSpec, Task

SEED = 2_000_003
"""Of the first training's rollouts, counted on from there: demonstrations and trials have others."""


@dataclass(frozen=True)
class Schedule:
    """Contexts numbered from 0: the tasks in a new random order each time round, `per_task` starts of each at a time,
    since opening a scene costs as much as an episode or two. A context's start is drawn from its task's placement
    regions, and no two contexts share one.
    """

    tasks: Sequence[Task]
    seed: int
    per_task: int

    def task(self, number: int) -> Task:
        """The task of a context."""
        time_round, place = divmod(number // self.per_task, len(self.tasks))
        order = generator("tasks", self.seed, time_round).permutation(len(self.tasks))
        return self.tasks[int(order[place])]

    def context(self, number: int, rollouts: int, noise: Noise | None, level: Level) -> tuple[Assignment, ...]:
        """What to play of a context. All rollouts share the start and differ in the actions that they sample; in the
        perturbations, too, if `noise` has each rollout draw its own.
        """
        return tuple(self._assignment(number, repeat, noise or Noise(), level) for repeat in range(rollouts))

    def _assignment(self, number: int, repeat: int, noise: Noise, level: Level) -> Assignment:
        own = noise.draw == "rollout"
        chain = draw(noise, level, self.seed, number, *([repeat] if own else []))
        if own:  # the name keys the random stream
            chain = {f"{name}@{repeat}": perturbation for name, perturbation in chain.items()}
        condition = "+".join(chain) or CLEAN
        return Assignment(EpisodeSpec(self.task(number), condition, number, SEED + self.seed, sampled=True,
                                      repeat=repeat), chain)


@dataclass(frozen=True)
class Group:
    """The rollouts of one context that did not end in an error, in their order, and their scores."""

    number: int
    rollouts: tuple[Rollout, ...]
    scores: tuple[float, ...]

    @property
    def informative(self) -> bool:
        """Whether there is anything to tell good from bad by: two rollouts whose scores differ."""
        return len(self.scores) > 1 and max(self.scores) - min(self.scores) > ALIKE


@dataclass(frozen=True)
class Gathered:
    """The groups to learn from, all rollouts, of groups that were kept or not, and how many contexts they were of."""

    kept: tuple[Group, ...]
    played: tuple[Rollout, ...]
    tried: int

    @property
    def outcomes(self) -> tuple[bool, ...]:
        """Of all rollouts."""
        return tuple(rollout.success for rollout in self.played)

    @property
    def success(self) -> float:
        """The success rate of all rollouts; 0 if there are none."""
        return float(np.mean(self.outcomes)) if self.outcomes else 0.0


def gather(candidates: Sequence[tuple[Assignment, ...]], wanted: int,
           play: Callable[[Sequence[EpisodeSpec]], Mapping[EpisodeSpec, Rollout]],
           score: Callable[[Rollout], float], keep: Callable[[Group], bool]) -> Gathered:
    """Play contexts, in waves of as many as are missing, until `wanted` groups are kept or no candidates are left.

    RIPT-VLA's dynamic sampling with a cap. What is kept depends on the candidates alone, not on who plays faster.
    """
    kept: list[Group] = []
    played: list[Rollout] = []
    tried = 0
    while len(kept) < wanted and tried < len(candidates):
        wave = candidates[tried : tried + wanted - len(kept)]
        tried += len(wave)
        found = play([each.spec for context in wave for each in context])
        for context in wave:
            rollouts = tuple(found[each.spec] for each in context if each.spec in found)
            group = Group(context[0].spec.index, rollouts, tuple(map(score, rollouts)))
            played += rollouts
            if rollouts and keep(group):
                kept.append(group)
    return Gathered(tuple(kept), tuple(played), tried)
