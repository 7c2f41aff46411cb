"""RL4VLA's grids: the spots where things may stand, and the pairs and triples of them that are far enough apart."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

Spot = tuple[float, float]
Pair = tuple[Spot, Spot]
Triple = tuple[Spot, Spot, Spot]

CENTER = (-0.16, 0.0)
HALF_EDGE = 0.075
GRID = 6
"""A square of 6 × 6 spots, 3 cm apart, around the center, in the world's x and y (m)."""
OUTER = 8
"""The square around it, one step larger on each side, of which the border alone is used."""
BROAD = (10, 12)
"""How far clutter reaches: 10 spots in x, the border's nearest to the robot's base among them, and 12 in y."""
APART = 0.070
"""Between an object and a receptacle, more than that (m)."""
APART_ALIKE = 0.15
"""Between two objects, or two receptacles."""
CLEAR_OF_OBJECT, CLEAR_OF_RECEPTACLE, CLEAR = 0.04, 0.02, 0.01
"""What clutter leaves free (m) around the box of the object to be moved, where fingers go; around the receptacle's; and
between one another."""


def grid() -> tuple[Spot, ...]:
    """The 36 spots, x slowest."""
    steps = [(k / (GRID - 1) * 2 - 1) * HALF_EDGE for k in range(GRID)]
    return tuple((x + CENTER[0], y + CENTER[1]) for x, y in itertools.product(steps, steps))


@functools.lru_cache
def outer() -> tuple[Spot, ...]:
    """The 28 spots around the grid, x slowest."""
    steps = [(k / (GRID - 1) * 2 - 1) * HALF_EDGE for k in range(-1, OUTER - 1)]
    edge = (steps[0], steps[-1])
    return tuple((x + CENTER[0], y + CENTER[1]) for x, y in itertools.product(steps, steps) if x in edge or y in edge)


def is_inside(spot: Spot) -> bool:
    """Whether it is on that border or within."""
    edge = HALF_EDGE + 2 * HALF_EDGE / (GRID - 1)
    return all(abs(axis - middle) <= edge + 1e-9 for axis, middle in zip(spot, CENTER, strict=True))


@functools.lru_cache
def broad() -> tuple[Spot, ...]:
    """The 120 spots of clutter: the border's rows and two more on either side, and away from the robot."""
    step = 2 * HALF_EDGE / (GRID - 1)
    far, wide = BROAD
    nearest = CENTER[0] + HALF_EDGE + step
    return tuple((nearest - a * step, CENTER[1] + (b - (wide - 1) / 2) * step)
                 for a, b in itertools.product(range(far), range(wide)))


def apart(a: Spot, b: Spot) -> float:
    """The distance of two spots (m).

    In RL4VLA's own arithmetic: some of its distances of 0.15 m come out a last bit above and count as more, which
    `math.dist`, being exact, would not have; so there are 2104 triples, as published.
    """
    x, y = a[0] - b[0], a[1] - b[1]
    return math.sqrt(x * x + y * y)


@functools.lru_cache
def pairs() -> tuple[Pair, ...]:
    """The 784 spots of object and receptacle."""
    return tuple((a, b) for a, b in itertools.permutations(grid(), 2) if apart(a, b) > APART)


@functools.lru_cache
def outer_pairs() -> tuple[Pair, ...]:
    """The 628 of them around the grid."""
    return tuple((a, b) for a, b in itertools.permutations(outer(), 2) if apart(a, b) > APART)


@functools.lru_cache
def triples() -> tuple[Triple, ...]:
    """The 2104 spots of object, receptacle and another object; with both words exchanged, of those, too."""
    return tuple((a, b, c) for (a, b), c in itertools.product(pairs(), grid())
                 if apart(c, b) > APART and apart(a, c) > APART_ALIKE)


@functools.lru_cache
def thirds() -> dict[Pair, tuple[Spot, ...]]:
    """The pairs that have a third spot → all of theirs."""
    found: dict[Pair, tuple[Spot, ...]] = {}
    for a, b, c in triples():
        found[a, b] = (*found.get((a, b), ()), c)
    return found


def triple_like(pair: Pair, rng: np.random.Generator) -> Triple:
    """A triple, each equally likely when pairs are, that keeps the pair as often as that allows: in 61 % of the draws.

    So a scene of three differs no more from its twin of two than it must.
    """
    keeps, which, where = rng.random(), rng.random(), thirds().get(pair, ())
    if keeps * len(triples()) < len(where) * len(pairs()):
        return (*pair, where[int(which * len(where))])
    missing = _missing()
    return triples()[int(np.searchsorted(missing, which * missing[-1], side="right"))]


@functools.lru_cache
def _missing() -> np.ndarray[Any, np.dtype[np.float64]]:
    """How much of each triple's share the pairs that are kept leave over, summed up to it."""
    shares = (1 / len(triples()) - 1 / (len(pairs()) * len(thirds()[a, b])) for a, b, _ in triples())
    return np.cumsum([max(0.0, share) for share in shares])


def cluttered(stands: Sequence[tuple[Spot, Spot, float]], half: Spot, yaw: float, rng: np.random.Generator) -> Spot:
    """A spot for one more thing, whose box has these half edges (m) and is turned by `yaw` (rad) like all others.

    stands: of what stands already: spot, half edges, and how far to keep away. Any of the spots that leave as much,
    equally likely; where none does, the one that comes nearest to it.
    """
    turn = np.array([[math.cos(yaw), math.sin(yaw)], [-math.sin(yaw), math.cos(yaw)]])
    free = np.full(len(broad()), np.inf)
    for at, size, margin in stands:
        away = np.abs((np.array(broad()) - at) @ turn.T) - np.add(size, half)
        free = np.minimum(free, away.max(axis=1) - margin)
    fit = np.flatnonzero(free >= 0)
    return broad()[int(fit[rng.integers(len(fit))] if len(fit) else free.argmax())]
