"""Playing against the clock: sides take turns."""

from __future__ import annotations

from collections.abc import Iterator

from tests.speed.playing import alternately


def test_sides_take_turns_and_each_gets_its_median() -> None:
    order: list[str] = []
    left, right = iter([3.0, 9.0, 4.0]), iter([1.0, 1.0, 7.0])

    def side(name: str, values: Iterator[float]) -> float:
        order.append(name)
        return next(values)

    assert alternately(3, lambda: side("l", left), lambda: side("r", right)) == [4.0, 1.0]
    assert order == ["l", "r"] * 3
