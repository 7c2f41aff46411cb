"""Rates with their intervals against closed forms, statsmodels, worked examples and the binomial law."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from tests.stats.vectors import NAMES, PAIRS, VECTORS, Vector, data
from vlabench import stats
from vlabench.stats import Tasks, TasksAs, Worth
from vlabench.stats.rates import agresti_coull

Z = 1.959963984540054


def ends_by_hand(share: float, n: float, z: float = Z) -> tuple[float, float]:
    """Agresti and Coull (1998): z²/2 successes and failures are added."""
    middle = (share * n + z * z / 2) / (n + z * z)
    half = z * math.sqrt(middle * (1 - middle) / (n + z * z))
    return max(middle - half, 0.0), min(middle + half, 1.0)


@pytest.mark.parametrize("vector", VECTORS, ids=NAMES)
def test_rates_of_the_worked_examples(vector: Vector) -> None:
    _, second, labels = data(PAIRS[vector.name])
    found = stats.rate(second, labels, vector.tasks_as)
    assert found == pytest.approx((len(second), *vector.rate[:3]), abs=1e-6)
    worth = Tasks(labels).worth(second.astype(float), found.value * (1 - found.value), vector.tasks_as)
    assert worth.episodes == pytest.approx(vector.rate.worth, abs=1e-6)


@given(st.integers(0, 50), st.integers(0, 50))
def test_one_task_has_agresti_and_coulls_interval(successes: int, failures: int) -> None:
    outcomes = np.repeat([True, False], [successes, failures])
    found, n = stats.rate(outcomes, [0] * len(outcomes)), successes + failures
    if n == 0:
        assert found.n == 0 and all(math.isnan(each) for each in found[1:])
        return
    assert found == pytest.approx((n, successes / n, *ends_by_hand(successes / n, n)), abs=1e-12)
    theirs = proportion_confint(successes, n, method="agresti_coull")
    assert found[2:] == pytest.approx((max(theirs[0], 0), min(theirs[1], 1)), abs=1e-12)


@pytest.mark.parametrize(("worth", "level"), [(Worth(37.5, math.inf), 0.9), (Worth(12.25, 4), 0.95)])
def test_broken_numbers_and_other_quantiles_are_as_good(worth: Worth, level: float) -> None:
    z = scipy_stats.norm.isf((1 - level) / 2) if math.isinf(worth.freedom) else scipy_stats.t.isf((1 - level) / 2, 4)
    assert agresti_coull(0.3, worth, level) == pytest.approx(ends_by_hand(0.3, worth.episodes, z))


def test_the_interval_covers_every_rate_of_one_task() -> None:
    """Exactly, by the binomial law at n = 50: Agresti and Coull (1998) say nowhere much below 95 %."""
    ends = np.array([stats.rate(np.arange(50) < k, [0] * 50)[2:] for k in range(51)])
    rates = np.linspace(0.005, 0.995, 199)
    chances = scipy_stats.binom.pmf(np.arange(51)[:, None], 50, rates)
    covered = (chances * ((ends[:, :1] <= rates) & (rates <= ends[:, 1:]))).sum(axis=0)
    assert covered.min() > 0.93 and 0.95 < covered.mean() < 0.97


@pytest.mark.parametrize(("tasks_as", "low"), [("fixed", 0.914784), ("sample", 0.889468)])
def test_no_certainty_where_all_succeed(tasks_as: TasksAs, low: float) -> None:
    labels = [i // 5 for i in range(50)]
    assert stats.rate(np.ones(50, bool), labels, tasks_as) == pytest.approx((50, 1, low, 1), abs=1e-6)
    assert stats.rate(np.zeros(50, bool), labels, tasks_as) == pytest.approx((50, 0, 0, 1 - low), abs=1e-6)


def test_every_task_weighs_the_same_whatever_its_episodes() -> None:
    outcomes, labels = np.array([1, 1, 1, 1, 1, 1, 0, 0], bool), [0] * 6 + [1] * 2
    assert stats.rate(outcomes, labels).value == pytest.approx(0.5)
    assert stats.rate(outcomes, [i % 2 for i in range(8)]).value == pytest.approx(6 / 8)


def test_rates_over_conditions_are_averaged_or_weighted() -> None:
    rows, labels = np.array([[1, 1, 1, 0], [1, 0, 0, 0]]), [0, 0, 1, 1]
    assert stats.rate(rows, labels).value == pytest.approx(0.5)
    assert stats.rate(rows, labels, weights=[0.8, 0.2]).value == pytest.approx(0.8 * 0.75 + 0.2 * 0.25)
    same = np.stack([rows[0], rows[0]])
    assert stats.rate(same, labels) == pytest.approx(stats.rate(rows[0], labels))  # no news, no narrower
    missing = np.array([[1, 1, 1, math.nan], [1, 0, 0, math.nan]])
    found = stats.rate(missing, labels)
    assert found.n == 3 and found.value == pytest.approx((1 + 0.25) / 2)


def test_what_cannot_be_answered_is_not_a_number() -> None:
    alone = stats.rate(np.array([True, False]), [0, 0], "sample")
    assert (alone.n, alone.value) == (2, 0.5) and math.isnan(alone.low) and math.isnan(alone.high)
    nothing = stats.rate(np.array([[1, 0], [math.nan, math.nan]]), [0, 1])
    assert nothing.n == 2 and all(math.isnan(each) for each in nothing[1:])
    assert stats.rate(np.zeros((3, 0), bool), []).n == 0
    with pytest.raises(ValueError, match="3 outcomes and 2 labels are not pairs"):
        stats.rate(np.ones(3, bool), [0, 0])


def test_only_what_both_have_is_paired() -> None:
    first = {"a": True, "b": False, "c": True}
    second = {"c": False, "d": True, "a": True}
    keys, one, other = stats.pair(first, second)
    assert (keys, one.tolist(), other.tolist()) == (["a", "c"], [True, True], [True, False])
    assert [len(part) for part in stats.pair({}, second)] == [0, 0, 0]


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
