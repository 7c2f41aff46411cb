"""Bradley–Terry strengths against a published example, statsmodels and simulation."""

from __future__ import annotations

import itertools
import math

import numpy as np
import numpy.typing as npt
import pytest
import statsmodels.api as sm
from scipy.stats import norm

from vlabench import stats

Floats = npt.NDArray[np.float64]

# Baseball 1987, American League East: Agresti (1990), Categorical Data Analysis, table 10.10; wins of row over column.
TEAMS = ("Milwaukee", "Detroit", "Toronto", "New York", "Boston", "Cleveland", "Baltimore")
WINS = np.array([
    [0, 7, 9, 7, 7, 9, 11],
    [6, 0, 7, 5, 11, 9, 9],
    [4, 6, 0, 7, 7, 8, 12],
    [6, 8, 6, 0, 6, 7, 10],
    [6, 2, 6, 7, 0, 7, 12],
    [4, 4, 5, 6, 6, 0, 6],
    [2, 4, 1, 3, 1, 7, 0],
])  # fmt: skip
PUBLISHED = [1.5814, 1.4364, 1.2945, 1.2476, 1.1077, 0.6839, 0.0]
ERRORS = [0.3433, 0.3396, 0.3367, 0.3359, 0.3339, 0.3319]
"""Strengths relative to Baltimore and their standard errors: Turner and Firth (2012), J. Stat. Software 48(9)."""


