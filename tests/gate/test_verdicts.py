"""Verdicts on outcomes that are clear by hand, Holm's order, and error rates over simulated gates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.factories import record
from vlabench import stats
from vlabench.gate.verdicts import Pairs, TaskLoss, Terms, judge, overall, paired
from vlabench.types import EpisodeRecord


def pairs(first: stats.Bools, second: stats.Bools, condition: str = "c", **more: Any) -> Pairs:
    """Of outcomes [T, N]."""
    keys = tuple((f"kitchen/{task}", index) for task in range(first.shape[0]) for index in range(first.shape[1]))
    return Pairs(condition, keys, first.ravel(), second.ravel(), **more)


def losing(share: float, tasks: int = 10, episodes: int = 20) -> Pairs:
    """The baseline wins all; the candidate loses a share of each task's episodes."""
    first = np.ones((tasks, episodes), dtype=np.bool_)
    lost = np.arange(episodes) < np.round(share * episodes + np.arange(tasks)[:, None] % 2 - 0.5)
    return pairs(first, ~lost, f"losing {share:g}")


def side(outcomes: str) -> list[EpisodeRecord]:
    """One episode a letter: s(uccess), f(ailure), e(rror), or - for none."""
    states = {"s": "success", "f": "failure", "e": "error"}
    return [record(index=index, status=states[letter]) for index, letter in enumerate(outcomes) if letter != "-"]


def test_pairs_are_what_both_finished() -> None:
    found = paired("clean", side("ssfse-f"), side("sfs-sef"))
    assert found.keys == tuple(("kitchen/0", index) for index in (0, 1, 2, 6))
    assert (found.first.tolist(), found.second.tolist()) == ([True, True, False, False], [True, False, True, False])
    assert found.errors == (1, 0) and found.alone == (1, 1)
    (finding,) = judge([found], Terms())
    assert (finding.pairs, finding.lost, finding.gained, finding.tasks) == (4, 1, 1, 1)
    assert (finding.baseline.value, finding.candidate.value, finding.difference.value) == (0.5, 0.5, 0.0)


def test_pairs_are_of_the_success_that_the_suite_counts() -> None:
    fell = [record(index=0, success_at_end=False), record(index=1)]
    for counts in (None, "once"):
        assert paired("clean", fell, fell, counts).first.tolist() == [True, True]
    assert paired("clean", fell, fell, "end").second.tolist() == [False, True]


@pytest.mark.parametrize(("share", "verdict"), [(0.0, "no regression"), (0.05, "undecided"), (0.3, "regression")])
def test_three_verdicts(share: float, verdict: str) -> None:
    (finding,) = judge([losing(share)], Terms())
    assert finding.verdict == verdict
    assert (finding.further is None) == (verdict != "undecided" or abs(finding.difference.value + 0.05) < 1e-9)
    assert {"no regression": finding.difference.low > -0.05, "regression": finding.difference.high < -0.05,
            "undecided": finding.difference.low <= -0.05 <= finding.difference.high}[verdict]


def test_a_gain_is_no_regression_and_a_wider_margin_forgives() -> None:
    lost = losing(0.3)
    swapped = Pairs("c", lost.keys, lost.second, lost.first)
    assert judge([swapped], Terms(margin=0.0))[0].verdict == "no regression"
    assert judge([lost], Terms(margin=0.4, task_margin=0.4))[0].verdict == "no regression"


def test_the_tasks_that_lost_most_are_named() -> None:
    second = np.ones((3, 10), dtype=np.bool_)
    second[1, :6] = second[2, :2] = False
    (finding,) = judge([pairs(np.ones((3, 10), dtype=np.bool_), second)], Terms())
    assert [(each.task, each.difference, each.pairs) for each in finding.worst] == [
        ("kitchen/1", -0.6, 10), ("kitchen/2", -0.2, 10)]


def borderline() -> Pairs:
    """A regression at the level 0.05 / 2, but not at 0.05 / 2 / 3, and no task that is flagged."""
    rng = np.random.default_rng(5)
    for _ in range(1000):
        found = pairs(np.ones((10, 10), dtype=np.bool_), rng.random((10, 10)) > 0.14, "borderline")
        change = stats.difference(found.first, found.second, found.tasks)
        if change.upper(0.025) < -0.05 < change.upper(0.025 / 3) and max(each.lost for each in found.by_task()) < 6:
            return found
    raise AssertionError("none found")


