"""Where the object and its receptacle begin: on a scene that takes notes, against independent drawing."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.stats import kstest, uniform

from vlabench.errors import UnsupportedError
from vlabench.perturbations.object_pose import ObjectPose
from vlabench.perturbations.receptacle_shift import ReceptacleShift
from vlabench.seeding import Draws
from vlabench.simulators._values import Spot
from vlabench.simulators.libero.interface import SPACE

MakeDraws = Callable[[int], Draws]
Where = Callable[[Spot], bool]
PLACE = (0.5, -0.5)


class Table:
    """Its object begins at PLACE; `free` says where, from there, it or its receptacle could stand, `goal` where it is
    to come to."""

    def __init__(self, free: Where, goal: Where) -> None:
        self.free, self.goal = free, goal
        self.by: list[Spot] = []

    def object_spot(self) -> Spot:
        return PLACE

    def is_goal(self, spot: Spot) -> bool:
        return self.goal((spot[0] - PLACE[0], spot[1] - PLACE[1]))

    def is_free(self, spot: Spot) -> bool:
        return self.free((spot[0] - PLACE[0], spot[1] - PLACE[1]))

    def move_object(self, spot: Spot) -> None:
        self.by.append((spot[0] - PLACE[0], spot[1] - PLACE[1]))

    def receptacle_fits(self, by: Spot) -> bool:
        return self.free(by)

    def shift_receptacle(self, by: Spot) -> None:
        self.by.append(by)


def begun(made: ObjectPose | ReceptacleShift, rng: Draws, free: Where = lambda by: True,
          goal: Where = lambda by: False) -> Spot:
    """Where to, from its place."""
    table = Table(free, goal)
    made.begin(rng, 1, ("top",), SPACE)
    made.scene(cast(Any, table), rng)
    (by,) = table.by
    assert made.realised()["by"] == pytest.approx(by, abs=6e-5)
    return by


def test_spots_are_uniform_on_the_ring(draws: MakeDraws) -> None:
    by = np.array([begun(ObjectPose.at(3), draws(index)) for index in range(500)])
    far = np.linalg.norm(by, axis=1)
    assert far.min() >= 0.08 and far.max() <= 0.12
    assert kstest(far**2, uniform(0.08**2, 0.12**2 - 0.08**2).cdf).pvalue > 1e-3  # by area
    assert kstest(np.arctan2(by[:, 1], by[:, 0]), uniform(-math.pi, 2 * math.pi).cdf).pvalue > 1e-3


def test_what_is_left_of_a_ring_is_drawn_from_alike(draws: MakeDraws) -> None:
    """Against rejection from a square, with a quarter of the ring taken and a quarter the goal."""
    free = [begun(ObjectPose.at(5), draws(index), lambda by: by[0] > 0 or by[1] > 0, lambda by: by[0] < 0 < by[1])
            for index in range(400)]
    square = np.random.Generator(np.random.Philox(1)).uniform(-0.2, 0.2, (20000, 2))
    ring = square[(square[:, 0] > 0) & (np.hypot(*square.T) > 0.16) & (np.hypot(*square.T) < 0.2)]
    for axis in (0, 1):
        assert kstest(np.array(free)[:, axis], ring[:, axis]).pvalue > 1e-3


@pytest.mark.parametrize("kind", [ObjectPose, ReceptacleShift])
def test_severities_share_the_direction_and_go_farther(kind: type[ObjectPose] | type[ReceptacleShift],
                                                       draws: MakeDraws) -> None:
    for index in range(20):
        by = np.array([begun(kind.at(severity), draws(index)) for severity in range(1, 6)])
        far = np.linalg.norm(by, axis=1)
        assert (np.diff(far) > 0).all()
        np.testing.assert_allclose(by / far[:, None], np.tile(by[0] / far[0], (5, 1)), atol=1e-9)
        assert kind.at(1).channels(("top",)) == {"scene"} and kind.at(1).in_state and kind.at(1).from_start


def test_a_ring_without_room_is_wider_and_a_table_without_room_an_error(draws: MakeDraws) -> None:
    made = ObjectPose.at(1)
    assert math.hypot(*begun(made, draws(0), lambda by: math.hypot(*by) > 0.1)) == pytest.approx(0.105, abs=0.005)
    assert made.realised()["draws"] > 5 * 40 and made.realised()["distance"] > 0.1
    begun(made, draws(1))
    assert made.realised()["draws"] == 1
    with pytest.raises(UnsupportedError, match=r"from 0.02 m on there is no free spot"):
        begun(made, draws(0), lambda by: False)


def test_a_receptacle_goes_any_way_that_is_free(draws: MakeDraws) -> None:
    by = np.array([begun(ReceptacleShift.at(5), draws(index), lambda by: by[1] > 0) for index in range(400)])
    np.testing.assert_allclose(np.linalg.norm(by, axis=1), 0.1)
    assert kstest(np.arctan2(by[:, 1], by[:, 0]), uniform(0, math.pi).cdf).pvalue > 1e-3
    with pytest.raises(UnsupportedError, match="0.1 m away there is no room"):
        begun(ReceptacleShift.at(5), draws(0), lambda by: False)


def test_a_cell_of_the_grid_is_the_same_in_every_episode(draws: MakeDraws) -> None:
    made = ReceptacleShift(offset=(0.05, -0.1))
    assert {begun(made, draws(index)) for index in range(5)} == {(0.05, -0.1)} and made.realised()["draws"] == 1
    with pytest.raises(UnsupportedError, match=r"shifted by \(0.05, -0.1\) m"):
        begun(made, draws(0), lambda by: False)


@pytest.mark.parametrize("make, message", [
    (lambda: ObjectPose(nearest=0.2, farthest=0.1), "nearest = 0.2 m must be less than farthest = 0.1 m"),
    (lambda: ObjectPose(farthest=0.5), "less than or equal to 0.4"),
    (lambda: ReceptacleShift(offset=(0.0, 0.0)), "that is the clean condition"),
    (lambda: ReceptacleShift(offset=(0.0, 0.4)), "less than or equal to 0.3"),
    (lambda: ReceptacleShift(distance=0.0), "greater than 0"),
    (lambda: ReceptacleShift.at(5, offset=(0.02, 0.0)), "leave `distance` out, and `severity`, which sets it"),
])
def test_wrong_parameters(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        make()