def games(wins: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The same as a logistic regression: design [G, K] and wins, losses [G, 2] of each pair."""
    k = len(wins)
    pairs = [(i, j) for i in range(k) for j in range(i) if wins[i, j] + wins[j, i] > 0]
    design = np.zeros((len(pairs), k))
    for row, (i, j) in zip(design, pairs, strict=True):
        row[i], row[j] = 1, -1
    return design, np.array([[wins[i, j], wins[j, i]] for i, j in pairs])


def test_the_published_example() -> None:
    found = stats.bradley_terry(WINS, prior=0)
    assert found.value - found.value[-1] == pytest.approx(PUBLISHED, abs=1e-4)
    variance = np.diag(found.covariance) + found.covariance[-1, -1] - 2 * found.covariance[-1]
    assert np.sqrt(variance[:-1]) == pytest.approx(ERRORS, abs=1e-4)
    assert found.value.sum() == pytest.approx(0)
    assert (found.high - found.low) / 2 == pytest.approx(1.959964 * np.sqrt(np.diag(found.covariance)))


def test_a_prior_is_a_game_against_an_average_opponent() -> None:
    rng = np.random.default_rng(0)
    wins = rng.integers(0, 9, size=(5, 5)) * (1 - np.eye(5))
    design, counts = games(wins)
    for prior in (0.5, 2.0):
        fit = sm.GLM(np.vstack([counts, np.full((5, 2), prior)]), np.vstack([design, np.eye(5)]),
                     family=sm.families.Binomial()).fit(tol=1e-12)
        found = stats.bradley_terry(wins, prior=prior)
        assert found.value == pytest.approx(fit.params - fit.params.mean(), abs=1e-6)
        assert np.diag(found.covariance) == pytest.approx(
            [np.array(row) @ fit.cov_params() @ np.array(row) for row in np.eye(5) - 0.2], abs=1e-6)


def played(rng: np.random.Generator, tasks: int, episodes: int) -> list[stats.Met]:
    """Episodes of 4 policies under 2 conditions; the last policy plays the first condition only."""
    there = np.array([[True, True]] * 3 + [[True, False]])
    return [(there, rng.random((4, 2, episodes)) < rng.uniform(0.2, 0.8, (4, 1, 1))) for _ in range(tasks)]


def counted(tasks: list[stats.Met]) -> tuple[Floats, Floats, list[tuple[int, int]]]:
    """Each game by itself, counted by hand: design [G, 3] (policy 3 is 0), whether the first won, (task, episode)."""
    design, won, labels = [], [], []
    for task, (there, outcomes) in enumerate(tasks):
        for c, n in np.ndindex(outcomes.shape[1:]):
            for i, j in itertools.combinations(range(4), 2):
                if there[i, c] and there[j, c] and outcomes[i, c, n] != outcomes[j, c, n]:
                    design.append(np.eye(4)[i] - np.eye(4)[j])
                    won.append(float(outcomes[i, c, n]))
                    labels.append((task, n))
    return np.array(design)[:, :-1], np.array(won), labels


def errors(found: stats.Strengths) -> Floats:
    """Of the differences to the last policy."""
    variance = np.diag(found.covariance) + found.covariance[-1, -1] - 2 * found.covariance[-1]
    return np.asarray(np.sqrt(variance[:-1]))


def test_episodes_of_one_task_have_the_clustered_errors_of_statsmodels() -> None:
    """The slopes of one task add up to 0 at the maximum: to take their mean away changes nothing."""
    tasks = played(np.random.default_rng(1), tasks=1, episodes=60)
    design, won, labels = counted(tasks)
    fit = sm.GLM(won, design, family=sm.families.Binomial()).fit(
        tol=1e-12, cov_type="cluster", cov_kwds={"groups": [n for _, n in labels], "use_correction": False})
    found = stats.strengths(tasks, prior=0)
    assert found.value - found.value[-1] == pytest.approx([*fit.params, 0], abs=1e-6)
    assert errors(found) == pytest.approx(fit.bse * math.sqrt(60 / 59), rel=1e-5)
    assert (found.high - found.low) / 2 == pytest.approx(1.959964 * np.sqrt(np.diag(found.covariance)), rel=1e-6)


def test_of_several_tasks_only_what_varies_within_them_counts() -> None:
    """Against slopes and curvature from statsmodels, put together here; between tasks, policies differ a lot."""
    tasks = played(np.random.default_rng(2), tasks=5, episodes=30)
    design, won, labels = counted(tasks)
    fit = sm.GLM(won, design, family=sm.families.Binomial()).fit(tol=1e-12)
    sums = np.zeros((5, 30, 3))
    for label, slope in zip(labels, fit.model.score_obs(fit.params), strict=True):
        sums[label] += slope
    within = sum(30 * np.cov(each, rowvar=False) for each in sums)
    found = stats.strengths(tasks, prior=0)
    assert errors(found) == pytest.approx(np.sqrt(np.diag(fit.cov_params() @ within @ fit.cov_params())), rel=1e-5)
    plain = sm.GLM(won, design, family=sm.families.Binomial()).fit(
        tol=1e-12, cov_type="cluster", cov_kwds={"groups": [30 * t + n for t, n in labels]})
    assert (errors(found) < 0.97 * plain.bse).all()


def test_the_prior_of_episodes_is_games_against_all_that_were_met() -> None:
    tasks = played(np.random.default_rng(3), tasks=2, episodes=5)
    design, won, _ = counted(tasks)
    wins = np.zeros((4, 4))
    for row, first in zip(np.column_stack([design, -design.sum(axis=1)]), won, strict=True):
        pair = int(np.argmax(row)), int(np.argmin(row))
        wins[pair if first else pair[::-1]] += 1
    assert stats.strengths(tasks).value == pytest.approx(stats.bradley_terry(wins, prior=0.5 * 3).value, abs=1e-8)


def test_one_that_always_wins_needs_a_prior() -> None:
    wins = np.array([[0, 5, 5], [0, 0, 3], [0, 2, 0]])
    with pytest.raises(ValueError, match="never lost"):
        stats.bradley_terry(wins, prior=0)
    found = stats.bradley_terry(wins)
    assert np.isfinite(found.value).all() and np.isfinite(found.covariance).all()
    assert found.value[0] > found.value[1] > found.value[2]
    # Who never met anybody is average, and hardly known.
    alone = stats.bradley_terry(np.array([[0, 5, 0], [1, 0, 0], [0, 0, 0]]))
    assert alone.value[2] == pytest.approx(0, abs=1e-8)
    assert alone.high[2] - alone.low[2] > alone.high[0] - alone.low[0]


@pytest.mark.parametrize("wins", [
    np.ones((2, 3)), np.ones(3), np.ones((2, 2, 2)), -np.ones((2, 2)), np.full((2, 2), math.nan)])
def test_what_is_no_table_of_wins_is_refused(wins: npt.NDArray[np.float64]) -> None:
    with pytest.raises(ValueError, match="wins must be"):
        stats.bradley_terry(wins)


def test_wald_intervals_cover_the_truth_of_independent_games() -> None:
    """2,000 tournaments of 4 policies, 60 games a pair."""
    rng, truth = np.random.default_rng(2), np.array([0.9, 0.3, -0.4, -0.8])
    first, second = np.triu_indices(4, 1)

    def tournament() -> Floats:
        wins = np.zeros((4, 4))
        wins[first, second] = rng.binomial(60, 1 / (1 + np.exp(truth[second] - truth[first])))
        wins[second, first] = 60 - wins[first, second]
        return wins

    inside = [(found.low <= truth) & (truth <= found.high) for found in
              (stats.bradley_terry(tournament()) for _ in range(2000))]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize("rates", [np.linspace(0.1, 0.9, 10), np.full(10, 0.97)])
def test_intervals_cover_the_truth_of_episodes(rates: Floats) -> None:
    """6 equally good policies on 10 tasks of 5 episodes under 2 conditions that share a start, which helps or hinders
    all of them; tasks that are hard and easy, or rare failures. By symmetry all strengths are 0."""
    rng = np.random.default_rng(4)

    def episodes() -> list[stats.Met]:
        luck = 0.6 * rng.normal(size=(10, 1, 1, 5)) + 0.5 * rng.normal(size=(10, 6, 1, 5))
        good = norm.cdf(luck / math.sqrt(0.61) + 0.3 * rng.normal(size=(10, 6, 2, 5))) < rates[:, None, None, None]
        return [(np.ones((6, 2), bool), each) for each in good]

    found = [stats.strengths(episodes()) for _ in range(400)]
    assert 0.935 < np.mean([(each.low <= 0) & (0 <= each.high) for each in found]) < 0.985
