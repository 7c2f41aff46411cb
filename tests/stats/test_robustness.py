"""Retention, severity area, worst condition and mCE against hand-worked examples, closed forms and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import trapezoid

from vlabench import stats
from vlabench.stats.rates import correlation
from vlabench.stats.robustness import mover

PAIRS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=60)


def bools(text: str) -> stats.Bools:
    return np.array([letter == "s" for letter in text])


def test_retention_is_the_ratio_of_the_paired_rates() -> None:
    clean, perturbed = bools("ssssssssff" * 4), bools("ssssffffff" * 4)
    found = stats.retention(clean, perturbed, [i // 10 for i in range(40)])
    assert (found.n, found.value) == (40, 0.5)
    assert found.low < 0.5 < found.high  # every task has the same ratio: MOVER takes over
    assert found[2:] == mover(0.8, 0.4, 40, phi=correlation(clean, perturbed))
    spread = stats.retention(clean, perturbed, [i % 8 for i in range(40)])
    assert 0.2 < spread.low < 0.5 < spread.high < 0.8


def test_retention_without_a_clean_success_is_not_a_number() -> None:
    found = stats.retention(bools("ffff"), bools("sfff"), [0, 0, 1, 1])
    assert found.n == 4 and all(math.isnan(each) for each in found[1:])
    assert math.isnan(stats.retention(bools(""), bools(""), []).value)
    with pytest.raises(ValueError, match="are not pairs"):
        stats.retention(bools("s"), bools("ss"), [0])


def test_episodes_without_an_outcome_are_left_out_of_their_condition_only() -> None:
    clean, nan = np.array([1, 1, 1, 0, 1, 1.0]), math.nan
    perturbed = np.array([[1, 0, nan, 0, nan, nan], [1, 1, 0, 0, 1, 0]])
    tasks = [0, 0, 1, 1, 2, 2]
    # by hand: clean 5/6; perturbed 1/3 and 1/2
    found = stats.retention(clean, perturbed, tasks)
    assert found.n == 6 and found.value == pytest.approx((1 / 3 + 1 / 2) / 2 / (5 / 6))
    assert found.low < found.value < found.high
    area = stats.severity_area(np.concatenate([clean[None], perturbed]), [0, 1, 3], tasks)
    assert area.value == pytest.approx(((5 / 6 + 1 / 3) / 2 + 2 * (1 / 3 + 1 / 2) / 2) / 3)
    assert stats.mce({"a": perturbed}, {"a": [0.5, 0.5]}, tasks).value == pytest.approx(2 / 3 + 1 / 2)
    nothing = np.full((2, 6), nan)
    assert math.isnan(stats.mce({"a": nothing}, {"a": [0.5, 0.5]}, tasks).value)
    assert math.isnan(stats.retention(clean, nothing, tasks).value)


def test_several_perturbations_have_the_mean_of_their_areas() -> None:
    rng = np.random.default_rng(0)
    outcomes, tasks = rng.random((3, 4, 30)) < 0.6, [i % 5 for i in range(30)]
    found = stats.severity_area(outcomes, range(4), tasks)
    each = [stats.severity_area(one, range(4), tasks).value for one in outcomes]
    assert found.value == pytest.approx(np.mean(each))
    assert found.high - found.low < stats.severity_area(outcomes[0], range(4), tasks).high


def test_a_single_clean_success_leaves_the_ratio_without_an_upper_bound() -> None:
    found = stats.retention(bools("sfffffff"), bools("sfffsfff"), [0, 0, 1, 1, 2, 2, 3, 3])
    assert found.value == 2 and found.high == math.inf and found.low >= 0


@given(PAIRS)
def test_mover_limits_are_where_perturbed_minus_r_times_clean_may_be_nothing(pairs: list[tuple[bool, bool]]) -> None:
    """The defining equation: at a limit R, MOVER's interval of perturbed − R · clean ends at 0."""
    clean, perturbed = (np.array(side) for side in zip(*pairs, strict=True))
    n, c, p = len(clean), float(np.mean(clean)), float(np.mean(perturbed))
    if c == 0:
        return
    (low_c, high_c), (low_p, high_p) = stats.wilson(int(sum(clean)), n), stats.wilson(int(sum(perturbed)), n)
    phi = correlation(clean, perturbed)
    low, high = mover(c, p, n, phi=phi)
    assert low <= p / c + 1e-9 and p / c <= high + 1e-9
    variance = (p - low_p) ** 2 - 2 * phi * (p - low_p) * low * (high_c - c) + (low * (high_c - c)) ** 2
    if low > 0:
        assert p - low * c == pytest.approx(math.sqrt(variance), abs=1e-6)
    if math.isfinite(high):
        variance = (high_p - p) ** 2 - 2 * phi * (high_p - p) * high * (c - low_c) + (high * (c - low_c)) ** 2
        assert high * c - p == pytest.approx(math.sqrt(variance), abs=1e-6)


