"""Paired differences of success: one score statistic gives interval, p value, rank and the gate's verdict."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from vlabench.stats.rates import DIGITS, Estimate, as_rows
from vlabench.stats.tasks import LEVEL, Tasks, TasksAs, Worth

EDGE = 1 - 1e-9


@dataclass(frozen=True)
class Difference:
    """second − first over n different episodes that both have; fractions.

    lost, gained: the share of episodes, each task with the same weight, that only the first and only the second solved;
    value = gained − lost. worth: how many independent episodes this is worth. level: of the interval. All answers come
    from `z`, so that they cannot contradict each other.
    """

    n: int
    lost: float
    gained: float
    worth: Worth
    level: float = LEVEL

    @property
    def value(self) -> float:
        """The difference; NaN for n = 0."""
        return self.gained - self.lost

    def z(self, truth: float) -> float:
        """How many standard errors the difference lies above a true one, −1 < truth < 1.

        Tango (1998), Statistics in Medicine 17:891: the standard error is the one under that truth.
        """
        gap, n, turned = self.value - truth, self.worth.episodes, truth * (1 - truth)
        b = 2 * truth - (self.lost + self.gained) - self.value * truth
        q = (math.sqrt(max(b * b + 8 * self.lost * turned, 0.0)) - b) / 4
        variance = max(2 * q + turned, 0.0)
        if variance <= 0:
            return 0.0 if abs(gap) < 1e-12 else math.copysign(math.inf, gap)
        return gap * math.sqrt(n / variance)

    @cached_property
    def p(self) -> float:
        """The two-sided p value of "there is no difference"."""
        return math.nan if self._unknown else min(1.0, 2 * self.worth.exceeds(abs(self.z(0.0))))

    def p_no_worse(self, margin: float) -> float:
        """The p value of "it lost `margin` or more" (0 ≤ margin < 1): small where the loss is certainly smaller."""
        return math.nan if self._unknown else self.worth.exceeds(self.z(-margin))

    def p_worse(self, margin: float) -> float:
        """The p value of "it lost no more than `margin`": small where the loss is certainly larger."""
        return math.nan if self._unknown else self.worth.exceeds(-self.z(-margin))

    @cached_property
    def low(self) -> float:
        """The lower end of the interval."""
        return self.lower((1 - self.level) / 2)

    @cached_property
    def high(self) -> float:
        """The upper end of the interval."""
        return self.upper((1 - self.level) / 2)

    def lower(self, error: float) -> float:
        """What the true difference is below with an error of `error`."""
        return self._limit(self.worth.quantile(error), -1.0)

    def upper(self, error: float) -> float:
        """What the true difference is above with an error of `error`."""
        return self._limit(-self.worth.quantile(error), 1.0)

    @property
    def estimate(self) -> Estimate:
        """With its interval."""
        return Estimate(self.n, self.value, self.low, self.high)

    @property
    def _unknown(self) -> bool:
        return self.n == 0 or math.isnan(self.worth.episodes)

    def _limit(self, z: float, end: float) -> float:
        """The true difference of which this one is z standard errors away; `end` if there is none."""
        from scipy.optimize import brentq

        if self._unknown:
            return math.nan
        value, outermost = min(max(self.value, -EDGE), EDGE), end * EDGE
        if abs(value - outermost) < 1e-12 or (self.z(outermost) - z) * (self.z(value) - z) >= 0:
            return end
        return float(brentq(lambda truth: self.z(truth) - z, outermost, value, xtol=1e-9))


NO_DIFFERENCE = Difference(0, math.nan, math.nan, Worth(math.nan, math.nan))


def difference(
    first: npt.NDArray[Any],
    second: npt.NDArray[Any],
    tasks: Sequence[Hashable],
    tasks_as: TasksAs = "fixed",
    level: float = LEVEL,
    weights: Sequence[float] | None = None,
) -> Difference:
    """second − first of paired outcomes: bool [N], or [C, N] under C conditions, over which the mean is taken.

    Floats with NaN stand for episodes without an outcome; a pair needs both. tasks: [N], the task of each episode;
    every task weighs the same. weights: of the conditions, adding up to 1; by default 1/C each. Raises ValueError for
    arrays of other lengths.
    """
    if first.shape != second.shape:
        raise ValueError(f"{first.shape} first outcomes and {second.shape} second ones are not pairs")
    before, after = as_rows(first, tasks), as_rows(second, tasks)
    missing = np.isnan(before) | np.isnan(after)
    kept = np.asarray(~missing.all(axis=0))
    n = int(kept.sum())
    if not n:
        return NO_DIFFERENCE
    known = Tasks([task for task, present in zip(tasks, kept.tolist(), strict=True) if present])
    lost, gained = (known.combined(np.where(missing, math.nan, side)[:, kept], weights)
                    for side in (before * (1 - after), after * (1 - before)))
    if np.isnan(lost).any():
        return NO_DIFFERENCE
    less, more = (round(float(known.means(each).mean()), DIGITS) for each in (lost, gained))
    return Difference(n, less, more, known.worth(gained - lost, less + more - (more - less) ** 2, tasks_as), level)
