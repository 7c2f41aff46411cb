"""Bradley–Terry strengths against a published example, statsmodels and simulation."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
import statsmodels.api as sm

from vlabench import stats

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


def test_tables_by_task_have_the_clustered_errors_of_statsmodels() -> None:
    rng = np.random.default_rng(1)
    tables = rng.integers(1, 9, size=(12, 4, 4)) * (1 - np.eye(4))
    rows = [games(table) for table in tables]
    design, counts = np.vstack([r[0] for r in rows])[:, :-1], np.vstack([r[1] for r in rows])  # the last one is 0
    labels = np.repeat(np.arange(12), [len(r[0]) for r in rows])
    fit = sm.GLM(counts, design, family=sm.families.Binomial()).fit(tol=1e-12)
    robust = sm.GLM(counts, design, family=sm.families.Binomial()).fit(
        tol=1e-12, cov_type="cluster", cov_kwds={"groups": labels, "use_correction": False})
    found = stats.bradley_terry(tables, prior=0)
    assert found.value - found.value[-1] == pytest.approx([*fit.params, 0], abs=1e-6)
    difference = np.diag(found.covariance) + found.covariance[-1, -1] - 2 * found.covariance[-1]
    assert np.sqrt(difference[:-1]) == pytest.approx(robust.bse * math.sqrt(12 / 11), rel=1e-5)
    # Student's t with 11 degrees of freedom
    assert (found.high - found.low) / 2 == pytest.approx(2.200985 * np.sqrt(np.diag(found.covariance)), rel=1e-6)


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


@pytest.mark.parametrize("wins", [np.ones((2, 3)), np.ones(3), -np.ones((2, 2)), np.full((2, 2), math.nan)])
def test_what_is_no_table_of_wins_is_refused(wins: npt.NDArray[np.float64]) -> None:
    with pytest.raises(ValueError, match="wins must be"):
        stats.bradley_terry(wins)


def test_intervals_cover_the_truth() -> None:
    """2,000 tournaments of 4 policies, 60 games a pair; then 500 of them in 20 tasks that favour one or the other."""
    rng, truth = np.random.default_rng(2), np.array([0.9, 0.3, -0.4, -0.8])
    upper = np.triu_indices(4, 1)

    def tournament(shift: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.float64]:
        chance = 1 / (1 + np.exp(-(truth + shift)[upper[0]] + (truth + shift)[upper[1]]))
        wins = np.zeros((4, 4))
        wins[upper] = rng.binomial(count, chance)
        wins.T[upper] = count - wins[upper]
        return wins

    inside = [(found.low <= truth) & (truth <= found.high) for found in
              (stats.bradley_terry(tournament(np.zeros(4), 60)) for _ in range(2000))]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.015)
    plain, clustered = list[npt.NDArray[np.bool_]](), list[npt.NDArray[np.bool_]]()
    for _ in range(500):
        tables = np.stack([tournament(rng.normal(0, 0.5, 4), 10) for _ in range(20)])
        for hits, found in ((plain, stats.bradley_terry(tables.sum(axis=0))), (clustered, stats.bradley_terry(tables))):
            hits.append((found.low <= 0.95 * truth) & (0.95 * truth <= found.high))  # tasks' spread shrinks them a bit
    assert np.mean(clustered) > 0.92 and np.mean(plain) < np.mean(clustered) - 0.05
