"""The cluster bootstrap against its definition and Student's t."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats as scipy_stats

from vlabench.stats import Clusters
from vlabench.stats.clusters import KEPT


def test_resamples_are_sums_of_whole_clusters() -> None:
    resampled = Clusters(["a", "a", "b", "b", "b"], resamples=500)
    ones, weights = resampled.resampled_sums(np.ones(5), np.array([0.0, 10.0, 100.0, 0.0, 0.0]))
    drawn = {(float(n), float(s)) for n, s in zip(ones, weights, strict=True)}
    assert drawn == {(4.0, 20.0), (5.0, 110.0), (6.0, 200.0)}
    # a twice, once each, b twice: 1 : 2 : 1
    assert np.mean(ones == 5) == pytest.approx(0.5, abs=0.08)


@pytest.mark.parametrize("count", [KEPT, KEPT + 1])
def test_many_clusters_are_resampled_as_few_are(count: int) -> None:
    values = np.random.default_rng(0).normal(size=count)
    low, high = Clusters(range(count)).interval_of_mean(values) or (0.0, 0.0)
    half = scipy_stats.t.ppf(0.975, count - 1) * values.std(ddof=1) / np.sqrt(count)
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.06 * half)


def test_ten_clusters_have_an_interval_as_wide_as_students() -> None:
    values = np.random.default_rng(3).normal(size=10)
    low, high = Clusters(range(10)).interval_of_mean(values) or (0.0, 0.0)
    half = scipy_stats.t.ppf(0.975, 9) * values.std(ddof=1) / np.sqrt(10)
    assert (high - low) / 2 == pytest.approx(half, rel=0.06)


@pytest.mark.parametrize(("count", "error"), [(2, 0.05), (3, 0.05), (4, 0.025), (10, 0.05 / 75)])
def test_few_clusters_and_small_errors_have_students_interval(count: int, error: float) -> None:
    """Whose ends may lie outside all clusters, where no resample does."""
    values = np.random.default_rng(count).normal(size=count)
    low, high = Clusters(range(count)).interval_of_mean(values, level=1 - 2 * error) or (0.0, 0.0)
    half = scipy_stats.t.ppf(1 - error, count - 1) * scipy_stats.sem(values)
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.03 * half)
    assert Clusters(range(count)).interval_of_mean(values, 1 - 2 * error, (low + 0.1, high - 0.1)) == pytest.approx(
        (low + 0.1, high - 0.1))


@pytest.mark.parametrize(("count", "error"), [(2, 0.05), (3, 0.05), (5, 0.05), (10, 0.01)])
def test_an_end_is_passed_no_more_often_than_it_says(count: int, error: float) -> None:
    """2,000 experiments with clusters around 0."""
    rng, resampled, passed = np.random.default_rng(count), Clusters(range(count)), 0
    for _ in range(2000):
        found = resampled.interval_of_mean(rng.normal(size=count), level=1 - 2 * error)
        passed += found is not None and found[1] < 0
    assert passed / 2000 <= error + 2.6 * np.sqrt(error * (1 - error) / 2000)


def test_one_cluster_resamples_episodes_and_agreement_has_no_interval() -> None:
    assert Clusters(["a"] * 7).count == 7
    assert Clusters([]).count == 0
    assert Clusters(range(5)).interval_of_mean(np.ones(5)) is None
    assert Clusters(range(5)).interval_of_mean(np.array([1, 1, 1, 1, 0])) is not None


def test_infinite_resamples_reach_into_the_interval() -> None:
    statistics = np.concatenate([np.full(500, np.inf), np.linspace(1, 2, 9500)])
    low, high = Clusters(range(30)).interval(statistics) or (0.0, 0.0)
    assert 1 < low < 1.1 and high == np.inf