def test_an_accusation_takes_more_evidence_the_more_conditions_there_are() -> None:
    weak, fine, bad = borderline(), losing(0.0), losing(0.5)
    others = [Pairs(f"{name} {k}", each.keys, each.first, each.second) for name, each in (("fine", fine), ("bad", bad))
              for k in range(2)]
    assert judge([weak], Terms())[0].verdict == "regression"
    among = judge([weak, *others[:2]], Terms())
    assert among[0].verdict == "undecided" and among[0].difference.high > -0.05
    # Holm: those that are accused already do not count against it
    assert judge([weak, *others[2:]], Terms())[0].verdict == "regression"
    # and passing needs no correction
    assert {finding.verdict for finding in among[1:]} == {"no regression"}


def collapsed(lost: int, episodes: int, tasks: int = 10, condition: str = "c") -> Pairs:
    """All won by the baseline; the candidate loses so many episodes of the first task."""
    second = np.ones((tasks, episodes), dtype=np.bool_)
    second[0, :lost] = False
    return pairs(np.ones_like(second), second, condition)


def test_one_task_that_collapsed_is_a_regression_of_its_condition() -> None:
    (finding,) = judge([collapsed(16, 20)], Terms())
    assert finding.verdict == "regression"
    # by hand: all 16 discordant pairs lost, and no other cell has any
    assert finding.flagged == (TaskLoss("kitchen/0", 16, 0, 20, 0.5**16),)
    # 40 tasks: the mean has lost 2 points and passes alone; the task does not let it
    (hidden,) = judge([collapsed(16, 20, tasks=40)], Terms())
    assert hidden.difference.low > -0.05 and hidden.verdict == "regression" and len(hidden.flagged) == 1
    assert judge([collapsed(16, 20, tasks=40)], Terms(task_margin=0.85))[0].verdict == "no regression"


@pytest.mark.parametrize(("lost", "flagged"), [(5, 0), (6, 1)])
def test_a_flag_takes_evidence_and_a_loss_of_the_task_margin(lost: int, flagged: int) -> None:
    """2⁻⁵ = 0.031 is above alpha / 2, 2⁻⁶ below; of 21 episodes, 6 are less than 30 points."""
    assert len(judge([collapsed(lost, 20)], Terms())[0].flagged) == flagged
    assert not judge([collapsed(lost, 21)], Terms())[0].flagged
    seen = judge([collapsed(lost, 20)], Terms())[0].visible
    assert seen and (seen.episodes, seen.lost, seen.enough) == (20, 6, 6)
    assert seen.likely == pytest.approx(0.366459)


def test_a_flag_is_corrected_for_the_tasks_of_all_conditions() -> None:
    """Each other cell with 6 discordant pairs or more could have had a p value of 2⁻⁶, too."""
    one = [collapsed(6, 20)]
    assert judge(one, Terms())[0].flagged
    split = np.ones((10, 20), dtype=np.bool_)
    split[:, :3] = False
    busy = pairs(split, split[:, ::-1].copy(), "busy")  # 3 lost and 3 gained in each of ten tasks
    assert not judge([*one, busy], Terms())[0].flagged


def test_tasks_like_these_pass_only_where_so_many_tasks_can_show_it() -> None:
    """59 tasks for 5 points: with probability 0.95^59 < 0.05 they hold none of a kind that makes up 5 %."""
    sample = Terms(tasks_as="sample")
    (few,) = judge([losing(0.0, tasks=58)], sample)
    assert few.verdict == "undecided" and few.further is None
    assert few.why == "58 tasks cannot show that tasks like these lost less than the margin, 59 could"
    assert judge([losing(0.0, tasks=59)], sample)[0].verdict == "no regression"
    assert judge([losing(0.0, tasks=29)], Terms(margin=0.1, tasks_as="sample"))[0].verdict == "no regression"
    assert judge([losing(0.5, tasks=10)], sample)[0].verdict == "regression"
    (one,) = judge([losing(0.0, tasks=1)], sample)
    assert one.verdict == "undecided" and one.why == "one task says nothing about tasks like it"


