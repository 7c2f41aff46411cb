"""Retention, severity area and mCE against hand-worked examples, defining equations and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import trapezoid
from statsmodels.stats.proportion import proportion_confint

from tests.stats.populations import outcomes
from vlabench import stats
from vlabench.stats import Bools, TasksAs
from vlabench.stats.robustness import mover

LIMITS = st.tuples(*[st.floats(0, 1)] * 3).map(sorted)
QUESTIONS = pytest.mark.parametrize("tasks_as", ["fixed", "sample"])


def bools(text: str) -> Bools:
    return np.array([letter == "s" for letter in text])


def plain(successes: int, n: int, error: float = 0.05) -> tuple[float, float]:
    """Agresti and Coull's interval, as statsmodels has it, within 0 and 1."""
    low, high = proportion_confint(successes, n, error, method="agresti_coull")
    return max(low, 0.0), min(high, 1.0)


def test_retention_is_the_ratio_of_the_rates() -> None:
    """Of one task: both intervals are those of 40 independent episodes, correlated as the outcomes are."""
    clean, perturbed = bools("ssssssssff" * 4), bools("ssssffffff" * 4)
    found = stats.retention(clean, perturbed, [0] * 40)
    assert (found.n, found.value) == (40, 0.5)
    phi = float(np.corrcoef(clean, perturbed)[0, 1])
    assert found[2:] == pytest.approx(mover((0.8, *plain(32, 40)), (0.4, *plain(16, 40)), phi))
    assert found.low < 0.5 < found.high


def test_retention_over_tasks_is_of_the_mean_rates() -> None:
    clean, perturbed = bools("ssss" + "sf"), bools("ssff" + "ff")
    found = stats.retention(clean, perturbed, [0] * 4 + [1] * 2)
    assert (found.n, found.value) == pytest.approx((6, (2 / 4 + 0) / (4 / 4 + 1 / 2)))


