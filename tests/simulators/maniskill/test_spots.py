"""The grids of starts have the published sizes, and draws from them are as often each spot as they should be."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from scipy.stats import chisquare

from vlabench.simulators.maniskill import spots

STEPS = np.round(np.arange(-0.235, -0.084, 0.03), 3), np.round(np.arange(-0.075, 0.076, 0.03), 3)
"""x and y of training's grid, as RL4VLA's text has them."""


def rounded(found: tuple[spots.Spot, ...]) -> set[tuple[float, float]]:
    return {(round(x, 4), round(y, 4)) for x, y in found}


def test_the_grid_is_rl4vla_s_and_the_border_around_it() -> None:
    square = set(itertools.product(*(axis.tolist() for axis in STEPS)))
    wider = set(itertools.product(*(np.round(np.concatenate([[axis[0] - 0.03], axis, [axis[-1] + 0.03]]), 3).tolist()
                                    for axis in STEPS)))
    assert rounded(spots.grid()) == square and rounded(spots.outer()) == wider - square
    assert (len(spots.grid()), len(spots.outer())) == (36, 28)
    assert rounded(spots.broad()) > wider and max(x for x, _ in spots.broad()) == pytest.approx(-0.055)


def test_the_border_and_what_is_within_it_are_inside() -> None:
    assert all(map(spots.is_inside, (*spots.grid(), *spots.outer()))) and not all(map(spots.is_inside, spots.broad()))
    for x, y in itertools.product((-0.265, -0.055), (-0.105, 0.105)):
        assert spots.is_inside((x, y))
        assert not spots.is_inside((x + math.copysign(0.001, x + 0.16), y))
        assert not spots.is_inside((x, y + math.copysign(0.001, y)))


def test_there_are_as_many_pairs_and_triples_as_published() -> None:
    def far(a: spots.Spot, b: spots.Spot, least: float) -> bool:
        return float(np.linalg.norm(np.subtract(a, b))) > least  # as RL4VLA's code has it

    for grid, found, count in ((spots.grid(), spots.pairs(), 784), (spots.outer(), spots.outer_pairs(), 628)):
        assert set(found) == {(a, b) for a, b in itertools.product(grid, grid) if a != b and far(a, b, 0.07)}
        assert len(found) == count
    threes = {(a, b, c) for (a, b), c in itertools.product(spots.pairs(), spots.grid())
              if far(c, b, 0.07) and far(a, c, 0.15)}
    assert set(spots.triples()) == threes and len(spots.triples()) == 2104
    assert {(b, a, c) for a, b, c in threes} == {  # object, receptacle, another receptacle
        (a, b, c) for (a, b), c in itertools.product(spots.pairs(), spots.grid())
        if far(c, b, 0.15) and far(a, c, 0.07)}


def test_triples_are_equally_likely_and_keep_their_pair_as_often_as_that_allows() -> None:
    rng, drawn, kept = np.random.default_rng(3), Counter[spots.Triple](), 0
    for k in range(20 * 2104):
        pair = spots.pairs()[k % 784]
        triple = spots.triple_like(pair, rng)
        drawn[triple] += 1
        kept += triple[:2] == pair
    assert chisquare([drawn[triple] for triple in spots.triples()]).pvalue > 1e-3
    thirds = Counter(triple[:2] for triple in spots.triples())
    best = sum(min(1 / 784, thirds[pair] / 2104) for pair in spots.pairs())
    assert kept / (20 * 2104) == pytest.approx(best, abs=0.01)


def test_clutter_leaves_room_where_there_is_some_and_otherwise_as_much_as_there_is() -> None:
    at, half, yaw = (-0.16, 0.0), (0.05, 0.02), math.pi / 4
    rng = np.random.default_rng(0)
    found = {spots.cluttered([(at, (0.05, 0.05), 0.03)], half, yaw, rng) for _ in range(1500)}
    turn = np.array([[math.cos(yaw), math.sin(yaw)], [-math.sin(yaw), math.cos(yaw)]])
    gaps = {spot: float((np.abs(turn @ np.subtract(spot, at)) - np.add(half, 0.05)).max()) for spot in spots.broad()}
    assert found == {spot for spot, gap in gaps.items() if gap >= 0.03}
    (tight,) = {spots.cluttered([(at, (1.0, 1.0), 0.0)], half, yaw, rng) for _ in range(9)}
    assert gaps[tight] == pytest.approx(max(gaps.values()))