def test_errors_keep_a_condition_from_passing_but_not_from_failing() -> None:
    fine, bad = losing(0.0), losing(0.5)
    crashing = Pairs("c", fine.keys, fine.first, fine.second, errors=(0, 20))
    (finding,) = judge([crashing], Terms())
    assert finding.verdict == "undecided" and finding.further is None
    assert finding.why == ("too many episodes ended in errors (baseline: 0 errors, 0 without a counterpart; candidate: "
                           "20 errors, 0 without a counterpart)")
    assert judge([Pairs("c", fine.keys, fine.first, fine.second, errors=(0, 5))], Terms())[0].verdict == (
        "no regression")
    assert judge([Pairs("c", bad.keys, bad.first, bad.second, errors=(0, 99))], Terms())[0].verdict == "regression"


def test_a_task_that_only_errors_or_is_not_there_keeps_its_condition_from_passing() -> None:
    """1 of 40 tasks is 2.5 %: below the tolerated share of errors, and yet a collapse may hide there."""
    everywhere = [record(task=f"kitchen/{task}", index=index) for task in range(40) for index in range(20)]

    def spoilt(status: str, of: int) -> list[EpisodeRecord]:
        return [record(task=f"kitchen/{task}", index=index, status=status if task == 7 and index < of else "success")
                for task in range(40) for index in range(20)]

    assert judge([paired("c", everywhere, everywhere)], Terms())[0].verdict == "no regression"
    for of, said in ((20, "(20 of 20)"), (6, "(6 of 20)")):
        (finding,) = judge([paired("c", everywhere, spoilt("error", of))], Terms())
        assert finding.verdict == "undecided" and finding.why == f"errors hide what happens in kitchen/7 {said}"
    assert judge([paired("c", everywhere, spoilt("error", 5))], Terms())[0].verdict == "no regression"
    without = [each for each in everywhere if each.task != "kitchen/7"]
    (finding,) = judge([paired("c", everywhere, without)], Terms())
    assert finding.verdict == "undecided" and finding.why == "only one side has kitchen/7; --tasks compares the others"


def test_a_condition_without_pairs_is_undecided_and_leaves_all_undecided() -> None:
    empty = paired("dark", side("ss"), side("--ss"))
    findings = judge([losing(0.0), empty], Terms())
    assert findings[1].verdict == "undecided" and findings[1].why.startswith("no episode that both sides finished")
    assert overall(findings) == "undecided"
    assert overall([*findings, *judge([losing(0.5)], Terms())]) == "regression"
    assert overall(findings[:1]) == "no regression"


@pytest.mark.slow
def test_errors_stay_below_alpha_at_the_margin() -> None:
    """A mean loss of exactly the margin in tasks that differ: neither verdict may come more often than alpha says."""
    rng = np.random.default_rng(1)
    terms = Terms(margin=0.15, task_margin=0.99, alpha=0.1)
    loss = np.linspace(0.05, 0.25, 10)[:, None]
    gates, count = 600, {"no regression": 0, "regression": 0, "undecided": 0}
    for _ in range(gates):
        first = rng.random((10, 20)) < 0.95
        second = np.where(rng.random((10, 20)) < loss / 0.95, False, first)
        count[judge([pairs(first, second)], terms)[0].verdict] += 1
    for verdict, error in (("no regression", 0.1), ("regression", 0.05)):
        assert count[verdict] <= gates * error + 2.6 * np.sqrt(gates * error * (1 - error))
        assert count[verdict] > 4  # nor is the gate deaf


@pytest.mark.parametrize(("finished", "errors", "too_many"), [
    (19, (1, 0), False), (19, (0, 1), False), (18, (2, 0), True), (18, (0, 2), True), (95, (5, 5), False),
    (94, (0, 6), True), (950, (50, 0), False), (949, (0, 51), True), (20, (0, 0), False),
])  # fmt: skip
def test_more_than_one_error_in_twenty_on_either_side_is_too_many(
        finished: int, errors: tuple[int, int], too_many: bool) -> None:
    keys = tuple(("kitchen/0", index) for index in range(finished))
    fine = np.ones(finished, dtype=np.bool_)
    assert Pairs("c", keys, fine, fine, errors=errors).too_many_errors == too_many
