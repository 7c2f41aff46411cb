"""object_reposition on a scene that notes where its object is put."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable
from typing import Any, cast

from scipy.stats import chisquare

from vlabench.perturbations.object_reposition import ObjectReposition
from vlabench.seeding import Draws

STEPS = [0.031 * k for k in range(6)]  # no two spots are 15 cm apart, where rounding decides
GRID = list(itertools.product(STEPS, STEPS))
AT, PLATE = GRID[7], GRID[15]


class Table:
    """RL4VLA's grid with an object and a plate."""

    def __init__(self) -> None:
        self.put: list[tuple[float, float]] = []

    def spots(self) -> list[tuple[float, float]]:
        return GRID

    def object_spot(self) -> tuple[float, float]:
        return AT

    def is_free(self, spot: tuple[float, float]) -> bool:
        return math.dist(spot, PLATE) > 0.07

    def move_object(self, spot: tuple[float, float]) -> None:
        self.put.append(spot)


def test_after_its_step_the_object_is_on_any_spot_that_is_far_and_free(draws: Callable[[int], Draws]) -> None:
    table = Table()
    for index, step in itertools.product(range(400), (4, 5, 6)):
        made = ObjectReposition(step=5)
        made.tick(cast(Any, table), step, draws(index))
        assert made.may_move(step) == (step == 5) == ("moved_to" in made.realised())
    counts = Counter(table.put)
    assert set(counts) == {spot for spot in GRID if math.dist(spot, AT) > 0.15 and math.dist(spot, PLATE) > 0.07}
    assert sum(counts.values()) == 400 and chisquare(list(counts.values())).pvalue > 1e-3
