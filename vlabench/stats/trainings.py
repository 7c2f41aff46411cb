"""Several trainings of one recipe: rates and differences whose intervals cover the luck of trainings and of episodes.

All trainings are tried on the same episodes: two factors that cross. The variance of a mean over both is the sum of
the mean squares of trainings and of episodes, each over its number, less that of what is left, which is in both
(Cornfield and Tukey 1956); resampling both ways estimates the same, but counts what is left three times (Owen 2007),
and holds the truth too seldom where there are two or three trainings. Intervals are Student's with Satterthwaite's
degrees of freedom: two trainings that differ much are one degree, and say so by an interval that is wide. In
simulations, the tests', they hold the truth in 88 to 100 of 100 cases.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vlabench.stats.rates import DIGITS
from vlabench.stats.tasks import LEVEL, Tasks, TasksAs

Floats = npt.NDArray[np.float64]


class TrainingsRate(NamedTuple):
    """Over n different episodes; spread: the standard deviation between trainings; all as fractions."""

    n: int
    value: float
    low: float
    high: float
    spread: float


class TrainingsDifference(NamedTuple):
    """second − first over n different episodes, as fractions; p is two-sided."""

    n: int
    value: float
    low: float
    high: float
    p: float


class _Crossed(NamedTuple):
    """Of K trainings on the same episodes: their rates [K]; the variance of the mean of one training's rate by what all
    trainings have in common, with its degrees of freedom; and of one training's by what is neither its nor theirs."""

    rates: Floats
    common: float
    freedom: float
    rest: float

    @property
    def between(self) -> float:
        """The variance of one training's rate, what is left included; NaN for a single training."""
        return float(self.rates.var(ddof=1)) if len(self.rates) > 1 else math.nan


def trainings(
    outcomes: Floats,
    tasks: Sequence[Hashable],
    tasks_as: TasksAs = "fixed",
    weights: Sequence[float] | None = None,
    level: float = LEVEL,
) -> TrainingsRate:
    """The mean over K trainings of the mean over C conditions of the mean over tasks.

    outcomes: [K, C, N], NaN where there is none: an episode counts under a condition where all trainings have it.
    tasks: [N], the task of each episode. weights: of the conditions, adding up to 1; by default 1/C each. NaN if
    nothing is shared under a condition; NaN ends for one training, and for `sample` with one task.
    """
    (shared,), known = _shared([outcomes], tasks)
    if known is None:
        return TrainingsRate(0, math.nan, math.nan, math.nan, math.nan)
    found = _crossed(shared, known, tasks_as, weights)
    value = round(float(found.rates.mean()), DIGITS)
    low, high, _ = _answers(value, [found.between / len(found.rates)], [len(found.rates) - 1], found.common,
                            found.freedom, found.rest / len(found.rates), level)
    return TrainingsRate(len(known.codes), value, max(low, 0.0), min(high, 1.0), math.sqrt(found.between))


def trainings_difference(
    first: Floats,
    second: Floats,
    tasks: Sequence[Hashable],
    tasks_as: TasksAs = "fixed",
    weights: Sequence[float] | None = None,
    level: float = LEVEL,
) -> TrainingsDifference:
    """The mean of the second recipe's trainings [L, C, N] minus that of the first's [K, C, N].

    As `trainings`, an episode counting where all trainings of both have it. A recipe of which there is one training is
    taken to be as much a matter of luck as the other; of one and one there is no interval. Raises ValueError if the
    shapes do not fit.
    """
    if first.shape[1:] != second.shape[1:]:
        raise ValueError(f"{first.shape} and {second.shape}: other conditions or episodes")
    (before, after), known = _shared([first, second], tasks)
    if known is None:
        return TrainingsDifference(0, math.nan, math.nan, math.nan, math.nan)
    one, other = (_crossed(each, known, tasks_as, weights) for each in (before, after))
    value = round(float(other.rates.mean() - one.rates.mean()), DIGITS)
    sides = [each for each in (one, other) if len(each.rates) > 1]
    between, freedoms = [each.between / len(each.rates) for each in sides], [len(each.rates) - 1 for each in sides]
    rest = sum(each.rest / len(each.rates) for each in sides)
    if len(sides) == 1:  # as lucky as the other
        share = 1 / len(one.rates) + 1 / len(other.rates)
        between, rest = [sides[0].between * share], sides[0].rest * share
    both = _crossed(np.expand_dims(after.mean(0) - before.mean(0), 0), known, tasks_as, weights)
    low, high, p = _answers(value, between, freedoms, both.common, both.freedom, rest, level)
    return TrainingsDifference(len(known.codes), value, max(low, -1.0), min(high, 1.0), p)


