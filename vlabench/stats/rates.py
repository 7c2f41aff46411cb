"""Success rates, paired differences and their tests."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from vlabench.stats.clusters import LEVEL, RESAMPLES, Clusters

Key = TypeVar("Key", bound=Hashable)
Bools = npt.NDArray[np.bool_]


class Rate(NamedTuple):
    """Successes among n attempts; rate, low and high are fractions, NaN for n = 0."""

    n: int
    successes: int
    rate: float
    low: float
    high: float


class Estimate(NamedTuple):
    """A figure from n episodes (of each side, where two are compared) with its interval; NaN for n = 0."""

    n: int
    value: float
    low: float
    high: float


NOTHING = Estimate(0, math.nan, math.nan, math.nan)


def success_rate(outcomes: Bools, level: float = LEVEL) -> Rate:
    """The rate of bool [N] with Wilson's interval."""
    n, successes = len(outcomes), int(np.sum(outcomes))
    if n == 0:
        return Rate(0, 0, math.nan, math.nan, math.nan)
    return Rate(n, successes, successes / n, *wilson(successes, n, level))


def wilson(successes: float, n: float, level: float = LEVEL) -> tuple[float, float]:
    """Wilson's interval of a share of n > 0; wide enough for a mean of values in [0, 1] with sum `successes`."""
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(successes, n, alpha=1 - level, method="wilson")
    return float(low), float(high)


def pair(first: Mapping[Key, bool], second: Mapping[Key, bool]) -> tuple[list[Key], Bools, Bools]:
    """The keys that both have, in the order of `first`, and both outcomes [N] at them."""
    keys = [key for key in first if key in second]
    a = np.array([first[key] for key in keys], dtype=np.bool_)
    b = np.array([second[key] for key in keys], dtype=np.bool_)
    return keys, a, b


def paired_difference(
    first: Bools,
    second: Bools,
    clusters: Sequence[Hashable],
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """mean(second − first) over N paired episodes, with a bootstrap interval that resamples whole clusters.

    clusters: [N] labels, the task of each episode: episodes of one task stand or fall together, so tasks are what is
    resampled (`Clusters`). Where every resample gives the same difference (no pair disagrees, or all do), the
    bootstrap would claim certainty; Newcombe's interval takes its place.
    """
    n = len(first)
    if not n == len(second) == len(clusters):
        raise ValueError(f"{n} first outcomes, {len(second)} second ones and {len(clusters)} labels are not pairs")
    if n == 0:
        return NOTHING
    differences = second.astype(np.int64) - first.astype(np.int64)
    interval = Clusters(clusters, resamples, seed).interval_of_mean(differences, level, (-1.0, 1.0))
    return Estimate(n, float(differences.mean()), *(interval or newcombe_paired(first, second, level)))


def newcombe_paired(first: Bools, second: Bools, level: float = LEVEL) -> tuple[float, float]:
    """The interval of mean(second − first) from Wilson's limits of both rates and their correlation.

    Newcombe (1998), Statistics in Medicine 17:2635, method 10: with Yates-like correction of the correlation.
    """
    n = len(first)
    (rate_a, a_low, a_high), (rate_b, b_low, b_high) = (
        (int(np.sum(side)) / n, *wilson(int(np.sum(side)), n, level)) for side in (first, second))
    phi = correlation(first, second)
    down, up = rate_b - b_low, a_high - rate_a
    below = math.sqrt(max(down**2 - 2 * phi * down * up + up**2, 0.0))
    down, up = rate_a - a_low, b_high - rate_b
    above = math.sqrt(max(down**2 - 2 * phi * down * up + up**2, 0.0))
    return rate_b - rate_a - below, rate_b - rate_a + above


def correlation(first: Bools, second: Bools) -> float:
    """Of paired outcomes [N], with Newcombe's Yates-like correction if positive; 0 where either never varies."""
    n = len(first)
    both, neither = int(np.sum(first & second)), int(np.sum(~first & ~second))
    only_first, only_second = int(np.sum(first & ~second)), int(np.sum(~first & second))
    a, b = both + only_first, both + only_second
    margins = math.sqrt(float(a) * (n - a) * b * (n - b))
    excess = float(both * neither - only_first * only_second)
    if excess > 0:
        excess = max(excess - n / 2, 0.0)
    return excess / margins if margins else 0.0


def mcnemar(first: Bools, second: Bools) -> float:
    """The exact two-sided p-value of "both rates are equal" over paired outcomes [N]; NaN for N = 0."""
    from statsmodels.stats.contingency_tables import mcnemar as test

    if len(first) == 0:
        return math.nan
    table: list[list[Any]] = [
        [np.sum(first & second), np.sum(first & ~second)],
        [np.sum(~first & second), np.sum(~first & ~second)],
    ]
    return float(test(table, exact=True).pvalue)


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
