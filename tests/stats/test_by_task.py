"""Which tasks lost something: exact tests against scipy, their correction against its definition and simulation."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from tests.stats.vectors import PAIRS
from vlabench import stats

CELLS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=1, max_size=8)


def chance_of_no_more(pairs: int, most: float) -> float:
    """That a cell with so many discordant pairs has a p value of `most` or less where nothing was lost: all outcomes
    are counted, each with its own p value."""
    tails = [sum(comb(pairs, x) for x in range(lost, pairs + 1)) / 2**pairs for lost in range(pairs + 1)]
    ways: int = sum(comb(pairs, lost) for lost, p in enumerate(tails) if p <= most * (1 + 1e-12))
    return float(ways / 2**pairs)


def adjusted_by_hand(cells: list[tuple[int, int]]) -> list[float]:
    """Westfall and Wolfinger's step-down: from the smallest p value on, the chance bound that any cell not yet dealt
    with has as small a one."""
    p = [binomtest(lost, lost + gained, alternative="greater").pvalue if lost + gained else 1.0
         for lost, gained in cells]
    order, so_far, adjusted = sorted(range(len(p)), key=lambda cell: p[cell]), 0.0, [1.0] * len(p)
    for place, cell in enumerate(order):
        bound = sum(chance_of_no_more(sum(cells[other]), p[cell]) for other in order[place:])
        so_far = max(so_far, min(bound, 1.0))
        adjusted[cell] = so_far
    return adjusted


@given(st.integers(0, 40), st.integers(0, 40))
def test_the_p_value_is_scipys(lost: int, gained: int) -> None:
    expected = binomtest(lost, lost + gained, alternative="greater").pvalue if lost + gained else 1.0
    assert float(stats.loss_p(lost, gained)) == pytest.approx(expected)


def test_p_values_of_any_shape() -> None:
    found = stats.loss_p([[5, 0], [1, 3]], [[0, 0], [0, 1]])
    assert found.tolist() == [[1 / 32, 1], [1 / 2, 5 / 16]]


@pytest.mark.parametrize(("name", "expected"), [
    ("V1", [1, 1, 0.003906, 1, 1, 1, 1, 1, 1, 1]), ("V2", [0.5, 1, 0.375, 1, 1]), ("V3", [1, 0.5, 0.75, 0.0625]),
])  # fmt: skip
def test_adjusted_values_of_the_worked_examples(name: str, expected: list[float]) -> None:
    lost, gained = ([pairs[kind] for pairs in PAIRS[name]] for kind in (1, 2))
    assert stats.discrete_holm(lost, gained) == pytest.approx(expected, abs=1e-6)


def test_cells_that_cannot_be_small_cost_nothing() -> None:
    lost, gained = [8, 1, 0, 2], [0, 1, 3, 0]
    # by hand: (2, 0) attains 1/4 at the least, the others more than 1/256
    assert stats.discrete_holm(lost, gained)[0] == pytest.approx(1 / 256)
    assert stats.holm(list(stats.loss_p(lost, gained)))[0] == pytest.approx(4 / 256)


def test_cells_that_can_be_as_small_cost_what_they_can_attain() -> None:
    """Seven of seven, beside eight pairs that attain 1/256 and no other value below 1/128."""
    assert stats.discrete_holm([7, 4], [0, 4]) == pytest.approx([1 / 128 + 1 / 256, 163 / 256])
    assert stats.discrete_holm([7, 4], [0, 3])[0] == pytest.approx(2 / 128)  # the very value is attained, too


@given(CELLS)
def test_it_is_what_the_definition_says_and_never_above_holms(cells: list[tuple[int, int]]) -> None:
    lost, gained = ([cell[side] for cell in cells] for side in (0, 1))
    found = stats.discrete_holm(lost, gained)
    # sorted, since the order of equal p values is nobody's business
    assert sorted(found) == pytest.approx(sorted(adjusted_by_hand(cells)))
    plain = stats.holm([float(p) for p in stats.loss_p(lost, gained)])
    for adjusted, raw, most in zip(found, stats.loss_p(lost, gained), plain, strict=True):
        assert raw - 1e-12 <= adjusted <= most + 1e-9


def test_what_can_be_attained() -> None:
    assert stats.attainable([0, 1, 3, 3], 0.3).tolist() == [0, 0, 1 / 8, 1 / 8]
    assert stats.attainable([2, 3], 0.5).tolist() == [1 / 4, 1 / 2]
    assert stats.attainable([0], 1.0).tolist() == [1]
    assert stats.discrete_holm([], []) == []


@pytest.mark.parametrize("really", [0, 3])
def test_the_chance_of_any_false_accusation_stays_below_its_level(really: int) -> None:
    """2,000 suites of 12 tasks × 30 episodes, of which `really` lost much: how often another is accused."""
    rng, wrong, found = np.random.default_rng(really), 0, 0
    discordant = np.linspace(0.6, 0.1, 12)
    share = np.where(np.arange(12) < really, 0.95, 0.5)
    for _ in range(2000):
        pairs = rng.binomial(30, discordant)
        lost = rng.binomial(pairs, share)
        adjusted = np.array(stats.discrete_holm(lost.tolist(), (pairs - lost).tolist()))
        wrong += bool((adjusted[really:] <= 0.05).any())
        found += bool((adjusted[:really] <= 0.05).any())
    assert 0 < wrong / 2000 <= 0.05
    assert found >= (1900 if really else 0)
