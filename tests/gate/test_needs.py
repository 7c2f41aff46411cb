"""The further episodes that are named: brute force where outcomes agree, simulated power where they do not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t as student

from vlabench import stats
from vlabench.gate.needs import POWER, further_episodes, further_rounds


def test_pairs_that_all_agree_need_newcombes_number() -> None:
    wins = np.ones(20, dtype=np.bool_)
    tasks = [f"t/{k % 4}" for k in range(20)]
    found = further_episodes(wins, wins, tasks, 0.05, 0.05, 1)
    assert found is not None

    def lower(per_task: int) -> float:
        many = np.ones(4 * per_task, dtype=np.bool_)
        return stats.newcombe_paired(many, many, level=0.9)[0]

    assert lower(5 + found) > -0.05 >= lower(5 + found - 1)


def test_the_number_gives_the_power_it_promises() -> None:
    """Tasks without differences between them: after that many episodes, t tests over tasks decide in 80 % of cases."""
    rng = np.random.default_rng(2)
    tasks, loss, margin = 12, 0.1, 0.2
    first = np.ones((tasks, 1000), dtype=np.bool_)
    second = rng.random(first.shape) > loss
    labels = [f"t/{k}" for k in range(tasks) for _ in range(1000)]
    # as if the very same rates had been seen in 5 episodes a task
    few = further_episodes(first[:, :5].ravel(), rng.permutation(np.repeat([True, False], [54, 6])),
                           [f"t/{k}" for k in range(tasks) for _ in range(5)], margin, 0.05, 1)
    assert few is not None and further_episodes(first.ravel(), second.ravel(), labels, margin, 0.05, 1) == 1
    means = (rng.random((4000, tasks, 5 + few)) < loss).mean(axis=2)
    error = means.std(axis=1, ddof=1) / np.sqrt(tasks)
    passed = -means.mean(axis=1) - student.ppf(0.95, tasks - 1) * error > -margin
    assert POWER - 0.15 < passed.mean() < POWER + 0.15


def test_where_no_number_would_do() -> None:
    # half of the tasks lose everything: more episodes of them say nothing new
    first = np.ones(40, dtype=np.bool_)
    second = np.arange(40) % 2 == 0
    split = [f"t/{k % 4}" for k in range(40)]
    assert further_episodes(first, second, split, 0.4, 0.05, 1) is None
    # the loss is the margin
    assert further_episodes(first, second, ["t/0"] * 40, 0.5, 0.05, 1) is None
    # one task, episodes that differ: it can be done
    assert further_episodes(first, second, ["t/0"] * 40, 0.6, 0.05, 1) is not None


def test_an_accusation_among_many_conditions_needs_more() -> None:
    rng = np.random.default_rng(3)
    first, second = np.ones(60, dtype=np.bool_), rng.random(60) > 0.12
    tasks = [f"t/{k % 6}" for k in range(60)]
    alone, among = (further_episodes(first, second, tasks, 0.05, 0.05, count) for count in (1, 10))
    assert alone is not None and among is not None and among > alone


@pytest.mark.parametrize(("lost", "gained", "ties", "margin"), [(0, 0, 6, 0.05), (2, 1, 27, 0.1), (6, 0, 14, 0.05)])
def test_rounds_are_those_after_which_the_sequential_test_decides(lost: int, gained: int, ties: int,
                                                                  margin: float) -> None:
    found = further_rounds(lost, gained, ties, 2, margin, 0.05, 3)
    assert found is not None
    pairs = lost + gained + ties

    def decided(rounds: int) -> bool:
        grown = [round(count * (1 + 2 * rounds / pairs)) for count in (lost, gained, ties)]
        state = stats.sequential_paired(grown[0], grown[1], grown[2], margin)
        return state.no_regression >= 20 or state.regression >= 60

    assert decided(found) and not decided(found - 1)


def test_a_loss_of_the_margin_is_never_decided() -> None:
    assert further_rounds(1, 0, 19, 4, 0.05, 0.05, 1) is None
    assert further_rounds(0, 0, 0, 4, 0.05, 0.05, 1) is None
