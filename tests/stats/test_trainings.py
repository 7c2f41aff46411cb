"""Rates of several trainings: by hand, against the variance of a known model, and by how often they hold the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vlabench import stats

TASKS = ["a"] * 20 + ["b"] * 20


def drawn(rng: np.random.Generator, k: int, between: float = 0.1, tasks: int = 2, each: int = 20) -> np.ndarray:
    """[K, 1, N] of a recipe that succeeds in half the episodes, its trainings in more or less; episodes differ, too."""
    luck, hard = between * rng.standard_normal((k, 1, 1)), 0.2 * rng.standard_normal((1, 1, tasks * each))
    return (rng.random((k, 1, tasks * each)) < np.clip(0.5 + luck + hard, 0, 1)).astype(float)


def test_a_mean_by_hand() -> None:
    """Task a: 1, 0 and 1, 1; task b: 0 and 1; a condition that was played in task a alone."""
    nan = math.nan
    outcomes = np.array([[[1, 0, 0], [1, 1, nan]], [[1, 1, 1], [0, 0, nan]]], dtype=float)
    found = stats.trainings(outcomes, ["a", "a", "b"])
    assert found.n == 3 and found.value == pytest.approx(((0.5 + 0) / 2 + 1 + (1 + 1) / 2 + 0) / 4)
    weighed = stats.trainings(outcomes, ["a", "a", "b"], weights=[3, 1])
    assert weighed.value == pytest.approx((3 * ((0.5 + 0) / 2 + 1) + 1 * (1 + 0)) / 8)
    assert math.isnan(stats.trainings(np.full((2, 1, 3), nan), ["a", "a", "b"]).value)


def test_one_training_has_the_spread_of_its_episodes() -> None:
    one = drawn(np.random.default_rng(0), 1, tasks=2, each=100)
    tasks = ["a"] * 100 + ["b"] * 100
    found, plain = stats.trainings(one, tasks), stats.rate(one[0], tasks)
    assert found.value == pytest.approx(plain.value)
    assert found.high - found.low == pytest.approx(plain.high - plain.low, rel=0.1)


def test_what_trainings_differ_by_is_in_the_interval() -> None:
    """Two trainings that succeed always and never: of K = 2 one is drawn, so that the ends are 0 and 1."""
    split = np.stack([np.ones((1, 40)), np.zeros((1, 40))])
    found = stats.trainings(split, TASKS)
    assert (found.low, found.value, found.high) == (0, 0.5, 1)
    assert stats.trainings(split, TASKS, "sample").low == 0


def test_the_variance_is_that_of_an_analysis_of_variance() -> None:
    """Crosswise resamples vary by the mean squares of trainings, episodes and what is left, each over its number."""
    rng = np.random.default_rng(3)
    wanted, widths = [], []
    for _ in range(100):
        outcomes = drawn(rng, 5)
        found = stats.trainings(outcomes, TASKS, resamples=400)
        cells = outcomes[:, 0].reshape(5, 2, 20)  # training, task, episode
        rest = cells - cells.mean(2, keepdims=True) - cells.mean(0) + cells.mean((0, 2))[:, None]
        wanted.append(cells.mean((1, 2)).var(ddof=1) / 5
                      + sum(cells[:, t].mean(0).var(ddof=1) / 20 + (rest[:, t] ** 2).sum() / (4 * 19) / 100
                            for t in range(2)) / 4)
        widths.append((found.high - found.low) / 2 / 1.96)
    assert np.sqrt(np.mean(np.square(widths))) == pytest.approx(np.sqrt(np.mean(wanted)), rel=0.07)


@pytest.mark.parametrize(("k", "each", "low", "high"), [(2, 20, 0.93, 1.0), (8, 20, 0.93, 1.0), (2, 400, 0.68, 0.87)])
def test_how_often_a_difference_holds_the_truth(k: int, each: int, low: float, high: float) -> None:
    """Nothing: of few episodes often enough; where the luck of training is nearly all there is, two tell little."""
    rng = np.random.default_rng(k)
    held, tasks = [], ["a"] * each + ["b"] * each
    for _ in range(120):
        found = stats.trainings_difference(drawn(rng, k, each=each), drawn(rng, k, each=each), tasks, resamples=300)
        held.append(found.low <= 0 <= found.high)
        assert (found.p < 0.04) <= (not held[-1]) and (found.p > 0.06) <= held[-1]
    assert low <= np.mean(held) <= high


def test_a_difference_pairs_episodes() -> None:
    """The same recipe twice with an episode more won in each task: episodes that both win or lose cancel."""
    rng = np.random.default_rng(1)
    first = drawn(rng, 1)
    second = first.copy()
    for task in (0, 20):
        second[0, 0, task + int(np.argmin(first[0, 0, task : task + 20]))] = 1
    found = stats.trainings_difference(first, second, TASKS)
    assert found.value == pytest.approx(0.05) and found.low >= 0 and found.high <= 0.2 and found.n == 40
    alone = stats.trainings(second, TASKS)
    assert found.high - found.low < 0.6 * (alone.high - alone.low)
    with pytest.raises(ValueError, match="other conditions or episodes"):
        stats.trainings_difference(first, second[:, :, 1:], TASKS)
    nothing = stats.trainings_difference(np.full_like(first, math.nan), second, TASKS)
    assert nothing.n == 0 and math.isnan(nothing.value) and math.isnan(nothing.p)
