"""Distances of samples against closed forms and scipy's one dimension."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats as scipy_stats

from vlabench.stats.distances import Points, mean_distances, paired_energy

FINITE = st.floats(-100, 100, width=32)


def energy_distance(first: Points, second: Points) -> float:
    """Of two single samples."""
    return paired_energy([first], [second], exchanges=1).distance


def shifted_normals(by: float) -> float:
    """The energy distance of N(0, 1) and N(by, 1): E|N(m, s²)| is the mean of a folded normal."""

    def folded(mean: float) -> float:
        spread = math.sqrt(2.0)
        return float(spread * math.sqrt(2 / math.pi) * math.exp(-mean**2 / (2 * spread**2))
                     + mean * (1 - 2 * scipy_stats.norm.cdf(-mean / spread)))

    return math.sqrt(2 * folded(by) - 2 * folded(0.0))


def test_mean_distances_worked_by_hand() -> None:
    left, right = np.array([[0.0, 0.0], [3.0, 4.0]]), np.array([[0.0, 4.0]])
    np.testing.assert_allclose(mean_distances([left, right]), [[2.5, 3.5], [3.5, 0.0]])


def test_two_points_are_as_far_apart_as_their_distance_says() -> None:
    """2 · 5 − 0 − 0 under the root."""
    assert energy_distance(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0]])) == pytest.approx(math.sqrt(10))


@pytest.mark.parametrize("by", [0.5, 1.0, 3.0])
def test_shifted_normals_have_the_closed_form(by: float) -> None:
    """Quantiles stand for the normal, so that no luck is involved."""
    quantiles = scipy_stats.norm.ppf((np.arange(2000) + 0.5) / 2000)[:, None]
    assert energy_distance(quantiles, quantiles + by) == pytest.approx(shifted_normals(by), rel=2e-3)


@given(arrays(np.float64, st.tuples(st.integers(1, 9), st.just(1)), elements=FINITE),
       arrays(np.float64, st.tuples(st.integers(1, 9), st.just(1)), elements=FINITE))
def test_in_one_dimension_it_is_scipys(first: np.ndarray, second: np.ndarray) -> None:
    theirs = scipy_stats.energy_distance(first.ravel(), second.ravel())
    assert energy_distance(first, second) ** 2 == pytest.approx(theirs**2, abs=1e-9 * 200)


@given(arrays(np.float64, st.tuples(st.integers(1, 6), st.just(3)), elements=FINITE), st.floats(0, 2 * math.pi))
def test_it_is_nought_for_the_same_and_does_not_care_for_the_axes(points: np.ndarray, angle: float) -> None:
    turn = np.array([[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0], [0, 0, 1]])
    assert energy_distance(points, points[::-1]) == pytest.approx(0, abs=1e-4)
    other = points + [1.0, 2.0, 0.0]
    assert energy_distance(points @ turn, other @ turn) == pytest.approx(energy_distance(points, other), abs=1e-4)


def test_every_sample_of_a_mixture_weighs_alike_however_long() -> None:
    """One episode of a hundred equal steps and one of a single step are as good as one step each."""
    long, short = np.zeros((100, 2)), np.array([[3.0, 4.0]])
    once = paired_energy([long, short], [short, short])
    assert once.distance == pytest.approx(energy_distance(np.concatenate([long[:1], short]), short))
    assert once.distance == pytest.approx(math.sqrt(2 * 2.5 - 2.5))


def test_by_chance_it_stays_small_and_a_real_shift_stands_out() -> None:
    rng = np.random.default_rng(1)
    first = [rng.normal(size=(20, 3)) for _ in range(40)]
    same = [rng.normal(size=(20, 3)) for _ in range(40)]
    shifted = [each + 0.5 for each in same]
    assert paired_energy(first, same).distance < 1.3 * paired_energy(first, same).chance
    real = paired_energy(first, shifted)
    assert real.distance > 2 * real.chance


def test_chance_is_what_all_exchanges_give() -> None:
    """Three pairs: the quantile over eight ways to exchange them, each worked out by itself."""
    rng = np.random.default_rng(2)
    first, second = [[rng.normal(size=(4, 2)) + shift for _ in range(3)] for shift in (0.0, 0.7)]
    ways = []
    for code in range(8):
        swapped = [(b, a) if code >> i & 1 else (a, b) for i, (a, b) in enumerate(zip(first, second, strict=True))]
        ways.append(energy_distance(np.concatenate([a for a, _ in swapped]), np.concatenate([b for _, b in swapped])))
    found = paired_energy(first, second)
    assert found.distance == pytest.approx(ways[0])
    assert min(abs(found.chance - way) for way in ways) < 1e-9 and found.chance >= np.median(ways)


def test_what_has_no_pairs_is_refused() -> None:
    with pytest.raises(ValueError, match="2 and 1 samples are no pairs"):
        paired_energy([np.zeros((1, 1))] * 2, [np.zeros((1, 1))])
