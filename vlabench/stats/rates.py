"""Success rates over tasks, with the interval of either question, and Holm's correction."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from vlabench.stats.tasks import LEVEL, Tasks, TasksAs, Worth

DIGITS = 12
"""Decimal places of means, so that 1949 of 2000 are 97.45 % in whatever order they are added up."""
Key = TypeVar("Key", bound=Hashable)
Bools = npt.NDArray[np.bool_]


class Estimate(NamedTuple):
    """A figure from n different episodes (of each side, where two are compared) with its interval.

    NaN for n = 0; the interval alone is NaN where the question has no answer (tasks like these, from one task).
    """

    n: int
    value: float
    low: float
    high: float


NOTHING = Estimate(0, math.nan, math.nan, math.nan)


def rate(
    outcomes: npt.NDArray[Any],
    tasks: Sequence[Hashable],
    tasks_as: TasksAs = "fixed",
    level: float = LEVEL,
    weights: Sequence[float] | None = None,
) -> Estimate:
    """The mean over tasks, each with the same weight, of their success rates.

    outcomes: bool [N], or [C, N] under C conditions, whose rates are averaged (or weighted by `weights` [C], which add
    up to 1); floats with NaN stand for episodes without an outcome. tasks: [N], the task of each episode. The interval
    is Agresti and Coull's (1998) for as many independent episodes as these are worth (`Tasks.worth`).
    """
    rows = as_rows(outcomes, tasks)
    there = np.asarray(~np.isnan(rows).all(axis=0))
    n = int(there.sum())
    if not n:
        return NOTHING
    known = Tasks([task for task, present in zip(tasks, there.tolist(), strict=True) if present])
    scores = known.combined(rows[:, there], weights)
    value = round(float(known.means(scores).mean()), DIGITS)
    if math.isnan(value):
        return NOTHING._replace(n=n)
    return Estimate(n, value, *agresti_coull(value, known.worth(scores, value * (1 - value), tasks_as), level))


def agresti_coull(share: float, worth: Worth, level: float = LEVEL) -> tuple[float, float]:
    """The interval of a share of so many independent episodes; NaN where there is no answer."""
    from scipy.stats import norm
    from statsmodels.stats.proportion import proportion_confint

    if math.isnan(worth.episodes):
        return math.nan, math.nan
    alpha = 2 * norm.sf(worth.quantile((1 - level) / 2))
    n = worth.episodes
    low, high = proportion_confint(min(max(share, 0.0), 1.0) * n, n, alpha=alpha, method="agresti_coull")
    return max(float(low), 0.0), min(float(high), 1.0)


def pair(first: Mapping[Key, bool], second: Mapping[Key, bool]) -> tuple[list[Key], Bools, Bools]:
    """The keys that both have, in the order of `first`, and both outcomes [N] at them."""
    keys = [key for key in first if key in second]
    a = np.array([first[key] for key in keys], dtype=np.bool_)
    b = np.array([second[key] for key in keys], dtype=np.bool_)
    return keys, a, b


def as_rows(outcomes: npt.NDArray[Any], tasks: Sequence[Hashable]) -> npt.NDArray[np.float64]:
    """As floats [C, N]. Raises ValueError unless there is a label for each episode."""
    if outcomes.shape[-1] != len(tasks):
        raise ValueError(f"{outcomes.shape[-1]} outcomes and {len(tasks)} labels are not pairs")
    return np.asarray(outcomes, dtype=np.float64).reshape(math.prod(outcomes.shape[:-1]), len(tasks))


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values corrected for their number by Holm's method, in the same order; NaN stays NaN and is not counted.

    By hand, because statsmodels' `multipletests` collects garbage on every call: 0.1 s with 100,000 records in memory.
    """
    given = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(given, kind="stable")[: np.sum(~np.isnan(given))]  # NaN is sorted to the end
    adjusted = np.full(len(given), math.nan)
    raised = np.maximum.accumulate(given[order] * np.arange(len(order), 0, -1))
    adjusted[order] = np.minimum(raised, 1.0)
    return [float(p) for p in adjusted]
