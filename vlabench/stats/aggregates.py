"""Aggregates over tasks after rliable (Agarwal et al. 2021): interquartile mean, probability of improvement."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from vlabench.stats.rates import NOTHING, Estimate
from vlabench.stats.tasks import LEVEL

RESAMPLES = 2_000
Floats = npt.NDArray[np.float64]


class Statistic(Protocol):
    """A figure of the scores of T tasks, for many resamples at once, such as `numpy.mean` and `iqm`."""

    def __call__(self, scores: Floats, /, *, axis: int) -> Any: ...


def iqm(scores: npt.ArrayLike, axis: int | None = None) -> Any:
    """The interquartile mean: of the middle half; whole scores are cut off, ⌊n/4⌋ at each end (as rliable does)."""
    from scipy.stats import trim_mean

    return trim_mean(np.asarray(scores, dtype=np.float64), 0.25, axis=axis)


def stratified_bootstrap(
    tasks: Sequence[npt.NDArray[Any]],
    statistic: Statistic = np.mean,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """A statistic of the tasks' mean scores, with an interval for these very tasks: episodes are resampled within each.

    tasks: per task the scores of its episodes [n_t], success or any number. statistic: of T means along an axis;
    by default their mean, in which each task counts the same. Percentile interval; in each task n_t − 1 of n_t
    episodes are drawn, with replacement, which gives the mean its unbiased variance (McCarthy and Snowden 1985).
    It is for figures that `rate` and `difference` do not give; for the mean itself theirs are better. NaN ends where
    no task's scores vary: the bootstrap knows nothing there.
    """
    n = sum(len(scores) for scores in tasks)
    if n == 0 or not all(len(scores) for scores in tasks):
        return NOTHING._replace(n=n)
    rng = np.random.Generator(np.random.Philox(seed))
    means = np.stack([counts @ values / counts.sum(axis=1) for values, counts in
                      (_resampled(scores, resamples, rng) for scores in tasks)], axis=1)
    value = float(statistic(np.array([scores.mean() for scores in tasks]), axis=-1))
    return Estimate(n, value, *_percentiles(np.asarray(statistic(means, axis=-1)), level))


def probability_of_improvement(
    first: Sequence[npt.NDArray[Any]],
    second: Sequence[npt.NDArray[Any]],
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """The chance that an episode of the second scores higher than one of the first on a task drawn at random.

    A tie counts half, so 0.5 = no better. first, second: per task the scores of its episodes [n_t], [m_t], which need
    not be paired; the interval is as that of `stratified_bootstrap`. n counts the episodes of the smaller side.
    Raises ValueError if the numbers of tasks differ.
    """
    if len(first) != len(second):
        raise ValueError(f"{len(first)} tasks against {len(second)}")
    n = min(sum(len(scores) for scores in side) for side in (first, second))
    if n == 0 or not all(len(scores) for side in (first, second) for scores in side):
        return NOTHING._replace(n=n)
    rng = np.random.Generator(np.random.Philox(seed))
    pairs = list(zip(first, second, strict=True))
    value = np.mean([_superiority(a, b, *(np.ones((1, len(side))) for side in (a, b))) for a, b in pairs])
    resampled = []
    for a, b in pairs:
        (a_values, a_counts), (b_values, b_counts) = (_resampled(side, resamples, rng) for side in (a, b))
        resampled.append(_superiority(a_values, b_values, a_counts, b_counts))
    return Estimate(n, float(value), *_percentiles(np.mean(resampled, axis=0), level))


def _superiority(a: npt.NDArray[Any], b: npt.NDArray[Any], a_counts: Floats, b_counts: Floats) -> Floats:
    """P(b > a) + P(b = a) / 2 for each resample, of values [V], [W] and their numbers in it [R, V], [R, W]."""
    wins = (b[None, :] > a[:, None]) + 0.5 * (b[None, :] == a[:, None])
    total = a_counts.sum(axis=1) * b_counts.sum(axis=1)
    return np.asarray(((a_counts @ wins) * b_counts).sum(axis=1) / total)


def _resampled(scores: npt.NDArray[Any], resamples: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """The different values [V] of a task's scores, and how often each is in each resample [resamples, V]."""
    values, counts = np.unique(np.asarray(scores, dtype=np.float64), return_counts=True)
    drawn = rng.multinomial(max(len(scores) - 1, 1), counts / len(scores), size=resamples)
    return values, drawn.astype(np.float64)


def _percentiles(statistics: Floats, level: float) -> Iterator[float]:
    if np.ptp(statistics) < 1e-12:
        return iter((math.nan, math.nan))
    return (float(end) for end in np.quantile(statistics, [(1 - level) / 2, (1 + level) / 2]))
