"""Arrays in, numbers out: success rates, paired differences and tests, each with its interval.

Outcomes are bool arrays, True for a success. Episodes that ended in an error are no outcomes: leave them out before
calling. Differences are second − first, as fractions: −0.2 means that the second succeeds 20 points less often.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

Key = TypeVar("Key", bound=Hashable)
Bools = npt.NDArray[np.bool_]
LEVEL = 0.95
RESAMPLES = 10_000


class Rate(NamedTuple):
    """Successes among n attempts; rate, low and high are fractions, NaN for n = 0."""

    n: int
    successes: int
    rate: float
    low: float
    high: float


class Difference(NamedTuple):
    """Of two rates over the same n episodes, with its interval; NaN for n = 0."""

    n: int
    value: float
    low: float
    high: float


def success_rate(outcomes: Bools, level: float = LEVEL) -> Rate:
    """The rate of bool [N] with Wilson's interval."""
    n, successes = len(outcomes), int(np.sum(outcomes))
    if n == 0:
        return Rate(0, 0, math.nan, math.nan, math.nan)
    low, high = _wilson(successes, n, level)
    return Rate(n, successes, successes / n, low, high)


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
) -> Difference:
    """mean(second − first) over N paired episodes, with a bootstrap interval that resamples whole clusters.

    clusters: [N] labels, the task of each episode: episodes of one task stand or fall together, so tasks are what is
    resampled. With fewer than two clusters, episodes are. The interval is the expanded percentile one (Hesterberg
    2015, The American Statistician 69:371): plain percentiles are too narrow for ten tasks, by what Student's t is
    wider than the normal. Where every resample gives the same difference (no pair disagrees, or all do), the
    bootstrap would claim certainty; Newcombe's interval takes its place.
    """
    n = len(first)
    if not n == len(second) == len(clusters):
        raise ValueError(f"{n} first outcomes, {len(second)} second ones and {len(clusters)} labels are not pairs")
    if n == 0:
        return Difference(0, math.nan, math.nan, math.nan)
    differences = second.astype(np.int64) - first.astype(np.int64)
    value = float(differences.mean())
    codes = np.unique([str(label) for label in clusters], return_inverse=True)[1]
    if codes.max() == 0:
        codes = np.arange(n)
    sums = np.bincount(codes, weights=differences)
    means = _resampled_means(sums, np.bincount(codes), resamples, seed)
    if np.ptp(means) < 1e-12:
        return Difference(n, value, *newcombe_paired(first, second, level))
    tail = _expanded_tail(len(sums), level)
    low, high = np.quantile(means, [tail, 1 - tail])
    return Difference(n, value, float(low), float(high))


def newcombe_paired(first: Bools, second: Bools, level: float = LEVEL) -> tuple[float, float]:
    """The interval of mean(second − first) from Wilson's limits of both rates and their correlation.

    Newcombe (1998), Statistics in Medicine 17:2635, method 10: with Yates-like correction of the correlation.
    """
    n = len(first)
    both, neither = int(np.sum(first & second)), int(np.sum(~first & ~second))
    only_first, only_second = int(np.sum(first & ~second)), int(np.sum(~first & second))
    a, b = both + only_first, both + only_second
    margins = math.sqrt(float(a) * (n - a) * b * (n - b))
    excess = float(both * neither - only_first * only_second)
    if excess > 0:
        excess = max(excess - n / 2, 0.0)
    phi = excess / margins if margins else 0.0
    (a_low, a_high), (b_low, b_high) = _wilson(a, n, level), _wilson(b, n, level)
    rate_a, rate_b = a / n, b / n
    down, up = rate_b - b_low, a_high - rate_a
    below = math.sqrt(max(down**2 - 2 * phi * down * up + up**2, 0.0))
    down, up = rate_a - a_low, b_high - rate_b
    above = math.sqrt(max(down**2 - 2 * phi * down * up + up**2, 0.0))
    return rate_b - rate_a - below, rate_b - rate_a + above


def mcnemar(first: Bools, second: Bools) -> float:
    """The exact two-sided p-value of "both rates are equal" over paired outcomes [N]; NaN for N = 0."""
    from statsmodels.stats.contingency_tables import mcnemar as test

    if len(first) == 0:
        return math.nan
    table = [
        [np.sum(first & second), np.sum(first & ~second)],
        [np.sum(~first & second), np.sum(~first & ~second)],
    ]
    return float(test(table, exact=True).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values corrected for their number by Holm's method, in the same order; NaN stays NaN and is not counted."""
    from statsmodels.stats.multitest import multipletests

    adjusted = [math.nan] * len(p_values)
    tested = [i for i, p in enumerate(p_values) if not math.isnan(p)]
    if tested:
        corrected = multipletests([p_values[i] for i in tested], method="holm")[1]
        for i, p in zip(tested, corrected, strict=True):
            adjusted[i] = float(p)
    return adjusted


def _wilson(successes: int, n: int, level: float) -> tuple[float, float]:
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(successes, n, alpha=1 - level, method="wilson")
    return float(low), float(high)


def _expanded_tail(count: int, level: float) -> float:
    """The tail probability at which to read a bootstrap over `count` clusters."""
    from scipy.stats import norm, t

    quantile = t.ppf((1 + level) / 2, count - 1) * math.sqrt(count / (count - 1))
    return float(norm.cdf(-quantile))


def _resampled_means(
    sums: npt.NDArray[Any], sizes: npt.NDArray[Any], resamples: int, seed: int
) -> npt.NDArray[np.float64]:
    """Means [resamples] of clusters drawn with replacement; chunked, so that memory stays in megabytes."""
    rng = np.random.Generator(np.random.Philox(seed))
    count = len(sums)
    chunk = max(1, 4_000_000 // count)
    means = []
    for start in range(0, resamples, chunk):
        drawn = rng.integers(count, size=(min(chunk, resamples - start), count))
        means.append(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1))
    return np.concatenate(means)