def test_retention_intervals_cover_the_truth() -> None:
    """2,000 experiments over 10 tasks of 20 episodes, clean 0.8, perturbed 0.4 on average: retention 0.5."""
    rng = np.random.default_rng(5)
    tasks = np.repeat(np.arange(10), 20)
    labels, hits = tasks.tolist(), 0
    for _ in range(2000):
        first, second = rng.random(200) < 0.8, rng.random(200) < rng.uniform(0.1, 0.7, 10)[tasks]
        found = stats.retention(first, second, labels, resamples=1000)
        hits += found.low <= 0.5 <= found.high
    assert 0.93 <= hits / 2000 <= 0.97


def test_the_severity_area_is_that_of_the_trapezoids() -> None:
    outcomes = np.stack([bools("ssss"), bools("sssf"), bools("ssff"), bools("ffff")])
    found = stats.severity_area(outcomes, [0, 1, 2, 4], [0, 0, 1, 1])
    assert found.n == 4
    # by hand: rates 1, 0.75, 0.5, 0 at 0, 1, 2, 4
    assert found.value == pytest.approx((0.875 * 1 + 0.625 * 1 + 0.25 * 2) / 4)
    assert found.low < found.value < found.high
    even = stats.severity_area(outcomes, [0, 1, 2, 3], [0, 0, 1, 1]).value
    assert even == pytest.approx(trapezoid([1, 0.75, 0.5, 0]) / 3)


def test_an_area_of_certain_successes_is_not_certain() -> None:
    found = stats.severity_area(np.ones((6, 20), bool), range(6), list(range(20)))
    assert found.value == pytest.approx(1) and (found.low, found.high) == pytest.approx(stats.wilson(20, 20))
    assert math.isnan(stats.severity_area(np.ones((6, 0), bool), range(6), []).value)


@pytest.mark.parametrize(("shape", "severities", "why"), [
    ((1, 4), [0], "two or more rising"), ((2, 4), [1, 0], "two or more rising"), ((2, 3), [0, 1], "are not 2 sev"),
])  # fmt: skip
def test_wrong_severities_are_refused(shape: tuple[int, int], severities: list[float], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        stats.severity_area(np.ones(shape, bool), severities, [0, 0, 1, 1])


def test_the_worst_condition_and_its_interval() -> None:
    found = stats.worst_condition({"shift": bools("sssf"), "joint": bools("sfff"), "none": bools("")})
    assert (found.condition, found.n, found.rate) == ("joint", 4, 0.25)
    assert found.low == stats.wilson(1, 4)[0]
    assert found.high == stats.wilson(1, 4, level=0.975)[1]
    with pytest.raises(ValueError, match="no condition"):
        stats.worst_condition({"none": bools("")})


@pytest.mark.parametrize("rates", [[0.5] * 5, [0.2, 0.5, 0.6, 0.7, 0.8], [0.3, 0.35, 0.9, 0.9, 0.9]])
def test_the_worst_conditions_interval_covers_the_lowest_true_rate(rates: list[float]) -> None:
    """2,000 experiments of 5 conditions × 40 episodes; with equal rates the lowest is the most deceptive."""
    successes = np.random.default_rng(7).binomial(40, rates, size=(2000, 5))
    ends = np.array([[*stats.wilson(k, 40), stats.wilson(k, 40, 0.99)[1]] for k in range(41)])
    hits = (ends[successes, 0].min(axis=1) <= min(rates)) & (min(rates) <= ends[successes, 2].min(axis=1))
    assert hits.mean() >= 0.95
    one = {str(k): np.arange(40) < n for k, n in enumerate(successes[0])}
    assert stats.worst_condition(one)[3:] == (ends[successes[0], 0].min(), ends[successes[0], 2].min())


def test_mce_weighs_perturbations_by_the_references_failures() -> None:
    outcomes = {"easy": np.stack([bools("ssssssssss"), bools("sssssssssf")]),
                "hard": np.stack([bools("sssssfffff"), bools("ffffffffff")])}  # fmt: skip
    reference = {"easy": [0.1, 0.1], "hard": [0.75, 0.75]}
    found = stats.mce(outcomes, reference, list(range(10)))
    # by hand: easy (0 + 0.1) / 0.2 = 0.5, hard (0.5 + 1) / 1.5 = 1
    assert found.n == 10 and found.value == pytest.approx(0.75)
    assert 0 <= found.low < 0.75 < found.high
    itself = stats.mce({"hard": outcomes["hard"]}, {"hard": [0.5, 1.0]}, list(range(10)))
    assert itself.value == pytest.approx(1)


def test_mce_without_any_failure_is_not_certainly_nothing() -> None:
    found = stats.mce({"easy": np.ones((2, 10), bool)}, {"easy": [0.1, 0.3]}, list(range(10)))
    # at most 2 failures an episode over 0.4 of the reference
    assert found.value == 0 and (found.low, found.high) == pytest.approx((0, 5 * stats.wilson(0, 10)[1]), abs=1e-12)


def test_mce_refuses_what_cannot_be_compared() -> None:
    ones = np.ones((2, 3), bool)
    for outcomes, reference, why in (
        ({"a": ones}, {"b": [0.1, 0.2]}, r"\['a'\] against a reference of \['b'\]"),
        ({"a": ones}, {"a": [0.1]}, "against 1 severities"),
        ({"a": ones}, {"a": [0.0, 0.0]}, "never fails"),
    ):
        with pytest.raises(ValueError, match=why):
            stats.mce(outcomes, reference, [0, 1, 2])
