"""What episodes say about tasks: how many independent episodes a mean over tasks is worth, for either question.

A success rate over a suite answers one of two questions. `fixed`: how does the policy do on these tasks, over all start
states? Then only start states are drawn at random. `sample`: how would it do on tasks like these? Then the tasks are,
too, and episodes of one task resemble each other. All rates, differences, tests and ranks are those of n independent
episodes; the questions differ in what n is (`Tasks.worth`). Every task weighs the same.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

TasksAs = Literal["fixed", "sample"]
TASKS_AS: tuple[TasksAs, ...] = get_args(TasksAs)
LEVEL = 0.95
PSEUDO = 2
"""Episodes' worth of the variance of independent episodes that are added to what was observed: with few episodes or
rare failures the observed variance is often 0 by chance, and would claim certainty."""
FEW = 20
"""With fewer tasks, their number is what limits an answer about tasks like these."""
Floats = npt.NDArray[np.float64]


class Worth(NamedTuple):
    """So many independent episodes tell as much; freedom: of Student's t, infinite for the normal distribution.

    NaN where the question has no answer: tasks like these, from one task.
    """

    episodes: float
    freedom: float

    def quantile(self, error: float) -> float:
        """What a standardised estimate exceeds with probability `error`."""
        from scipy.stats import norm, t

        return float(norm.isf(error) if math.isinf(self.freedom) else t.isf(error, self.freedom))

    def exceeds(self, z: float) -> float:
        """The probability that a standardised estimate is larger than z."""
        from scipy.stats import norm, t

        return float(norm.sf(z) if math.isinf(self.freedom) else t.sf(z, self.freedom))


class Tasks:
    """Which of N episodes belong to which of T tasks. labels: [N], the task of each."""

    def __init__(self, labels: Sequence[Hashable]) -> None:
        number: dict[Hashable, int] = {}
        self.codes = np.fromiter((number.setdefault(label, len(number)) for label in labels), np.int64, len(labels))
        self.sizes = np.bincount(self.codes, minlength=len(number)).astype(np.float64)

    @property
    def count(self) -> int:
        """T."""
        return len(self.sizes)

    @property
    def balanced(self) -> float:
        """The episodes N if all tasks have as many, else those of tasks of equal size whose mean is as exact."""
        return float(self.count**2 / np.sum(1 / self.sizes))

    def means(self, scores: npt.NDArray[Any]) -> Floats:
        """Of scores [N], by task [T]."""
        return np.bincount(self.codes, weights=scores, minlength=self.count) / self.sizes

    def combined(self, rows: npt.NDArray[Any], weights: Sequence[float] | None = None) -> Floats:
        """One score [N] for each episode from those under C conditions [C, N], NaN where there is none.

        The mean of its task means is the weighted sum over conditions of the means of their task means; with an outcome
        for every episode under every condition, a score is simply the weighted sum of the episode's. weights: [C], by
        default 1/C each.
        """
        there = ~np.isnan(rows)
        shares = np.full(len(rows), 1 / max(len(rows), 1)) if weights is None else np.asarray(weights, dtype=np.float64)
        scores = np.zeros(len(self.codes))
        for row, present, weight in zip(rows, there, shares, strict=True):
            if not present.any():
                return np.full(len(self.codes), math.nan)
            sizes = np.bincount(self.codes, weights=present, minlength=self.count)
            scale = self.count * self.sizes / np.maximum(sizes, 1) / np.count_nonzero(sizes)
            scores += weight * np.where(present, row, 0.0) * scale[self.codes]
        return scores

    def worth(self, scores: Floats, variance: float, tasks_as: TasksAs) -> Worth:
        """How many independent episodes the mean over tasks of scores [N] is worth.

        variance: that of one episode's score if it were independent of everything, P. With n₀ = `balanced` and k =
        PSEUDO it is n₀ / min(1, (n₀² W + k) / (n₀ P + k)) for `fixed`, W being the variance of the mean as estimated
        within tasks; for `sample` n₀ (n₀ P + k) / (max(n₀² V, n₀ S) + k), V being that estimated between tasks and S
        the variance of all scores.
        """
        whole = self.balanced
        independent = whole * variance + PSEUDO
        means, squares = self.means(scores), self.means(scores**2)
        if tasks_as == "fixed":
            if self.sizes.min() < 2:
                return Worth(whole, math.inf)
            within = np.maximum(squares - means**2, 0.0) / (self.sizes - 1)  # s²/n of each task
            mine = whole**2 * float(within.sum()) / self.count**2 + PSEUDO
            return Worth(whole / min(1.0, mine / independent), math.inf)
        if self.count < 2:
            return Worth(math.nan, math.nan)
        between = float(means.var(ddof=1)) / self.count
        spread = float(squares.mean() - means.mean() ** 2)
        return Worth(whole * independent / (max(whole**2 * between, whole * spread) + PSEUDO), self.count - 1)


def question(tasks_as: TasksAs, tasks: int, often: str = "19 times out of 20") -> list[str]:
    """What figures about so many tasks say and do not say, for people. often: how often the interval holds."""
    if tasks_as == "fixed":
        return [f"These figures are about exactly the tasks played: the true value over all start states lies in the "
                f"interval {often}. They say nothing about a task that was not played."]
    said = ["These figures treat the tasks played as a sample of the tasks that you might give the robot, so their "
            "intervals also cover the luck of which tasks were picked. They get narrower with more tasks and hardly "
            "with more episodes, and assume that no rare kind of task, one absent here, behaves quite differently."]
    if tasks < 2:
        return [*said, "One task says nothing about tasks like it: there is no interval."]
    share = 100 * (1 - 0.05 ** (1 / tasks))
    missing = (f"A kind of task that makes up less than {share:.2g} % of all may be missing among these {tasks}; if "
               f"such a kind collapses, the intervals do not show it.")
    return [*said, missing, *(["More episodes do not help, more tasks do."] if tasks < FEW else [])]
