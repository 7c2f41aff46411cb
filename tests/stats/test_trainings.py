"""Rates of several trainings: by hand, against an analysis of variance of statsmodels, and how often they are right."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pandas
import pytest

from vlabench import stats

Floats = npt.NDArray[np.float64]
NAN = math.nan


def drawn(rng: np.random.Generator, k: int, hard: Floats, between: float) -> Floats:
    """[K, 1, N] of a recipe that succeeds in half the episodes, its trainings in more or less; so do episodes, `hard`.
    """
    luck = between * rng.standard_normal((k, 1, 1))
    return (rng.random((k, 1, len(hard))) < np.clip(0.5 + luck + hard, 0, 1)).astype(float)


def test_a_mean_by_hand() -> None:
    """Task a: 1, 0 and 1, 1; task b: 0 and 1; under a condition that was played in task a alone 1, 1 and 0, 0."""
    outcomes = np.array([[[1, 0, 0], [1, 1, NAN]], [[1, 1, 1], [0, 0, NAN]]])
    found = stats.trainings(outcomes, ["a", "a", "b"])
    assert found.n == 3 and found.value == pytest.approx((0.25 + 1 + 1 + 0) / 4)
    assert stats.trainings(outcomes, ["a", "a", "b"], weights=[0.75, 0.25]).value == pytest.approx(
        (0.75 * 0.25 + 0.25 + 0.75 + 0) / 2)
    assert math.isnan(stats.trainings(np.full((2, 1, 3), NAN), ["a", "a", "b"]).value)
    assert stats.trainings(np.array([[[1.0]], [[0.0]]]), ["a"]).value == 0.5


def test_an_episode_counts_where_all_have_it() -> None:
    """The second training of the other recipe has but the first ten; what the others do in the rest counts nowhere."""
    rng = np.random.default_rng(5)
    one = (rng.random(40) < 0.5).astype(float)
    few = np.where(np.arange(40) < 10, one, NAN)
    first, second = np.stack([one, one])[:, None], np.stack([one, few])[:, None]
    found = stats.trainings_difference(first, second, ["a"] * 40)
    assert (found.n, found.value, found.low, found.high, found.p) == (10, 0, 0, 0, 1)
    assert stats.trainings(second, ["a"] * 40).value == pytest.approx(one[:10].mean())
    apart = np.array([[[1, NAN]], [[NAN, 1]]])
    assert math.isnan(stats.trainings(apart, ["a", "b"]).value)


def test_the_variance_is_that_of_an_analysis_of_variance() -> None:
    """Mean squares of a crossed design, as statsmodels has them."""
    from statsmodels.formula.api import ols
    from statsmodels.stats.anova import anova_lm

    k, n = 4, 30
    outcomes = drawn(np.random.default_rng(1), k, np.zeros(n), 0.3)
    frame = pandas.DataFrame({"y": outcomes.ravel(), "training": np.repeat(np.arange(k), n),
                              "episode": np.tile(np.arange(n), k)})
    squares = anova_lm(ols("y ~ C(training) + C(episode)", frame).fit())["mean_sq"]
    trained, played, rest = (float(squares[each]) / (k * n) for each in ("C(training)", "C(episode)", "Residual"))
    variance = max(trained + played - rest, trained, played)
    free = variance**2 / (trained**2 / (k - 1) + played**2 / (n - 1))
    found = stats.trainings(outcomes, ["a"] * n)
    from scipy.stats import t

    assert (found.high - found.low) / 2 == pytest.approx(t.ppf(0.975, free) * math.sqrt(variance))


@pytest.mark.parametrize(("tasks_as", "between"), [("fixed", 0.02), ("fixed", 0.15), ("sample", 0.1)])
@pytest.mark.parametrize(("k", "other", "each"), [(2, 2, 30), (2, 2, 300), (3, 1, 300), (5, 5, 100)])
def test_how_often_they_hold_the_truth(k: int, other: int, each: int, tasks_as: stats.TasksAs, between: float) -> None:
    """Nearly as often as they say, or more often; episodes and tasks are hard or easy for all trainings alike."""
    rng, tasks = np.random.default_rng(each + k), [number for number in range(4) for _ in range(each)]
    rates, differences = [], []
    for _ in range(120):
        task = 0.15 * rng.standard_normal(4) if tasks_as == "sample" else np.zeros(4)
        hard = np.repeat(task, each) + 0.2 * rng.standard_normal(4 * each)
        one, two = drawn(rng, k, hard, between), drawn(rng, other, hard, between)
        rate, found = stats.trainings(one, tasks, tasks_as), stats.trainings_difference(one, two, tasks, tasks_as)
        rates.append(rate.low <= 0.5 <= rate.high)
        differences.append(found.low <= 0 <= found.high)
        assert (found.p < 0.05) == (not differences[-1])
    assert np.mean(rates) > 0.87 and np.mean(differences) > 0.87


def test_where_nothing_is_known_nothing_is_said() -> None:
    outcomes = drawn(np.random.default_rng(0), 3, np.zeros(20), 0.1)
    of_one_task = stats.trainings(outcomes, ["a"] * 20, "sample")
    assert of_one_task.value == pytest.approx(outcomes.mean()) and math.isnan(of_one_task.low)
    assert math.isnan(stats.trainings(outcomes[:1], ["a"] * 20).high)
    single = stats.trainings_difference(outcomes[:1], outcomes[1:2], ["a"] * 20)
    assert not math.isnan(single.value) and math.isnan(single.p)
    with pytest.raises(ValueError, match="other conditions or episodes"):
        stats.trainings_difference(outcomes, outcomes[:, :, 1:], ["a"] * 20)
    nothing = stats.trainings_difference(np.full_like(outcomes, NAN), outcomes, ["a"] * 20)
    assert nothing.n == 0 and math.isnan(nothing.value)
    always = stats.trainings(np.ones((2, 1, 20)), ["a"] * 20)
    assert (always.low, always.value, always.high) == (1, 1, 1)
