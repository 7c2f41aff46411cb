"""object_shift on a scene that notes where its object is put."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest

from vlabench.perturbations.object_shift import ObjectShift
from vlabench.seeding import Draws


class Table:
    """An object at the middle, something else 9 cm to one side."""

    def __init__(self) -> None:
        self.put: list[tuple[float, float]] = []

    def object_spot(self) -> tuple[float, float]:
        return (0.1, 0.2)

    def is_free(self, spot: tuple[float, float]) -> bool:
        return math.dist(spot, (0.19, 0.2)) > 0.07

    def move_object(self, spot: tuple[float, float]) -> None:
        self.put.append(spot)


def test_severities_go_further_in_one_direction_and_every_free_direction_comes(draws: Callable[[int], Draws]) -> None:
    turns = set()
    for index in range(200):
        table = Table()
        for severity in range(1, 6):
            ObjectShift.at(severity).scene(cast(Any, table), draws(index))
        away = np.subtract(table.put, table.object_spot())
        assert np.linalg.norm(away, axis=1) == pytest.approx([0.01, 0.02, 0.04, 0.06, 0.08])
        assert all(map(table.is_free, table.put))
        around = np.degrees(np.arctan2(away[:, 1], away[:, 0]))
        assert around == pytest.approx(around[0])
        turns.add(round(float(around[0]) / 22.5) % 16)
    free = {k for k in range(16) if all(Table().is_free(
        (0.1 + r * math.cos(k * math.pi / 8), 0.2 + r * math.sin(k * math.pi / 8))) for r in np.linspace(0, 0.1, 60))}
    assert turns == free and 5 < len(free) < 16
