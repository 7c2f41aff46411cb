"""Aggregates over tasks against rliable's definitions, closed forms, SciPy and simulation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from vlabench import stats

SCORES = st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=12), min_size=1, max_size=5)


def tasks(lists: list[list[int]]) -> list[npt.NDArray[Any]]:
    return [np.array(each) for each in lists]


def test_the_interquartile_mean_is_of_the_middle_half() -> None:
    assert stats.iqm([0, 0, 1, 2, 3, 4, 90, 99]) == 2.5
    assert stats.iqm([5, 1, 3]) == 3  # three quarters of a score at each end: none is cut
    assert stats.iqm([[0, 1, 2, 9], [7, 7, 0, 7]], axis=-1).tolist() == [1.5, 7]


def test_the_stratified_bootstrap_has_the_closed_form_of_the_means_variance() -> None:
    rates, n = [0.1, 0.5, 0.8, 0.9], [30, 40, 100, 60]
    scores = [np.arange(size) < rate * size for rate, size in zip(rates, n, strict=True)]
    found = stats.stratified_bootstrap(scores, resamples=20_000)
    error = math.sqrt(sum(rate * (1 - rate) / (size - 1) for rate, size in zip(rates, n, strict=True))) / 4
    assert found.n == 230 and found.value == pytest.approx(0.575)
    assert (found.low, found.high) == pytest.approx((0.575 - 1.96 * error, 0.575 + 1.96 * error), abs=0.004)


def test_other_statistics_are_taken_of_the_tasks_means() -> None:
    scores = [np.repeat([0, 1], [50 - k, k]) for k in (0, 11, 20, 30, 50)]
    found = stats.stratified_bootstrap(scores, stats.iqm)
    assert found.value == pytest.approx((0.22 + 0.4 + 0.6) / 3)
    assert found.low < found.value < found.high
    # the same by the definition, one resample after the other
    rng = np.random.default_rng(0)
    by_hand = [stats.iqm([rng.choice(each, len(each) - 1).mean() for each in scores]) for _ in range(2000)]
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(by_hand, [0.025, 0.975])), abs=0.012)


def test_the_stratified_interval_covers_the_mean_over_these_tasks() -> None:
    """2,000 experiments with 5 tasks of 10 episodes."""
    rng, rates, hits = np.random.default_rng(11), np.array([0.3, 0.4, 0.5, 0.6, 0.9]), 0
    for _ in range(2000):
        found = stats.stratified_bootstrap(list(rng.random((5, 10)) < rates[:, None]), resamples=400)
        hits += found.low <= rates.mean() <= found.high
    assert 0.93 <= hits / 2000 <= 0.97


def test_where_nothing_varies_nothing_is_known() -> None:
    found = stats.stratified_bootstrap([np.ones(5), np.zeros(5)])
    assert (found.n, found.value) == (10, 0.5) and math.isnan(found.low) and math.isnan(found.high)
    for empty in ([], [np.ones(3), np.ones(0)]):
        assert math.isnan(stats.stratified_bootstrap(empty).value)
        assert math.isnan(stats.probability_of_improvement(empty, empty).value)


@given(SCORES, st.data())
def test_improvement_is_mann_and_whitneys_statistic(first: list[list[int]], data: st.DataObject) -> None:
    second = data.draw(st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=12),
                                min_size=len(first), max_size=len(first)))
    found = stats.probability_of_improvement(tasks(first), tasks(second), resamples=50)
    pairs = zip(first, second, strict=True)
    expected = np.mean([scipy_stats.mannwhitneyu(b, a).statistic / (len(a) * len(b)) for a, b in pairs])
    assert found.value == pytest.approx(expected)
    turned = stats.probability_of_improvement(tasks(second), tasks(first), resamples=50)
    assert turned.value == pytest.approx(1 - found.value)


def test_improvement_of_successes_is_half_the_difference_above_one_half() -> None:
    first, second = np.arange(40) < 20, np.arange(50) < 40
    found = stats.probability_of_improvement([first], [second], resamples=20_000)
    assert found.n == 40 and found.value == pytest.approx(0.5 + (0.8 - 0.5) / 2)
    error = math.sqrt(0.5 * 0.5 / 39 + 0.8 * 0.2 / 49) / 2
    assert (found.low, found.high) == pytest.approx((0.65 - 1.96 * error, 0.65 + 1.96 * error), abs=0.005)
    with pytest.raises(ValueError, match="1 tasks against 2"):
        stats.probability_of_improvement([first], [second, second])
