"""How far apart samples of vectors lie: mean distances between groups, and the energy distance of two of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.floating[Any]]
Floats = npt.NDArray[np.float64]
EXCHANGES = 2_000
CHANCE = 0.95


class Apart(NamedTuple):
    """A distance, and what it would be by chance: CHANCE of random exchanges of the pairs' sides stay below."""

    distance: float
    chance: float


def mean_distances(groups: Sequence[Points]) -> Floats:
    """Between G groups of points, each [n, D]: the mean Euclidean distance of the points of one to those of the other.

    [G, G]; on the diagonal a group's to itself, each point to itself included. Takes time in the square of the points.
    """
    from scipy.spatial.distance import cdist

    points = np.concatenate(groups).astype(np.float64)
    sizes = np.array([len(group) for group in groups])
    starts = np.cumsum(sizes) - sizes
    return np.stack([np.add.reduceat(cdist(points[start : start + size], points).sum(axis=0), starts) / (size * sizes)
                     for start, size in zip(starts, sizes, strict=True)])


def paired_energy(first: Sequence[Points], second: Sequence[Points], exchanges: int = EXCHANGES,
                  seed: int = 0) -> Apart:
    """The energy distance of two mixtures of E samples, in each of which every sample [n, D] has the same weight:
    √(2 E‖X − Y‖ − E‖X − X′‖ − E‖Y − Y′‖), which is 0 only where the two are alike.

    Székely and Rizzo (2013), Journal of Statistical Planning and Inference 143:1249; the root is
    `scipy.stats.energy_distance`'s, which knows one dimension.
    The i-th samples are a pair. If it did not matter which of them is on which side, exchanging some at random would
    change the distance by no more than chance does; a real one is above what nearly all exchanges give.
    """
    count = len(first)
    if count != len(second) or not count:
        raise ValueError(f"{count} and {len(second)} samples are no pairs")
    distances = mean_distances([*first, *second])
    here, across, there = distances[:count, :count], distances[:count, count:], distances[count:, count:]
    kernel = across + across.T - here - there
    sides = np.random.Generator(np.random.Philox(seed)).choice([-1.0, 1.0], size=(exchanges, count))
    sides = np.concatenate([np.ones((1, count)), sides])
    squares = np.einsum("re,re->r", sides @ kernel, sides) / count**2
    roots = np.sqrt(np.maximum(squares, 0.0))  # rounding may leave a nought slightly negative
    return Apart(float(roots[0]), float(np.quantile(roots, CHANCE)))
