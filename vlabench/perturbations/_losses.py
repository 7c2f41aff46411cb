"""Which looks or steps a fault hits, drawn so that a mild fault shows in a short episode, too.

Each drawn for itself, one look in ten is none at all in half of the short episodes. So members (looks or steps, from 0)
are drawn in blocks of `size`: of each block a share is hit, rounded up or down at random so that it holds on average;
of the first block one at least, and early. A greater share hits the same ones and more.
"""

from __future__ import annotations

import functools
import math

from vlabench.seeding import Draws

SHORT = 60
"""Control steps of the shortest episodes in which a fault is to act."""


def early_looks(replan: int) -> int:
    """How many looks after the first one an episode of SHORT steps has; 1 at least."""
    return max(1, (SHORT - 1) // replan)


def scattered(rng: Draws, number: int, share: float, size: int, early: int) -> bool:
    """Whether a member is hit; those hit lie anywhere in their block. early: members of the first block, from its
    beginning, of which one is hit.
    """
    block, place = divmod(number, size)
    return place in _scattered(rng, block, share, size, early)


def in_a_row(rng: Draws, number: int, share: float, size: int, later: bool = False) -> bool:
    """Whether a member is hit; those hit in a block lie side by side. later: the very first member cannot begin."""
    block, place = divmod(number, size)
    return place in _in_a_row(rng, block, share, size, later)


@functools.lru_cache(maxsize=64)  # a block is asked about as often as it has members
def _scattered(rng: Draws, block: int, share: float, size: int, early: int) -> frozenset[int]:
    source = rng.episode("block", block)
    hits = _hits(share, size, float(source.random()), least=block == 0)
    order: list[int] = source.permutation(size).tolist()
    if block == 0:
        first = next(member for member in order if member < early)
        order = [first, *(member for member in order if member != first)]
    return frozenset(order[:hits])


@functools.lru_cache(maxsize=64)
def _in_a_row(rng: Draws, block: int, share: float, size: int, later: bool) -> range:
    source = rng.episode("block", block)
    hits = _hits(share, size, float(source.random()), least=block == 0)
    start = math.floor(float(source.random()) * (size - hits + 1))
    if later and block == 0:
        start = max(start, 1)
    return range(start, start + hits)


def _hits(share: float, size: int, unit: float, *, least: bool) -> int:
    """How many of a block are hit. The product is rounded first: 0.7 · 10 is 7.000000000000001."""
    hits = math.floor(round(share * size, 9) + unit)
    return max(hits, 1) if least and share > 0 else hits
