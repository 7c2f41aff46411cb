"""Ranks against scipy's paired t test, and strengths of policies that met."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import ttest_rel

from vlabench import stats
from vlabench.leaderboard.ranking import Rank, acquainted, among, ranks, strengths


def drawn(rates: list[float], tasks: int, episodes: int, seed: int = 0) -> stats.Bools:
    """Outcomes [K, T, N] in which tasks differ, and policies by their rates."""
    rng = np.random.default_rng(seed)
    ease = rng.normal(size=(1, tasks, 1))
    logits = np.log(np.array(rates) / (1 - np.array(rates)))[:, None, None] + ease
    return np.asarray(rng.random((len(rates), tasks, episodes)) < 1 / (1 + np.exp(-logits)))


def test_places_are_those_that_paired_t_tests_over_tasks_leave() -> None:
    outcomes = drawn([0.9, 0.85, 0.5, 0.5, 0.45, 0.1], tasks=10, episodes=20)
    means = outcomes.mean(axis=2)
    for k, place in enumerate(ranks(outcomes)):
        tests = [ttest_rel(means[k], means[j]) for j in range(6) if j != k]
        certain = [(test.statistic, test.pvalue) for test in tests if test.pvalue < 0.05]
        assert place.best == 1 + sum(statistic < 0 for statistic, _ in certain)
        assert place.worst == 6 - sum(statistic > 0 for statistic, _ in certain)


def test_equal_entries_share_all_places() -> None:
    same = np.repeat(drawn([0.7], 5, 10), 3, axis=0)
    assert ranks(same) == [Rank(1, 3)] * 3
    assert ranks(same[:1]) == [Rank(1, 1)]


def test_a_difference_that_is_the_same_in_all_tasks_is_not_certain_for_that() -> None:
    """8 of 8 against 6 of 8, 75 % in both tasks: Newcombe's interval includes 0; for ten times as many it does not."""
    small = np.array([np.ones((2, 4)), np.tile([1, 1, 1, 0], (2, 1))], dtype=np.bool_)
    assert stats.newcombe_paired(small[1].ravel(), small[0].ravel())[0] < 0
    assert ranks(small) == [Rank(1, 2)] * 2
    assert ranks(np.tile(small, (1, 1, 10))) == [Rank(1, 1), Rank(2, 2)]


def test_a_single_task_is_judged_by_its_episodes() -> None:
    outcomes = drawn([0.8, 0.3], tasks=1, episodes=60, seed=3)
    test = ttest_rel(*outcomes[:, 0].astype(float))
    assert test.pvalue < 0.01 and ranks(outcomes) == [Rank(1, 1), Rank(2, 2)]
    assert ranks(outcomes[:, :, :1]) == [Rank(1, 2)] * 2


def test_strength_is_the_log_odds_of_winning_and_loners_have_none() -> None:
    # of 40 episodes in each of two tasks, 0 alone succeeds in 30 and 1 alone in 10; policy 2 played elsewhere
    first, second = np.arange(40) < 30, np.arange(40) >= 30
    played, won = np.zeros((3, 40), bool), np.zeros((3, 40), bool)
    played[:2], won[0], won[1] = True, first, second
    alone = np.zeros((3, 5), bool)
    alone[2] = True
    met = {"a/0": (played, won), "a/1": (played, won), "b/0": (alone, alone)}
    assert acquainted(met) == [[0, 1]]
    found, places = strengths(among(met, [0, 1]))
    # the prior pulls towards 0, by little
    assert found.value[0] - found.value[1] == pytest.approx(math.log(60 / 20), abs=0.05)
    assert places == [Rank(1, 1), Rank(2, 2)]


def test_acquaintance_is_passed_on() -> None:
    chain = np.zeros((4, 3), bool)
    chain[0, 0] = chain[1, 0] = chain[1, 1] = chain[2, 1] = chain[3, 2] = True
    assert acquainted({"a/0": (chain, chain)}) == [[0, 1, 2]]
