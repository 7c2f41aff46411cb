"""The cluster bootstrap: episodes of one task stand or fall together, so whole tasks are resampled."""

from __future__ import annotations

import functools
import math
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

LEVEL = 0.95
RESAMPLES = 10_000
BEYOND = 50
"""So many resamples have to lie beyond an end for it to be read off them. Of two clusters no resample lies outside the
two, so that percentiles would miss the truth in half of all cases; and of ten at an error of 0.05 / 75 (75 conditions),
10,000 resamples hold 0.007 on the average, and the most extreme one is passed ten times as often as it should be.
"""
KEPT = 200
"""Up to this many clusters a table of draws is kept for the next call: 16 MB at 10,000 resamples."""
ANYWHERE = (-math.inf, math.inf)
Sums = npt.NDArray[np.float64]


class Clusters:
    """N episodes in clusters, and resamples of these: the same ones whenever number of clusters and seed are the same.

    With fewer than two clusters, episodes are resampled. Intervals are expanded percentile ones (Hesterberg 2015,
    The American Statistician 69:371): plain percentiles are too narrow for ten tasks, by what Student's t is wider
    than the normal. Where there are too few resamples beyond an end (BEYOND), it is Student's t itself, with the
    standard error of the resamples.
    """

    def __init__(self, labels: Sequence[Hashable], resamples: int = RESAMPLES, seed: int = 0) -> None:
        names = [str(label) for label in labels]
        number = {name: i for i, name in enumerate(sorted(set(names)))}
        codes = np.array([number[name] for name in names], dtype=np.int64)
        self.codes = codes if len(number) > 1 else np.arange(len(names))
        self.count = max(len(number), 1) if len(number) > 1 else len(names)
        self._resamples, self._seed = resamples, seed

    def resampled_sums(self, *scores: npt.NDArray[Any]) -> list[Sums]:
        """For each array [N], its sum in each resample [resamples]; the sum of ones is a resample's size."""
        sums = np.stack([np.bincount(self.codes, weights=each, minlength=self.count) for each in scores], axis=1)
        if self.count <= KEPT:
            return list((_draws(self.count, self._resamples, self._seed) @ sums).T)
        rng, chunk = _generator(self._seed), max(1, 4_000_000 // self.count)
        parts = [sums[rng.integers(self.count, size=(min(chunk, self._resamples - start), self.count))].sum(axis=1)
                 for start in range(0, self._resamples, chunk)]
        return list(np.concatenate(parts).T)

    def interval_of_mean(
        self, scores: npt.NDArray[Any], level: float = LEVEL, within: tuple[float, float] = ANYWHERE
    ) -> tuple[float, float] | None:
        """Of the mean of [N] scores; None if all resamples agree, where the bootstrap would claim certainty."""
        sums, sizes = self.resampled_sums(scores, np.ones(len(self.codes)))
        return self.interval(sums / sizes, level, within)

    def interval(
        self, statistics: Sums, level: float = LEVEL, within: tuple[float, float] = ANYWHERE
    ) -> tuple[float, float] | None:
        """From a statistic of each resample, of which some may be infinite; None if all agree.

        within: what the statistic can be at the least and at the most.
        """
        from scipy.stats import norm, t

        finite = bool(np.isfinite(statistics).all())
        if finite and np.ptp(statistics) < 1e-12:
            return None
        student = t.ppf((1 + level) / 2, self.count - 1)
        wider = math.sqrt(self.count / (self.count - 1))  # resamples spread by the variance over n, not n − 1
        tail = float(norm.cdf(-student * wider))
        if finite and tail * len(statistics) < BEYOND:
            middle, half = statistics.mean(), student * wider * statistics.std()
            low, high = middle - half, middle + half
        else:  # between two resamples a line can be drawn, but not to infinity
            low, high = np.quantile(statistics, [tail, 1 - tail], method="linear" if finite else "inverted_cdf")
        return max(float(low), within[0]), min(float(high), within[1])


@functools.lru_cache(maxsize=4)
def _draws(count: int, resamples: int, seed: int) -> Sums:
    """How often each of `count` clusters is in each resample [resamples, count]."""
    drawn = _generator(seed).integers(count, size=(resamples, count))
    flat = np.bincount((drawn + count * np.arange(resamples)[:, None]).ravel(), minlength=resamples * count)
    return flat.reshape(resamples, count).astype(np.float64)


def _generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))
