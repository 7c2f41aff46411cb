"""Verdicts on outcomes that are clear by hand, Holm's order, and error rates over simulated gates."""

from __future__ import annotations

import numpy as np
import pytest

from tests.factories import record
from vlabench import stats
from vlabench.gate.verdicts import Pairs, judge, overall, paired
from vlabench.types import EpisodeRecord


def pairs(first: stats.Bools, second: stats.Bools, condition: str = "c", **more: tuple[int, int]) -> Pairs:
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
    (finding,) = judge([found], 0.05, 0.05)
    assert (finding.pairs, finding.lost, finding.gained, finding.tasks) == (4, 1, 1, 1)
    assert (finding.baseline.rate, finding.candidate.rate, finding.difference.value) == (0.5, 0.5, 0.0)


def test_pairs_are_of_the_success_that_the_suite_counts() -> None:
    fell = [record(index=0, success_at_end=False), record(index=1)]
    for counts in (None, "once"):
        assert paired("clean", fell, fell, counts).first.tolist() == [True, True]
    assert paired("clean", fell, fell, "end").second.tolist() == [False, True]


@pytest.mark.parametrize(("share", "verdict"), [(0.0, "no regression"), (0.05, "undecided"), (0.3, "regression")])
def test_three_verdicts(share: float, verdict: str) -> None:
    (finding,) = judge([losing(share)], 0.05, 0.05)
    assert finding.verdict == verdict
    assert (finding.further is None) == (verdict != "undecided" or abs(finding.difference.value + 0.05) < 1e-9)


def test_a_gain_is_no_regression_and_a_wider_margin_forgives() -> None:
    lost = losing(0.3)
    swapped = Pairs("c", lost.keys, lost.second, lost.first)
    assert judge([swapped], 0.0, 0.05)[0].verdict == "no regression"
    assert judge([lost], 0.4, 0.05)[0].verdict == "no regression"


def test_the_tasks_that_lost_most_are_named() -> None:
    second = np.ones((3, 10), dtype=np.bool_)
    second[1, :6] = second[2, :2] = False
    (finding,) = judge([pairs(np.ones((3, 10), dtype=np.bool_), second)], 0.05, 0.05)
    assert finding.worst == (("kitchen/1", -0.6, 10), ("kitchen/2", -0.2, 10))


def borderline() -> Pairs:
    """A regression at the level 0.05, but not at 0.05 / 3."""
    rng = np.random.default_rng(5)
    for _ in range(1000):
        found = pairs(np.ones((10, 10), dtype=np.bool_), rng.random((10, 10)) > 0.14, "borderline")
        highs = [stats.paired_difference(found.first, found.second, found.tasks, level=1 - 2 * alpha).high
                 for alpha in (0.05, 0.05 / 3)]
        if highs[0] < -0.05 < highs[1]:
            return found
    raise AssertionError("none found")


def test_an_accusation_takes_more_evidence_the_more_conditions_there_are() -> None:
    weak, fine, bad = borderline(), losing(0.0), losing(0.5)
    others = [Pairs(f"{name} {k}", each.keys, each.first, each.second) for name, each in (("fine", fine), ("bad", bad))
              for k in range(2)]
    assert judge([weak], 0.05, 0.05)[0].verdict == "regression"
    assert judge([weak, *others[:2]], 0.05, 0.05)[0].verdict == "undecided"
    # Holm: those that are accused already do not count against it
    assert judge([weak, *others[2:]], 0.05, 0.05)[0].verdict == "regression"
    # and passing needs no correction
    assert {finding.verdict for finding in judge([weak, *others[:2]], 0.05, 0.05)[1:]} == {"no regression"}


def test_errors_keep_a_condition_from_passing_but_not_from_failing() -> None:
    fine, bad = losing(0.0), losing(0.5)
    crashing = Pairs("c", fine.keys, fine.first, fine.second, errors=(0, 20))
    (finding,) = judge([crashing], 0.05, 0.05)
    assert finding.verdict == "undecided" and finding.further is None
    assert finding.why == ("too many episodes ended in errors (baseline: 0 errors, 0 without a counterpart; candidate: "
                           "20 errors, 0 without a counterpart)")
    assert judge([Pairs("c", fine.keys, fine.first, fine.second, errors=(0, 5))], 0.05, 0.05)[0].verdict == (
        "no regression")
    assert judge([Pairs("c", bad.keys, bad.first, bad.second, errors=(0, 99))], 0.05, 0.05)[0].verdict == "regression"


def test_a_condition_without_pairs_is_undecided_and_leaves_all_undecided() -> None:
    empty = paired("dark", side("ss"), side("--ss"))
    findings = judge([losing(0.0), empty], 0.05, 0.05)
    assert findings[1].verdict == "undecided" and findings[1].why.startswith("no episode that both sides finished")
    assert overall(findings) == "undecided"
    assert overall([*findings, *judge([losing(0.5)], 0.05, 0.05)]) == "regression"
    assert overall(findings[:1]) == "no regression"


@pytest.mark.slow
def test_errors_stay_below_alpha_at_the_margin() -> None:
    """A loss of exactly the margin, in tasks that differ: neither verdict may come more often than alpha says."""
    rng = np.random.default_rng(1)
    alpha, gates, count = 0.1, 400, {"no regression": 0, "regression": 0, "undecided": 0}
    for _ in range(gates):
        loss = np.clip(0.15 + 0.08 * rng.normal(size=(10, 1)), 0, 1)
        first = rng.random((10, 20)) < 0.95
        second = np.where(rng.random((10, 20)) < loss / 0.95, False, first)
        count[judge([pairs(first, second)], 0.15, alpha)[0].verdict] += 1
    most = gates * alpha + 2.6 * np.sqrt(gates * alpha * (1 - alpha))
    assert count["regression"] <= most and count["no regression"] <= most
    assert count["regression"] > 4 and count["no regression"] > 4  # nor is the gate deaf


@pytest.mark.parametrize(("finished", "errors", "too_many"), [
    (19, (1, 0), False), (19, (0, 1), False), (18, (2, 0), True), (18, (0, 2), True), (95, (5, 5), False),
    (94, (0, 6), True), (950, (50, 0), False), (949, (0, 51), True), (20, (0, 0), False),
])  # fmt: skip
def test_more_than_one_error_in_twenty_on_either_side_is_too_many(
        finished: int, errors: tuple[int, int], too_many: bool) -> None:
    keys = tuple(("kitchen/0", index) for index in range(finished))
    fine = np.ones(finished, dtype=np.bool_)
    assert Pairs("c", keys, fine, fine, errors=errors).too_many_errors == too_many
