"""Paired differences against published examples, a likelihood maximised by hand, statsmodels and worked examples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import norm
from statsmodels.stats.contingency_tables import mcnemar

from tests.stats.populations import outcomes
from tests.stats.vectors import NAMES, PAIRS, VECTORS, Vector, data
from vlabench import stats
from vlabench.stats import NO_DIFFERENCE, Difference, TasksAs, Worth

COUNTS = st.tuples(*[st.integers(0, 25)] * 4).filter(any)
TASKS = st.lists(st.tuples(*[st.integers(0, 6)] * 4).filter(any), min_size=2, max_size=6)
QUESTIONS = st.sampled_from(["fixed", "sample"])
TRUTHS = st.floats(-0.95, 0.95)


def plain(counts: tuple[int, int, int, int]) -> Difference:
    """Of pairs (both, lost, gained, neither) in one task."""
    first, second, labels = data([counts])
    return stats.difference(first, second, labels)


def several(pairs: list[tuple[int, int, int, int]], tasks_as: TasksAs) -> Difference:
    return stats.difference(*data(pairs), tasks_as)


@pytest.mark.parametrize("vector", VECTORS, ids=NAMES)
def test_differences_of_the_worked_examples(vector: Vector) -> None:
    found = several(PAIRS[vector.name], vector.tasks_as)
    assert found.estimate == pytest.approx((len(data(PAIRS[vector.name])[0]), *vector.difference[:3]), abs=1e-6)
    assert found.worth.episodes == pytest.approx(vector.difference.worth, abs=1e-6)
    assert (found.p, found.p_no_worse(0.05)) == pytest.approx((vector.p, vector.p_no_worse), abs=1e-6)


@given(st.lists(st.integers(1, 5), min_size=2, max_size=4), st.integers(0, 10**6))
def test_weights_are_as_so_many_copies_of_a_condition(copies: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = rng.random((2, len(copies), 12)) < 0.6
    labels = [f"t{number % 3}" for number in range(12)]
    plain = stats.difference(np.repeat(first, copies, axis=0), np.repeat(second, copies, axis=0), labels)
    found = stats.difference(first, second, labels, weights=[each / sum(copies) for each in copies])
    assert (found.lost, found.gained) == pytest.approx((plain.lost, plain.gained), abs=1e-9)
    assert found.worth.episodes == pytest.approx(plain.worth.episodes, abs=1e-6)


@pytest.mark.parametrize(("n", "lost", "gained", "level", "low", "high"), [
    (32, 3, 9, 0.95, -0.027, 0.390),  # Tango (1998), section 6.2: sleeping difficulties
    (32, 9, 3, 0.95, -0.390, 0.027),
    (44, 1, 0, 0.90, -0.096, None),  # section 6.1: soft contact lenses
])  # fmt: skip
def test_tangos_published_intervals(n: int, lost: int, gained: int, level: float, low: float,
                                    high: float | None) -> None:
    found = Difference(n, lost / n, gained / n, Worth(n, math.inf), level)
    assert found.low == pytest.approx(low, abs=5e-4)
    assert high is None or found.high == pytest.approx(high, abs=5e-4)


def test_tangos_published_test_of_equivalence() -> None:
    """Soft contact lenses: Z = 1.709 against a loss of ten points."""
    found = Difference(44, 1 / 44, 0, Worth(44, math.inf))
    assert found.z(-0.1) == pytest.approx(1.709, abs=5e-4)
    assert found.p_no_worse(0.1) == pytest.approx(norm.sf(1.709), abs=1e-4)


@given(COUNTS, TRUTHS)
def test_z_is_the_score_statistic_of_the_constrained_likelihood(
        counts: tuple[int, int, int, int], truth: float) -> None:
    """Shares lost and gained that fit the counts best among those that differ by the truth, found by search."""
    both, lost, gained, neither = counts
    n, same = sum(counts), both + neither

    def unlikely(share: float) -> float:
        chances = np.maximum([share, share + truth, 1 - 2 * share - truth], 1e-300)
        return -float(np.dot([lost, gained, same], np.log(chances)))

    lowest, highest = max(0.0, -truth), (1 - truth) / 2
    share = minimize_scalar(unlikely, (lowest, highest), (lowest, highest), method="bounded",
                            options={"xatol": 1e-12, "maxiter": 2000}).x
    expected = ((gained - lost) / n - truth) * math.sqrt(n / max(2 * share + truth - truth**2, 1e-12))
    assert plain(counts).z(truth) == pytest.approx(expected, rel=1e-3, abs=1e-3)


@given(COUNTS)
def test_without_a_difference_it_is_mcnemars_test(counts: tuple[int, int, int, int]) -> None:
    both, lost, gained, neither = counts
    found = plain(counts)
    if lost + gained == 0:
        assert (found.z(0.0), found.p) == (0, 1)
        return
    theirs = mcnemar([[both, lost], [gained, neither]], exact=False, correction=False)
    assert found.z(0.0) ** 2 == pytest.approx(theirs.statistic)
    assert found.p == pytest.approx(theirs.pvalue)
    assert math.copysign(1, found.z(0.0)) == np.sign(gained - lost) or gained == lost


@given(TASKS, QUESTIONS, st.sampled_from([0.8, 0.95, 0.999]))
def test_ends_are_where_the_estimate_is_a_quantile_away(
        pairs: list[tuple[int, int, int, int]], tasks_as: TasksAs, level: float) -> None:
    found = stats.difference(*data(pairs), tasks_as, level)
    quantile = found.worth.quantile((1 - level) / 2)
    assert -1 <= found.low <= found.value <= found.high <= 1 and found.low < found.high
    # z falls as the truth rises, steeply near ±1: the ends are searched to 1e-9, so they are held to that, not their z.
    step = 2e-9
    if -1 + step < found.low:
        assert found.z(found.low - step) >= quantile >= found.z(found.low + step)
    if found.high < 1 - step:
        assert found.z(found.high - step) >= -quantile >= found.z(found.high + step)
    assert (found.lower((1 - level) / 2), found.upper((1 - level) / 2)) == (found.low, found.high)


@given(TASKS, QUESTIONS, TRUTHS)
def test_sides_swapped_turn_the_sign(
        pairs: list[tuple[int, int, int, int]], tasks_as: TasksAs, truth: float) -> None:
    first, second, labels = data(pairs)
    found, turned = (stats.difference(*sides, labels, tasks_as) for sides in ((first, second), (second, first)))
    assert turned.estimate == pytest.approx((found.n, -found.value, -found.high, -found.low), abs=1e-8)
    assert turned.z(-truth) == pytest.approx(-found.z(truth), abs=1e-8)
    assert turned.p == pytest.approx(found.p)


@given(TASKS, QUESTIONS, st.floats(0, 0.3))
def test_interval_p_values_and_margins_never_contradict_each_other(
        pairs: list[tuple[int, int, int, int]], tasks_as: TasksAs, margin: float) -> None:
    found = several(pairs, tasks_as)
    if min(abs(found.p - 0.05), abs(found.p_no_worse(margin) - 0.025), abs(found.p_worse(margin) - 0.025)) < 1e-6:
        return
    assert (found.p < 0.05) == (found.low > 0 or found.high < 0)
    assert (found.p_no_worse(margin) < 0.025) == (found.low > -margin)
    assert (found.p_worse(margin) < 0.025) == (found.high < -margin)
    assert found.p_worse(margin) + found.p_no_worse(margin) == pytest.approx(1)


def test_tasks_of_equal_size_have_the_pooled_difference_and_others_their_mean() -> None:
    equal = several([(3, 2, 0, 0), (1, 1, 1, 2)], "fixed")
    assert (equal.n, equal.lost, equal.gained) == pytest.approx((10, 3 / 10, 1 / 10))
    unequal = several([(3, 2, 0, 0), (0, 0, 1, 1)], "fixed")
    assert (unequal.n, unequal.lost, unequal.gained) == pytest.approx((7, (2 / 5 + 0) / 2, (0 + 1 / 2) / 2))
    assert unequal.value == pytest.approx(0.25 - 0.2)


def test_conditions_are_averaged_and_a_pair_needs_both_outcomes() -> None:
    nan, labels = math.nan, [0, 0, 1, 1]
    first = np.array([[1, 1, 1, 1], [1, 1, nan, 0]])
    second = np.array([[0, 1, 1, nan], [1, 0, 1, 1]])
    found = stats.difference(first, second, labels)
    # lost: 1/2 and 0, then 1/2 and 0; gained: nothing, then 0 and 1
    assert (found.n, found.lost, found.gained) == pytest.approx((4, 0.25, 0.25))
    alone = stats.difference(first[0], second[0], labels)
    assert (alone.n, alone.lost, alone.gained) == pytest.approx((3, 0.25, 0))


@pytest.mark.parametrize(("tasks_as", "half"), [("fixed", 0.071348), ("sample", 0.092845)])
def test_no_certainty_without_a_pair_that_disagrees(tasks_as: TasksAs, half: float) -> None:
    found = several([(3, 0, 0, 2)] * 10, tasks_as)
    assert found.estimate == pytest.approx((50, 0, -half, half), abs=1e-6) and found.p == 1


def test_one_episode_a_task() -> None:
    found = several([(0, 1, 0, 0)] * 3 + [(1, 0, 0, 0)] * 7, "fixed")
    assert found.estimate == pytest.approx((10, -0.3, -0.603222, 0.060793), abs=1e-6)
    assert found.p == pytest.approx(0.083265, abs=1e-6)


@pytest.mark.parametrize("counts", [(0, 9, 0, 0), (0, 0, 9, 0), (0, 1, 0, 0), (5, 0, 0, 4)])
def test_total_loss_and_total_gain_have_an_interval(counts: tuple[int, int, int, int]) -> None:
    found = plain(counts)
    assert -1 <= found.low < found.high <= 1 and found.low <= found.value <= found.high
    if abs(found.value) == 1:
        assert (found.low if found.value < 0 else found.high) == found.value


def test_what_has_no_answer_is_not_a_number() -> None:
    first, second = outcomes(np.array([(5, 3, 1, 1)]))
    alone = stats.difference(first, second, [0] * 10, "sample")
    assert (alone.n, alone.value) == pytest.approx((10, -0.2))
    for none in (alone.low, alone.high, alone.p, alone.p_worse(0.05), alone.p_no_worse(0.05)):
        assert math.isnan(none)
    nothing = stats.difference(first[:0], second[:0], [])
    empty = stats.difference(np.array([[1.0], [math.nan]]), np.array([[1.0], [1.0]]), [0])
    for found in (nothing, empty, NO_DIFFERENCE):
        assert found.n == 0 and all(math.isnan(each) for each in (*found.estimate[1:], found.p))
    with pytest.raises(ValueError, match=r"\(3,\) first outcomes and \(2,\) second ones are not pairs"):
        stats.difference(np.ones(3, bool), np.ones(2, bool), [0, 0, 0])
    with pytest.raises(ValueError, match="3 outcomes and 2 labels"):
        stats.difference(np.ones(3, bool), np.ones(3, bool), [0, 0])
