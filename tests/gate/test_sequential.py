"""The sequential gate on rounds of made-up outcomes: when it decides, what it names, and how often it errs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import beta as beta_function

from vlabench import stats
from vlabench.gate.sequential import SEEN, SUSPECT, Contest, Trial
from vlabench.gate.verdicts import Terms

TASKS = [f"kitchen/{task}" for task in range(10)]


def trial(tasks: int = 10, limit: int = 100, terms: Terms | None = None, conditions: int = 1) -> Trial:
    names = [f"c{number}" for number in range(conditions)]
    return Trial.of(dict.fromkeys(names, limit), [f"kitchen/{task}" for task in range(tasks)], terms or Terms())


def play(found: Trial, contest: Contest, losing: dict[int, float], rng: np.random.Generator | None = None) -> None:
    """Until it is decided or at its end: the baseline wins all, some tasks lose such a share of their episodes."""
    shares = np.array([losing.get(task, 0.0) for task in range(len(contest.tasks))])
    while contest.verdict == "undecided" and contest.rounds < contest.limit and not found.lost:
        draws = rng.random(len(shares)) if rng else np.full(len(shares), 0.5)
        contest.add([True] * len(shares), (draws >= shares).tolist())
        found.look(contest, lambda: False)


def moment(power: int) -> float:
    """E[(1 + θ)^power] of θ ~ Beta(½, ½), by its moments."""
    from math import comb

    return float(sum(comb(power, k) * beta_function(k + 0.5, 0.5) / beta_function(0.5, 0.5) for k in range(power + 1)))


def test_a_collapsed_task_is_flagged_once_its_evalue_reaches_cells_over_half_alpha() -> None:
    """Of 10 tasks: 10 / 0.025 = 400; the closed form of the mixture says how many lost episodes that takes."""
    needed = next(number for number in range(1, 50) if moment(number) >= 400)
    found = trial(terms=Terms(margin=0.1))
    play(found, found.contests[0], {3: 1.0})
    assert found.contests[0].rounds == needed and found.contests[0].verdict == "regression"
    (flagged,) = found.flagged(found.contests[0])
    assert (flagged.task, flagged.lost, flagged.gained, flagged.pairs) == ("kitchen/3", needed, 0, needed)
    assert flagged.p == pytest.approx(400 * 0.025 / moment(needed))
    assert found.visible(found.contests[0]) == (needed, needed, None, needed)


def test_more_conditions_take_more_evidence() -> None:
    alone, among = trial(terms=Terms(margin=0.1)), trial(terms=Terms(margin=0.1), conditions=5)
    for each in (alone, among):
        play(each, each.contests[0], {3: 1.0})
    assert among.contests[0].rounds > alone.contests[0].rounds


def test_a_loss_below_the_task_margin_is_no_flag_however_certain() -> None:
    found = trial(terms=Terms(margin=0.1, task_margin=0.5), limit=400)
    contest = found.contests[0]
    for number in range(200):
        contest.add([True] * 10, [number % 4 > 0, *[True] * 9])
        found.look(contest, lambda: False)
    assert contest.evidence[0] > 1e6 and not found.flagged(contest)


def test_a_pass_waits_for_a_task_under_suspicion() -> None:
    """Of 40 tasks, one loses everything: a mean of −2.5 soon passes a margin of 10, if nobody looks at the task."""
    assert moment(2) < SUSPECT < moment(3)
    found = trial(tasks=40, terms=Terms(margin=0.1))
    play(found, found.contests[0], {7: 1.0})
    assert found.contests[0].verdict == "regression" and found.contests[0].sequence.p_no_regression <= 0.05
    assert [each.task for each in found.flagged(found.contests[0])] == ["kitchen/7"]
    # nor at its end: nobody knows
    short = trial(tasks=40, limit=8, terms=Terms(margin=0.1))
    play(short, short.contests[0], {7: 1.0})
    assert short.contests[0].rounds == 8 and short.contests[0].verdict == "undecided"
    assert [each.task for each in short.suspects(short.contests[0])] == ["kitchen/7"]


def test_no_pass_before_a_collapsed_task_would_be_suspect() -> None:
    """Equal policies on 40 tasks pass by the mean after 3 rounds, 82 pairs; a task that loses 80 points has lost 3 or
    more of 6 episodes with a chance of 98 %."""
    from scipy.stats import binom

    assert binom.sf(2, SEEN, 0.8) > 0.98 > binom.sf(2, SEEN - 1, 0.8)
    found = trial(tasks=40)
    play(found, found.contests[0], {})
    assert found.contests[0].rounds == SEEN and found.contests[0].verdict == "no regression"
    short = trial(tasks=40, limit=4)
    play(short, short.contests[0], {})
    assert short.contests[0].verdict == "no regression"  # the suite has no more


def test_errors_are_no_outcomes_and_keep_it_from_passing() -> None:
    found = trial(limit=30)
    contest = found.contests[0]
    for _ in range(30):
        contest.add([None] + [True] * 9, [True] * 10)
        found.look(contest, lambda: True)
    assert contest.verdict == "undecided" and contest.played == [0] + [30] * 9
    assert [each.pairs for each in contest.losses(1)] == [30] * 9


def test_the_interval_is_what_decides() -> None:
    good, bad = trial(), trial(terms=Terms(task_margin=0.99))
    play(good, good.contests[0], {})
    play(bad, bad.contests[0], dict.fromkeys(range(10), 0.6), np.random.default_rng(0))
    assert good.contests[0].verdict == "no regression" and good.difference(good.contests[0]).low > -0.05
    assert bad.contests[0].verdict == "regression" and bad.difference(bad.contests[0]).high < -0.05
    assert trial().difference(trial().contests[0]) == stats.NOTHING


@pytest.mark.slow
def test_a_task_that_lost_nothing_is_seldom_accused_and_one_that_lost_80_points_is_found() -> None:
    """120 gates of 10 tasks with 20 % discordant pairs in 9 of them, where half are lost and half gained."""
    rng, accused, found_it, rounds = np.random.default_rng(1), 0, 0, list[int]()
    for _ in range(120):
        found = trial(limit=60)
        contest = found.contests[0]
        while contest.verdict == "undecided" and contest.rounds < 60:
            kind = rng.random(10)
            first, second = kind >= 0.1, (kind < 0.1) | (kind >= 0.2)
            first[0], second[0] = True, rng.random() >= 0.8
            contest.add(first.tolist(), second.tolist())
            found.look(contest, lambda: False)
        names = {each.task for each in found.flagged(contest)}
        accused += bool(names - {"kitchen/0"})
        found_it += "kitchen/0" in names
        rounds.append(contest.rounds)
    assert accused <= 6 and found_it >= 108 and np.median(rounds) <= 20  # at 2.5 %, 7 or more come in 3 of 100 cases
