"""Pairs of rollouts, of which one is preferred to the other, and what their looks are worth by that."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np

from vlabench.training.objectives.policy_gradient import ALIKE
from vlabench.training.objectives.preference import LOSS, MARGIN
from vlabench.training.rl.rollouts import Rollout
from vlabench.training.rl.samples import ADVANTAGES, Floats64, Samples, Score
from vlabench.types import ActionSpace

Pair = tuple[Rollout, Rollout]
"""The one that is preferred, and the other."""


def pairs(rollouts: Sequence[Rollout], scores: Sequence[float]) -> list[Pair]:
    """The best with the worst, the second best with the second worst, and so on while their scores differ; each rollout
    is in one pair at most. Of scores that are alike the first comes first.
    """
    order = sorted(range(len(scores)), key=lambda number: -scores[number])
    ends = zip(order[: len(order) // 2], order[::-1], strict=False)
    return [(rollouts[best], rollouts[worst]) for best, worst in ends if scores[best] - scores[worst] > ALIKE]


class Preferences(Samples):
    """All looks of the rollouts of some pairs. Every pair weighs the same, whatever the length of its rollouts.

    beta: how much a pair's log-probabilities count. A minibatch consists of whole pairs: a look is worth what both
    trajectories' probabilities make it, which are computed first, look by look (`objectives.preference`).
    """

    def __init__(self, chosen: Sequence[Pair], beta: float, space: ActionSpace | None = None) -> None:
        rollouts = [rollout for pair in chosen for rollout in pair]
        self._steps = np.array([best.steps + worst.steps for best, worst in chosen], dtype=np.float64)
        super().__init__(rollouts, [np.zeros(len(each)) for each in rollouts], None,
                         np.repeat(1.0 / self._steps, 2).tolist(), space)
        self._beta = beta
        self._reference = np.zeros(len(rollouts))

    def against(self, first: Score) -> None:
        """Set the first policy, by what it scores."""
        self._reference = self._sums(range(len(self)), first)

    def credited(self, rows: Sequence[int], score: Score) -> Preferences:
        """Pairs of which `rows` are not all looks are worth nothing to be relied on."""
        ratios = self._sums(rows, score) - self._reference
        margins = self._beta * (ratios[0::2] - ratios[1::2])
        losses = np.logaddexp(0.0, -margins)
        pulls = self._beta * np.exp(-margins - losses) * self._steps  # an action's weight is 1 / steps
        found = copy.copy(self)
        each = {ADVANTAGES: np.stack([pulls, -pulls], 1).ravel(), MARGIN: np.repeat(margins, 2),
                LOSS: np.repeat(losses, 2)}
        found._columns = {**self._columns, **{
            name: [np.full(len(rollout), value) for rollout, value in zip(self.rollouts, values, strict=True)]
            for name, values in each.items()}}
        return found

    def split(self, count: int, order: np.random.Generator) -> list[list[int]]:
        """Of whole pairs."""
        parts = np.array_split(order.permutation(len(self._steps)), min(count, len(self._steps)))
        starts = np.cumsum([0, *map(len, self.rollouts)])[::2]
        return [[row for pair in part for row in range(starts[pair], starts[pair + 1])] for part in parts]

    def _sums(self, rows: Sequence[int], score: Score) -> Floats64:
        """Log-probability of each rollout, of the looks that are asked for."""
        sums = np.zeros(len(self.rollouts))
        np.add.at(sums, [self._rows[row][0] for row in rows], score(self, rows))
        return sums