def _shared(sides: Sequence[Floats], tasks: Sequence[Hashable]) -> tuple[list[Floats], Tasks | None]:
    """The outcomes at what all trainings have, of the episodes [N'] in which that is anything; no tasks where they have
    nothing in common under some condition."""
    every = np.concatenate(sides)
    there = np.logical_and.reduce(~np.isnan(every), axis=0)
    kept = np.logical_or.reduce(there, axis=0)
    if not np.logical_or.reduce(there, axis=1).all() or not kept.any():
        return [each[:, :, :0] for each in sides], None
    known = Tasks([task for task, present in zip(tasks, kept.tolist(), strict=True) if present])
    return [np.where(there, each, math.nan)[:, :, kept] for each in sides], known


def _crossed(outcomes: Floats, known: Tasks, tasks_as: TasksAs, weights: Sequence[float] | None) -> _Crossed:
    """Of outcomes [K, C, N] that all trainings have. What is drawn are episodes within tasks, or for `sample` tasks."""
    scores = np.stack([known.combined(each, weights) for each in outcomes])
    means = np.stack([known.means(each) for each in scores])  # [K, T]
    rates, count = means.mean(axis=1), len(scores)
    if tasks_as == "sample":
        size = known.count
        if size < 2:
            return _Crossed(rates, math.nan, math.nan, math.nan)
        rest = means - means.mean(axis=0) - rates[:, None] + rates.mean()
        return _Crossed(rates, float(means.mean(axis=0).var(ddof=1)) / size, size - 1,
                        _over((rest**2).sum(), (count - 1) * (size - 1)) / size)
    middle = scores.mean(axis=0)
    rest = scores - middle - (means - means.mean(axis=0))[:, known.codes]
    free = np.maximum(known.sizes - 1, 1)
    own = known.means((middle - means.mean(axis=0)[known.codes]) ** 2) / free  # s²/n of each task
    left = known.means((rest**2).sum(axis=0)) / free
    return _Crossed(rates, float(own.sum()) / known.count**2, float((known.sizes - 1).sum()),
                    _over(left.sum(), count - 1) / known.count**2)


def _over(total: float, freedom: int) -> float:
    """A mean square; 0 where there are no degrees of freedom, nor deviations."""
    return float(total) / freedom if freedom else 0.0


def _answers(value: float, between: Sequence[float], freedoms: Sequence[int], common: float, freedom: float,
             rest: float, level: float) -> tuple[float, float, float]:
    """Both ends of the interval, and p of "it is 0". NaN where something about the variance is not known."""
    from scipy.stats import t

    trained = sum(between)
    variance = max(trained + common - rest, trained, common)
    if not between or math.isnan(variance):
        return math.nan, math.nan, math.nan
    if variance <= 0:
        return value, value, 1.0 if value == 0 else 0.0
    terms = [*((part, free) for part, free in zip(between, freedoms, strict=True)), (common, freedom)]
    known = sum(part**2 / free for part, free in terms if free)
    free = variance**2 / known if known else math.inf
    error = math.sqrt(variance)
    half = float(t.ppf((1 + level) / 2, free)) * error
    return value - half, value + half, float(2 * t.sf(abs(value) / error, free))
