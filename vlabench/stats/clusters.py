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
KEPT = 200
"""Up to this many clusters a table of draws is kept for the next call: 16 MB at 10,000 resamples."""
Sums = npt.NDArray[np.float64]


class Clusters:
    """N episodes in clusters, and resamples of these: the same ones whenever number of clusters and seed are the same.

    With fewer than two clusters, episodes are resampled. Intervals are expanded percentile ones (Hesterberg 2015,
    The American Statistician 69:371): plain percentiles are too narrow for ten tasks, by what Student's t is wider
    than the normal.
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

    def interval_of_mean(self, scores: npt.NDArray[Any], level: float = LEVEL) -> tuple[float, float] | None:
        """Of the mean of [N] scores; None if all resamples agree, where the bootstrap would claim certainty."""
        sums, sizes = self.resampled_sums(scores, np.ones(len(self.codes)))
        return self.interval(sums / sizes, level)

    def interval(self, statistics: Sums, level: float = LEVEL) -> tuple[float, float] | None:
        """From a statistic of each resample, of which some may be infinite; None if all agree."""
        finite = bool(np.isfinite(statistics).all())
        if finite and np.ptp(statistics) < 1e-12:
            return None
        tail = self._expanded_tail(level)
        # between two resamples a line can be drawn, but not to infinity
        low, high = np.quantile(statistics, [tail, 1 - tail], method="linear" if finite else "inverted_cdf")
        return float(low), float(high)

    def _expanded_tail(self, level: float) -> float:
        """The tail probability at which to read the resamples."""
        from scipy.stats import norm, t

        quantile = t.ppf((1 + level) / 2, self.count - 1) * math.sqrt(self.count / (self.count - 1))
        return float(norm.cdf(-quantile))


@functools.lru_cache(maxsize=4)
def _draws(count: int, resamples: int, seed: int) -> Sums:
    """How often each of `count` clusters is in each resample [resamples, count]."""
    drawn = _generator(seed).integers(count, size=(resamples, count))
    flat = np.bincount((drawn + count * np.arange(resamples)[:, None]).ravel(), minlength=resamples * count)
    return flat.reshape(resamples, count).astype(np.float64)


def _generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))