def test_for_tasks_like_these_it_is_their_means_that_are_correlated() -> None:
    rates = np.array([[9, 8], [5, 4], [1, 1], [7, 2]])
    clean, perturbed = (np.concatenate([np.arange(10) < k for k in side]) for side in rates.T)
    labels = [i // 10 for i in range(40)]
    found = stats.retention(clean, perturbed, labels, "sample")
    ends = [stats.rate(side, labels, "sample")[1:] for side in (clean, perturbed)]
    phi = float(np.corrcoef(rates.T)[0, 1])
    assert found[2:] == pytest.approx(mover(ends[0], ends[1], phi))


def test_for_these_tasks_it_is_what_varies_within_them_that_is_correlated() -> None:
    """Two tasks of unequal size, by their sums of products over n (n − 1), which are the covariances of the means."""
    pairs = np.array([(6, 1, 0, 3), (2, 2, 1, 0)])
    clean, perturbed = outcomes(pairs)
    labels = [0] * 10 + [1] * 5
    covariance = (np.cov(clean[:10], perturbed[:10]) / 10 + np.cov(clean[10:], perturbed[10:]) / 5) / 4
    phi = covariance[0, 1] / math.sqrt(covariance[0, 0] * covariance[1, 1])
    ends = [stats.rate(side, labels)[1:] for side in (clean, perturbed)]
    assert stats.retention(clean, perturbed, labels)[2:] == pytest.approx(mover(ends[0], ends[1], phi))


def test_retention_that_has_no_answer_is_not_a_number() -> None:
    found = stats.retention(bools("ffff"), bools("sfff"), [0, 0, 1, 1])
    assert found.n == 4 and all(math.isnan(each) for each in found[1:])
    assert math.isnan(stats.retention(bools(""), bools(""), []).value)
    alone = stats.retention(bools("ssff"), bools("sfff"), [0] * 4, "sample")
    assert alone.value == 0.5 and math.isnan(alone.low) and math.isnan(alone.high)
    with pytest.raises(ValueError, match="are not pairs"):
        stats.retention(bools("s"), bools("ss"), [0])


def test_a_single_clean_success_leaves_the_ratio_without_an_upper_bound() -> None:
    found = stats.retention(bools("sfffffff"), bools("sfffsfff"), [0] * 8, level=0.99)
    assert plain(1, 8, 0.01)[0] == 0
    assert found.value == 2 and found.high == math.inf and found.low >= 0


@given(LIMITS, LIMITS, st.floats(-0.9, 0.9))
def test_mover_limits_are_where_perturbed_minus_r_times_clean_may_be_nothing(
        clean: list[float], perturbed: list[float], phi: float) -> None:
    """The defining equation: at a limit R, the interval recovered for perturbed − R · clean ends at 0."""
    (low_c, c, high_c), (low_p, p, high_p) = clean, perturbed
    if low_c < 0.02:
        return
    low, high = mover((c, low_c, high_c), (p, low_p, high_p), phi)
    assert 0 <= low <= p / c + 1e-6 and p / c <= high + 1e-6
    if low > 0:
        variance = (p - low_p) ** 2 - 2 * phi * (p - low_p) * low * (high_c - c) + (low * (high_c - c)) ** 2
        assert p - low * c == pytest.approx(math.sqrt(max(variance, 0)), abs=1e-4)
    if high < 1e3:
        variance = (high_p - p) ** 2 - 2 * phi * (high_p - p) * high * (c - low_c) + (high * (c - low_c)) ** 2
        assert high * c - p == pytest.approx(math.sqrt(max(variance, 0)), rel=1e-4, abs=1e-4)


@QUESTIONS
@pytest.mark.parametrize("alike", [False, True])
def test_retention_intervals_cover_the_truth(tasks_as: TasksAs, alike: bool) -> None:
    """2,000 experiments over 20 tasks of 20 episodes, clean 0.8, perturbed 0.4 on average: retention 0.5.

    alike: what fails clean fails perturbed. The standard error of the share is half a point.
    """
    rng, labels = np.random.default_rng(5), np.repeat(np.arange(20), 20)
    rates, hits = np.linspace(0.12, 0.68, 20), 0
    for _ in range(2000):
        rates = rng.uniform(0.1, 0.7, 20) if tasks_as == "sample" else rates
        luck = rng.random((2, 400))
        first, second = luck[0] < 0.8, luck[0 if alike else 1] < rates[labels]
        found = stats.retention(first, second, labels.tolist(), tasks_as)
        hits += found.low <= 0.5 <= found.high
    assert 0.935 <= hits / 2000 <= 0.965


def test_episodes_without_an_outcome_are_left_out_of_their_condition_only() -> None:
    clean, nan = np.array([1, 1, 1, 0, 1, 1.0]), math.nan
    perturbed = np.array([[1, 0, nan, 0, nan, nan], [1, 1, 0, 0, 1, 0]])
    tasks = [0, 0, 1, 1, 2, 2]
    # by hand, tasks' rates: clean 1, 1/2, 1; perturbed 1/2, 0, none and 1, 0, 1/2
    clean_mean, means = 5 / 6, (1 / 4, 1 / 2)
    found = stats.retention(clean, perturbed, tasks)
    assert found.n == 6 and found.value == pytest.approx(sum(means) / 2 / clean_mean)
    assert found.low < found.value < found.high
    area = stats.severity_area(np.concatenate([clean[None], perturbed]), [0, 1, 3], tasks)
    assert area.value == pytest.approx(((clean_mean + means[0]) / 2 + 2 * sum(means) / 2) / 3)
    assert stats.mce({"a": perturbed}, {"a": [0.5, 0.5]}, tasks).value == pytest.approx(2 - sum(means))
    nothing = np.full((2, 6), nan)
    assert math.isnan(stats.mce({"a": nothing}, {"a": [0.5, 0.5]}, tasks).value)
    assert math.isnan(stats.retention(clean, nothing, tasks).value)


def test_several_perturbations_have_the_mean_of_their_areas() -> None:
    rng = np.random.default_rng(0)
    outcomes, tasks = rng.random((3, 4, 30)) < 0.6, [i % 5 for i in range(30)]
    found = stats.severity_area(outcomes, range(4), tasks)
    each = [stats.severity_area(one, range(4), tasks) for one in outcomes]
    assert found.value == pytest.approx(np.mean([one.value for one in each]))
    assert found.high - found.low < min(one.high - one.low for one in each)


def test_the_severity_area_is_that_of_the_trapezoids() -> None:
    outcomes = np.stack([bools("ssss"), bools("sssf"), bools("ssff"), bools("ffff")])
    found = stats.severity_area(outcomes, [0, 1, 2, 4], [0, 0, 1, 1])
    assert found.n == 4
    # by hand: rates 1, 0.75, 0.5, 0 at 0, 1, 2, 4
    assert found.value == pytest.approx((0.875 * 1 + 0.625 * 1 + 0.25 * 2) / 4)
    assert found.low < found.value < found.high
    even = stats.severity_area(outcomes, [0, 1, 2, 3], [0, 0, 1, 1]).value
    assert even == pytest.approx(trapezoid([1, 0.75, 0.5, 0]) / 3)


def test_outcomes_that_do_not_depend_on_severity_have_the_rates_own_interval() -> None:
    """Five times the same outcomes are no more than one."""
    outcomes = bools("sssfsffsss" * 3)
    found = stats.severity_area(np.stack([outcomes] * 5), [0, 1, 2, 3, 7], [0] * 30)
    assert found == pytest.approx((30, 0.7, *plain(21, 30)))
    certain = stats.severity_area(np.ones((6, 20), bool), range(6), list(range(20)))
    assert certain == pytest.approx((20, 1, *plain(20, 20)))
    assert math.isnan(stats.severity_area(np.ones((6, 0), bool), range(6), []).value)


@QUESTIONS
def test_areas_cover_the_truth(tasks_as: TasksAs) -> None:
    """1,000 experiments over 20 tasks of 10 episodes at four severities, at which an episode fails from some one on."""
    rng, labels, hits = np.random.default_rng(9), np.repeat(np.arange(20), 10).tolist(), 0
    strong = np.linspace(0.2, 1, 20)
    for _ in range(1000):
        strong = rng.uniform(0.2, 1, 20) if tasks_as == "sample" else strong
        limit = rng.random(200)
        rates = strong[labels] * np.array([0.9, 0.7, 0.5, 0.3])[:, None]
        found = stats.severity_area(limit < rates, range(4), labels, tasks_as)
        hits += found.low <= 0.6 * 0.6 <= found.high
    assert 0.93 <= hits / 1000 <= 0.97


@pytest.mark.parametrize(("shape", "severities", "why"), [
    ((1, 4), [0], "two or more rising"), ((2, 4), [1, 0], "two or more rising"), ((2, 3), [0, 1], "are not 2 sev"),
])  # fmt: skip
def test_wrong_severities_are_refused(shape: tuple[int, int], severities: list[float], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        stats.severity_area(np.ones(shape, bool), severities, [0, 0, 1, 1])


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


def test_mce_has_the_interval_of_failures_over_the_references() -> None:
    """The same failures at both severities: their rate over 0.4, the reference's mean."""
    failures = bools("sssfsffsss" * 3)
    found = stats.mce({"a": np.stack([failures, failures])}, {"a": [0.3, 0.5]}, [0] * 30)
    assert found == pytest.approx((30, 0.3 / 0.4, *(end / 0.4 for end in plain(9, 30))))
    none = stats.mce({"easy": np.ones((2, 10), bool)}, {"easy": [0.1, 0.3]}, list(range(10)))
    assert none == pytest.approx((10, 0, *(end / 0.2 for end in plain(0, 10))), abs=1e-12)


def test_mce_refuses_what_cannot_be_compared() -> None:
    ones = np.ones((2, 3), bool)
    for played, reference, why in (
        ({"a": ones}, {"b": [0.1, 0.2]}, r"\['a'\] against a reference of \['b'\]"),
        ({"a": ones}, {"a": [0.1]}, "against 1 severities"),
        ({"a": ones}, {"a": [0.0, 0.0]}, "never fails"),
    ):
        with pytest.raises(ValueError, match=why):
            stats.mce(played, reference, [0, 1, 2])
