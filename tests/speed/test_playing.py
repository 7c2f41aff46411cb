"""Playing against the clock: sides take turns."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.factories import record
from tests.speed.playing import Watch, alternately, paired, timed


def test_sides_take_turns_and_each_gets_its_median() -> None:
    order: list[str] = []
    left, right = iter([3.0, 9.0, 4.0]), iter([1.0, 1.0, 7.0])

    def side(name: str, values: Iterator[float]) -> float:
        order.append(name)
        return next(values)

    assert alternately(3, lambda: side("l", left), lambda: side("r", right)) == [4.0, 1.0]
    assert order == ["l", "r"] * 3


def test_neighbours_are_compared_so_that_a_slow_minute_slows_both() -> None:
    slow = [1.0, 1.0, 10.0, 1.0, 100.0]  # of the machine, whoever is measured
    ours, theirs = iter([2 * factor for factor in slow]), iter([factor for factor in slow])
    ratio, how = paired(5, lambda: next(ours), lambda: next(theirs))
    assert ratio == 0.5 and "between 0.500 and 0.500; 2 against 1 ms" in how


class Clerk:
    """Sums up, for so long as it is asked to."""

    def add(self, one: int, *, other: int) -> int:
        return sum(one + other for _ in range(200_000)) // 200_000


def test_every_call_of_a_method_is_timed_and_answers_as_without() -> None:
    plain = Clerk.add
    with timed(Clerk, "add") as found:
        assert [Clerk().add(1, other=2), Clerk().add(3, other=4)] == [3, 7]
    assert len(found) == 2 and min(found) > 0 and Clerk.add is plain


def watched(monkeypatch: pytest.MonkeyPatch, ends: list[tuple[float, str]]) -> Watch:
    watch, times = Watch(), iter([when for when, _ in ends])
    monkeypatch.setattr("time.perf_counter", lambda: next(times))
    for _, task in ends:
        watch.count("clean", record(task=task))
    return watch


def test_a_rate_counts_from_when_both_have_had_an_episode_until_one_has_none_left(
        monkeypatch: pytest.MonkeyPatch) -> None:
    """b's worker begins late, and a's is through before it."""
    ends = [(float(at), "a/0") for at in range(1, 10)] + [(float(at) + 0.2, "b/0") for at in range(5, 14)]
    watch = watched(monkeypatch, sorted(ends))
    assert watch.steady(2) == pytest.approx((4 + 3) / (9 - 5.2))  # a: 6, 7, 8, 9; b: 6.2, 7.2, 8.2


def test_those_side_by_side_end_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of three, of which the first is what is begun with: six more in 20 s."""
    ends = [(at + 0.001 * copy, "a/0") for at in (10.0, 20.0, 30.0) for copy in range(3)]
    assert watched(monkeypatch, ends).steady(1) == pytest.approx(6 / 20)
