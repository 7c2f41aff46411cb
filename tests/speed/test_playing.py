"""Playing against the clock: sides take turns."""

from __future__ import annotations

from collections.abc import Iterator

from tests.speed.playing import alternately, paired


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
