"""Intervals and tests against closed forms, other libraries, published examples and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from statsmodels.stats.multitest import multipletests

from vlabench import stats
from vlabench.stats import Bools

PAIRS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60)


def table(both: int, only_first: int, only_second: int, neither: int) -> tuple[Bools, Bools]:
    first = np.repeat([True, True, False, False], [both, only_first, only_second, neither])
    second = np.repeat([True, False, True, False], [both, only_first, only_second, neither])
    return first, second


@given(st.integers(0, 50), st.integers(0, 50))
def test_the_rate_has_the_wilson_interval_of_the_closed_form(successes: int, failures: int) -> None:
    n = successes + failures
    found = stats.success_rate(np.repeat([True, False], [successes, failures]))
    if n == 0:
        assert found.n == 0 and math.isnan(found.rate) and math.isnan(found.low) and math.isnan(found.high)
        return
    p, z = successes / n, 1.959963984540054
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert found[:3] == (n, successes, p)
    assert found[3:] == pytest.approx((max(centre - half, 0), min(centre + half, 1)), abs=1e-12)


def test_only_what_both_have_is_paired() -> None:
    first = {"a": True, "b": False, "c": True}
    second = {"c": False, "d": True, "a": True}
    keys, one, other = stats.pair(first, second)
    assert (keys, one.tolist(), other.tolist()) == (["a", "c"], [True, True], [True, False])
    assert [len(part) for part in stats.pair({}, second)] == [0, 0, 0]


@given(PAIRS)
def test_mcnemar_is_the_binomial_test_on_the_pairs_that_disagree(pairs: list[tuple[bool, bool]]) -> None:
    first, second = (np.array(side) for side in zip(*pairs, strict=True))
    losses, gains = int(np.sum(first & ~second)), int(np.sum(~first & second))
    expected = scipy_stats.binomtest(gains, gains + losses).pvalue if gains + losses else 1.0
    assert stats.mcnemar(first, second) == pytest.approx(expected)


def test_mcnemar_of_nothing_is_not_a_number() -> None:
    assert math.isnan(stats.mcnemar(np.zeros(0, bool), np.zeros(0, bool)))


def test_holm_multiplies_the_smallest_by_all_and_never_falls() -> None:
    # By hand: 0.01·4, 0.02·3, then 0.03·2 = 0.06 and 0.035·1, raised to the 0.06 before it.
    found = stats.holm([0.03, math.nan, 0.01, 0.035, 0.02])
    assert found == pytest.approx([0.06, math.nan, 0.04, 0.06, 0.06], nan_ok=True)
    assert stats.holm([]) == []
    assert stats.holm([0.9, 0.9]) == [1.0, 1.0]


@pytest.mark.parametrize("count", [1, 2, 7, 40])
def test_holm_is_that_of_statsmodels(count: int) -> None:
    p_values = np.random.default_rng(count).random(count) ** 4
    assert stats.holm(list(p_values)) == pytest.approx(multipletests(p_values, method="holm")[1], abs=1e-12)


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [
        ((36, 12, 2, 0), -0.3404, -0.0569),  # Newcombe (1998), table II, method 10, first − second there
        ((36, 2, 12, 0), 0.0569, 0.3404),
    ],
)
def test_newcombe_gives_the_published_interval(counts: tuple[int, int, int, int], low: float, high: float) -> None:
    assert stats.newcombe_paired(*table(*counts)) == pytest.approx((low, high), abs=5e-5)


@given(PAIRS)
def test_newcombe_holds_the_difference_and_turns_with_the_order(pairs: list[tuple[bool, bool]]) -> None:
    first, second = (np.array(side) for side in zip(*pairs, strict=True))
    low, high = stats.newcombe_paired(first, second)
    assert -1 <= low <= np.mean(second) - np.mean(first) + 1e-12
    assert np.mean(second) - np.mean(first) - 1e-12 <= high <= 1
    assert stats.newcombe_paired(second, first) == pytest.approx((-high, -low))
    assert low < high


def test_the_difference_of_equal_clusters_is_that_of_the_rates() -> None:
    first, second = table(30, 12, 4, 14)
    found = stats.paired_difference(first, second, [i % 6 for i in range(60)])
    assert found.n == 60
    assert found.value == pytest.approx((4 - 12) / 60)
    assert found.low < found.value < found.high


def test_without_clusters_the_interval_is_scipys_bootstrap() -> None:
    first, second = table(60, 30, 10, 100)
    found = stats.paired_difference(first, second, ["one task"] * 200)
    change = (second.astype(float) - first.astype(float),)
    theirs = scipy_stats.bootstrap(change, np.mean, n_resamples=10_000, method="percentile", rng=0).confidence_interval
    # 200 episodes: the expansion for few clusters is under 1 % of the width; the rest is Monte Carlo.
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=0.011)


def test_one_task_that_changes_as_a_whole_widens_the_interval() -> None:
    first, second = table(90, 10, 0, 0)
    together = stats.paired_difference(first, second, [i // 10 for i in range(100)])
    spread = stats.paired_difference(first, second, [i % 10 for i in range(100)][::-1])
    alone = stats.paired_difference(first, second, [0] * 100)
    assert together.high - together.low > 1.5 * (alone.high - alone.low)
    assert (together.value, spread.value) == (-0.1, -0.1)


@pytest.mark.parametrize("counts", [(20, 0, 0, 0), (0, 0, 0, 20), (10, 0, 0, 10), (0, 20, 0, 0), (1, 0, 0, 0)])
def test_no_certainty_where_no_pair_or_every_pair_disagrees(counts: tuple[int, int, int, int]) -> None:
    first, second = table(*counts)
    for tasks in ([0] * len(first), list(range(len(first)))):
        found = stats.paired_difference(first, second, tasks)
        assert found[2:] == stats.newcombe_paired(first, second)
        assert found.low < found.high


@pytest.mark.parametrize("drop", [0.0, 0.2])
def test_intervals_cover_the_truth_as_often_as_they_say(drop: float) -> None:
    """2,000 comparisons over 10 tasks of 20 episodes, each task with a drop of its own around the true one.

    Without a drop, the intervals that miss 0 are false alarms. The standard error of the share is 0.5 %.
    """
    rng = np.random.default_rng(1)
    tasks = np.repeat(np.arange(10), 20)
    labels, hits = tasks.tolist(), 0
    for _ in range(2000):
        drops = rng.uniform(drop - 0.2, drop + 0.2, 10)[tasks]
        first, second = rng.random(200) < 0.6, rng.random(200) < 0.6 - drops
        found = stats.paired_difference(first, second, labels, resamples=1000)
        hits += found.low <= -drop <= found.high
    assert 0.935 <= hits / 2000 <= 0.975


def test_mcnemar_holds_its_level_and_holm_that_of_the_family() -> None:
    """2,000 families of 5 comparisons of equal policies on 100 episodes: one or more of 5 significant in ≤ 5 %."""
    rng = np.random.default_rng(2)
    single = family = 0
    for _ in range(2000):
        alike = rng.random((5, 100)) < 0.7
        first, second = (np.where(alike, rng.random((5, 100)) < 0.9, rng.random((5, 100)) < 0.5) for _ in range(2))
        p = [stats.mcnemar(a, b) for a, b in zip(first, second, strict=True)]
        single, family = single + (p[0] <= 0.05), family + (min(stats.holm(p)) <= 0.05)
    assert single / 2000 <= 0.05 + 0.01 and family / 2000 <= 0.05 + 0.01
    assert single > 0 and family > 0


def test_wilsons_interval_covers_every_rate() -> None:
    """Exactly, by the binomial law at n = 50: 95 % on average, nowhere much below (Brown, Cai and DasGupta 2001)."""
    ends = np.array([stats.wilson(successes, 50) for successes in range(51)])
    rates = np.linspace(0.005, 0.995, 199)
    chances = scipy_stats.binom.pmf(np.arange(51)[:, None], 50, rates)
    covered = (chances * ((ends[:, :1] <= rates) & (rates <= ends[:, 1:]))).sum(axis=0)
    assert covered.mean() == pytest.approx(0.95, abs=0.01) and covered.min() > 0.85


def test_the_same_data_give_the_same_interval_whatever_the_global_state() -> None:
    first, second = table(30, 12, 4, 14)
    np.random.seed(1)
    one = stats.paired_difference(first, second, [i % 6 for i in range(60)])
    np.random.seed(2)
    assert stats.paired_difference(first, second, [i % 6 for i in range(60)]) == one


def test_nothing_paired_is_not_a_number_and_unequal_lengths_are_refused() -> None:
    nothing = np.zeros(0, bool)
    found = stats.paired_difference(nothing, nothing, [])
    assert found.n == 0 and math.isnan(found.value) and math.isnan(found.low) and math.isnan(found.high)
    with pytest.raises(ValueError, match="3 first outcomes, 2 second ones and 3 labels are not pairs"):
        stats.paired_difference(np.ones(3, bool), np.ones(2, bool), [0, 0, 0])
