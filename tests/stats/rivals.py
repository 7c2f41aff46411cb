"""Intervals and tests that people use elsewhere, for many data sets at once: what ours are compared with."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from scipy import stats as scipy_stats
from statsmodels.stats.proportion import proportion_confint

from tests.stats.populations import Counts, Floats
from vlabench.seeding import generator

Ends = tuple[Floats, Floats]
RESAMPLES = 500


def wilson(counts: Counts) -> Ends:
    """Of the second side's successes, as if all episodes were independent and alike."""
    pooled = counts.sum(axis=-2)
    return _wilson(pooled[..., 0] + pooled[..., 2], pooled.sum(axis=-1))


def exact(counts: Counts) -> Ends:
    """Clopper and Pearson's, of the same."""
    pooled = counts.sum(axis=-2)
    low, high = proportion_confint(pooled[..., 0] + pooled[..., 2], pooled.sum(axis=-1), method="beta")
    return np.asarray(low), np.asarray(high)


def newcombe(counts: Counts) -> Ends:
    """Newcombe (1998), Statistics in Medicine 17:2635, method 10, of the pooled pairs; second − first."""
    both, lost, gained, neither = np.moveaxis(counts.sum(axis=-2).astype(np.float64), -1, 0)
    n = both + lost + gained + neither
    first, second = (both + lost) / n, (both + gained) / n
    (low_1, high_1), (low_2, high_2) = _wilson(both + lost, n), _wilson(both + gained, n)
    cross = both * neither - lost * gained
    cross = np.where(cross > 0, np.maximum(cross - n / 2, 0.0), cross)
    sides = (both + lost) * (gained + neither) * (both + gained) * (lost + neither)
    phi = np.where(sides > 0, cross / np.sqrt(np.maximum(sides, 1.0)), 0.0)

    def away(a: Floats, b: Floats) -> Floats:
        return np.asarray(np.sqrt(np.maximum(a**2 - 2 * phi * a * b + b**2, 0.0)))

    return (second - first - away(second - low_2, high_1 - first),
            second - first + away(high_2 - second, first - low_1))


def student(means: Floats) -> Ends:
    """Student's t over the means of tasks [draws, T]."""
    count = means.shape[1]
    half = scipy_stats.t.isf(0.025, count - 1) * means.std(axis=1, ddof=1) / np.sqrt(count)
    return means.mean(axis=1) - half, means.mean(axis=1) + half


def cluster_bootstrap(means: Floats) -> Ends:
    """Percentiles of the mean of tasks drawn with replacement, episodes and all; means: [draws, T]."""
    count = means.shape[1]
    drawn = generator("cluster bootstrap", count).multinomial(count, np.full(count, 1 / count), size=RESAMPLES)
    low, high = np.quantile(means @ (drawn.T / count), [0.025, 0.975], axis=1)
    return low, high


def mcnemar(counts: Counts) -> Floats:
    """The exact two-sided p value of the pooled discordant pairs."""
    lost, gained = (counts[..., kind].sum(axis=-1) for kind in (1, 2))
    return np.asarray(np.minimum(2 * scipy_stats.binom.cdf(np.minimum(lost, gained), lost + gained, 0.5), 1.0))


def second_means(counts: Counts) -> Floats:
    """The second side's success rate by task."""
    return np.asarray((counts[..., 0] + counts[..., 2]) / counts.sum(axis=-1))


def change_means(counts: Counts) -> Floats:
    """The difference by task."""
    return np.asarray((counts[..., 2] - counts[..., 1]) / counts.sum(axis=-1))


RATES: Mapping[str, Callable[[Counts], Ends]] = {
    "Wilson, episodes pooled": wilson,
    "Clopper and Pearson, episodes pooled": exact,
    "cluster bootstrap of tasks": lambda counts: cluster_bootstrap(second_means(counts)),
    "Student's t over tasks": lambda counts: student(second_means(counts)),
}
DIFFERENCES: Mapping[str, Callable[[Counts], Ends]] = {
    "Newcombe, pairs pooled": newcombe,
    "cluster bootstrap of tasks": lambda counts: cluster_bootstrap(change_means(counts)),
    "Student's t over tasks": lambda counts: student(change_means(counts)),
}


def _wilson(successes: Floats | Counts, n: Floats | Counts) -> Ends:
    low, high = proportion_confint(successes, n, method="wilson")
    return np.asarray(low), np.asarray(high)
