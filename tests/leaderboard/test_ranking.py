"""Ranks against the paired differences and Holm's correction of `stats`, and by simulation; strengths by hand."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import norm

from vlabench import stats
from vlabench.leaderboard.ranking import Rank, acquainted, among, compared, ranks, strengths

Floats = npt.NDArray[np.float64]


def drawn(rates: list[float], conditions: int, tasks: int, episodes: int, seed: int = 0) -> stats.Bools:
    """Outcomes [K, C, T, N] in which tasks and start states differ, and policies by their rates."""
    rng = np.random.default_rng(seed)
    ease = rng.normal(size=(1, conditions, tasks, 1)) + rng.normal(size=(1, 1, tasks, episodes))
    logits = np.log(np.array(rates) / (1 - np.array(rates)))[:, None, None, None] + ease
    return np.asarray(rng.random((len(rates), conditions, tasks, episodes)) < 1 / (1 + np.exp(-logits)))


def pairs(outcomes: stats.Bools) -> dict[tuple[int, int], stats.Difference]:
    """(i, j) → how far j is ahead of i, one pair after another."""
    count, conditions, tasks, episodes = outcomes.shape
    flat = outcomes.reshape(count, conditions, -1)
    labels = np.repeat(np.arange(tasks), episodes).tolist()
    return {(i, j): stats.difference(flat[i], flat[j], labels) for i in range(count) for j in range(i + 1, count)}


@pytest.mark.parametrize(("conditions", "tasks", "episodes"), [(1, 10, 20), (3, 6, 9), (2, 1, 30), (2, 12, 1)])
def test_places_are_those_that_paired_differences_leave(conditions: int, tasks: int, episodes: int) -> None:
    outcomes = drawn([0.9, 0.88, 0.5, 0.5, 0.45, 0.1], conditions, tasks, episodes)
    outcomes[3] = outcomes[2]  # which never differ
    found = pairs(outcomes)
    ahead, z = compared(outcomes)
    for (i, j), each in found.items():
        assert ahead[j, i] == pytest.approx(each.value, abs=1e-7)
        assert 2 * norm.sf(abs(z[j, i])) == pytest.approx(each.p, rel=1e-5)
    corrected = dict(zip(found, stats.holm([each.p for each in found.values()]), strict=True))
    certain = [(j, i) if found[i, j].value > 0 else (i, j) for (i, j), p in corrected.items() if p <= 0.05]
    assert len(certain) > 1
    for k, place in enumerate(ranks(outcomes)):
        assert place.best == 1 + sum(worse == k for _, worse in certain)
        assert place.worst == 6 - sum(better == k for better, _ in certain)


def test_equal_entries_share_all_places() -> None:
    same = np.repeat(drawn([0.7], 2, 5, 10), 3, axis=0)
    assert ranks(same) == [Rank(1, 3)] * 3
    assert ranks(same[:1]) == [Rank(1, 1)]


def test_a_difference_that_is_the_same_in_all_tasks_is_not_certain_for_that() -> None:
    """8 of 8 against 6 of 8, 75 % in both tasks; for ten times as many it is."""
    small = np.array([np.ones((2, 4)), np.tile([1, 1, 1, 0], (2, 1))], dtype=np.bool_)[:, None]
    assert ranks(small) == [Rank(1, 2)] * 2
    assert ranks(np.tile(small, (1, 1, 1, 10))) == [Rank(1, 1), Rank(2, 2)]


def held(places: list[Rank], truth: Floats) -> bool:
    """Whether every entry's true places, whatever the order of equal ones, are among those that its rank leaves."""
    return all(place.best <= 1 + np.sum(truth > mine + 1e-9)
               and place.worst >= len(truth) - np.sum(truth < mine - 1e-9)
               for place, mine in zip(places, truth, strict=True))


def test_all_ranks_of_a_board_hold_together() -> None:
    """15 entries, many of them equal over all tasks though not on each: 400 boards of 10 tasks × 10 episodes."""
    rng = np.random.default_rng(5)
    truth = np.array([0.9] + [0.7] * 2 + [0.6] * 11 + [0.2])
    together = alone = 0
    for _ in range(400):
        tilt = rng.uniform(-0.1, 0.1, size=(15, 5))
        rates = truth[:, None] + np.concatenate([tilt, -tilt], axis=1)  # the mean over tasks stays what it is
        luck = norm.cdf(0.6 * rng.normal(size=(1, 10, 10)) + 0.8 * rng.normal(size=(15, 10, 10)))
        outcomes = (luck < rates[:, :, None])[:, None]
        together += held(ranks(outcomes), truth)
        ahead, z = compared(outcomes)
        better = (2 * norm.sf(np.abs(z)) < 0.05) & (ahead > 0)
        alone += held([Rank(1 + int(better[:, k].sum()), 15 - int(better[k].sum())) for k in range(15)], truth)
    assert together >= 0.93 * 400
    assert alone < 0.4 * 400  # what each pair by itself would claim


def test_strength_is_the_log_odds_of_winning_and_loners_have_none() -> None:
    # of 40 episodes in each of two tasks, 0 alone succeeds in 30 and 1 alone in 10; policy 2 played elsewhere
    first, second = np.arange(40) < 30, np.arange(40) >= 30
    won = np.array([first, second, np.zeros(40)], bool)[:, None]
    met = {"a/0": (np.array([[1], [1], [0]], bool), won), "a/1": (np.array([[1], [1], [0]], bool), won),
           "b/0": (np.array([[0], [0], [1]], bool), np.ones((3, 1, 5), bool))}
    assert acquainted(met) == [[0, 1]]
    found, places = strengths(among(met, [0, 1]))
    # the prior pulls towards 0, by little
    assert found.value[0] - found.value[1] == pytest.approx(math.log(60 / 20), abs=0.05)
    assert places == [Rank(1, 1), Rank(2, 2)]


def test_acquaintance_is_passed_on() -> None:
    chain = np.zeros((4, 3), bool)
    chain[0, 0] = chain[1, 0] = chain[1, 1] = chain[2, 1] = chain[3, 2] = True
    assert acquainted({"a/0": (chain, np.ones((4, 3, 5), bool))}) == [[0, 1, 2]]


def test_equal_policies_are_not_told_apart_by_their_strengths() -> None:
    """200 boards of 8 equal policies that hardly ever fail, on 10 tasks of 10 episodes; and one that always does."""
    rng = np.random.default_rng(6)
    false = 0
    for _ in range(200):
        won = rng.random((9, 10, 1, 10)) < 0.97
        won[8] = False
        _, places = strengths({str(task): (np.ones((9, 1), bool), won[:, task]) for task in range(10)})
        assert places[8] == Rank(9, 9)
        false += any(place != Rank(1, 8) for place in places[:8])
    assert false <= 0.08 * 200
