"""What a gate is said to see: exact binomial odds, brute force, and simulated power."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats as scipy_stats

from vlabench import stats
from vlabench.gate.power import POWER, further_episodes, further_rounds, tasks_needed, visible


@pytest.mark.parametrize(("episodes", "margin", "lost"), [
    (5, 0.3, None), (6, 0.3, 6), (8, 0.3, 6), (20, 0.3, 6), (30, 0.3, 9), (50, 0.3, 15), (50, 0.0, 6)])
def test_the_smallest_loss_that_is_flagged(episodes: int, margin: float, lost: int | None) -> None:
    """2⁻⁶ is the first power of ½ below 0.025; from 21 episodes on the margin of 30 points is what counts."""
    found = visible([0] * 9, episodes, 0.025, margin)
    assert (found.episodes, found.lost, found.enough) == (episodes, lost, 6)
    if lost is not None:
        assert found.likely is not None
        assert scipy_stats.binom.sf(lost - 1, episodes, found.likely) == pytest.approx(POWER)
    else:
        assert found.likely is None


def test_cells_with_discordant_pairs_of_their_own_take_more() -> None:
    # one other cell could have 2⁻⁶ as well: 2 · 2⁻⁶ > 0.025; 2⁻⁷ it cannot have
    assert [visible([6] * cells, 20, 0.025, 0.3).lost for cells in (1, 2, 21)] == [6, 7, 7]


def test_the_number_is_that_after_which_the_very_rates_would_decide() -> None:
    """Equal pairs do not scatter: it is enough that z, which grows with the root of their number, is 1.645."""
    wins = np.ones(40, dtype=np.bool_)
    found = stats.difference(wins, wins, [k % 4 for k in range(40)])
    further = further_episodes(found, 10, 0.05, 0.05, 0.025)
    assert further is not None
    # Tango's z at −0.05 without discordant pairs: √(n · 0.05 / 0.95)
    assert found.z(-0.05) == pytest.approx(np.sqrt(40 * 0.05 / 0.95))
    assert 10 + further == int(np.ceil(1.644854**2 * 0.95 / 0.05 / 4))
    more = np.ones(4 * (10 + further), dtype=np.bool_)
    assert stats.difference(more, more, [k % 4 for k in range(len(more))]).p_no_worse(0.05) <= 0.05
    assert stats.difference(more[4:], more[4:], [k % 4 for k in range(len(more) - 4)]).p_no_worse(0.05) > 0.05


def test_the_number_gives_the_power_it_promises() -> None:
    """Tasks with a loss of 10 points against a margin of 20, seen in 5 episodes each: after so many, 80 % decide."""
    rng = np.random.default_rng(2)
    tasks, loss, margin = 12, 0.1, 0.2
    first, labels = np.ones(60, dtype=np.bool_), [k // 5 for k in range(60)]
    seen = stats.difference(first, np.tile([True] * 9 + [False], 6), labels)
    further = further_episodes(seen, 5, margin, 0.05, 0.025)
    assert further is not None
    labels = [k // (5 + further) for k in range(tasks * (5 + further))]
    won = np.ones(len(labels), dtype=np.bool_)
    passed = [stats.difference(won, rng.random(len(labels)) > loss, labels).p_no_worse(margin) <= 0.05
              for _ in range(1000)]
    assert POWER - 0.12 < np.mean(passed) < POWER + 0.15


def test_where_no_number_would_do() -> None:
    first, second = np.ones(40, dtype=np.bool_), np.arange(40) % 2 == 0
    found = stats.difference(first, second, [0] * 40)
    assert further_episodes(found, 40, 0.5, 0.05, 0.05) is None  # the loss is the margin
    assert further_episodes(found, 40, 0.6, 0.05, 0.05) is not None


def test_an_accusation_among_many_conditions_needs_more() -> None:
    rng = np.random.default_rng(3)
    first, second = np.ones(60, dtype=np.bool_), rng.random(60) > 0.12
    found = stats.difference(first, second, [k % 6 for k in range(60)])
    alone, among = (further_episodes(found, 10, 0.05, 0.05, 0.025 / count) for count in (1, 10))
    assert alone is not None and among is not None and among > alone


@pytest.mark.parametrize(("margin", "alpha", "tasks"), [(0.05, 0.05, 59), (0.1, 0.05, 29), (0.05, 0.1, 45)])
def test_tasks_that_can_show_it_hold_every_kind_that_makes_up_the_margin(margin: float, alpha: float,
                                                                         tasks: int) -> None:
    assert tasks_needed(margin, alpha) == tasks
    assert (1 - margin) ** tasks <= alpha < (1 - margin) ** (tasks - 1)
    assert tasks_needed(0.0, alpha) is None


@pytest.mark.parametrize(("lost", "gained", "ties", "margin"), [(0, 0, 6, 0.05), (2, 1, 27, 0.1), (6, 0, 14, 0.05)])
def test_rounds_are_those_after_which_the_sequential_test_decides(lost: int, gained: int, ties: int,
                                                                  margin: float) -> None:
    found = further_rounds(lost, gained, ties, 2, margin, 0.05, 0.05 / 3)
    assert found is not None
    pairs = lost + gained + ties

    def decided(rounds: int) -> bool:
        grown = [round(count * (1 + 2 * rounds / pairs)) for count in (lost, gained, ties)]
        state = stats.sequential_paired(grown[0], grown[1], grown[2], margin)
        return state.no_regression >= 20 or state.regression >= 60

    assert decided(found) and not decided(found - 1)


def test_a_loss_of_the_margin_is_never_decided() -> None:
    assert further_rounds(1, 0, 19, 4, 0.05, 0.05, 0.05) is None
    assert further_rounds(0, 0, 0, 4, 0.05, 0.05, 0.05) is None
