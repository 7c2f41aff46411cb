"""robot_pose against RL4VLA's count of postures, and across severities."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import pytest

from vlabench.perturbations.robot_pose import RobotPose, postures
from vlabench.seeding import Draws


class Arm:
    """Notes how its joints are turned."""

    def __init__(self) -> None:
        self.turned: list[tuple[float, ...]] = []

    def turn_joints(self, by: Sequence[float]) -> None:
        self.turned.append(tuple(by))


def test_the_postures_are_the_published_without_training_s() -> None:
    assert len(postures()) == len(set(postures())) == 14_375 - 1
    steps = np.array(list(itertools.product([-15, -8, 0, 8, 15], repeat=5)))
    counted = int((np.abs(steps[:, 1] + steps[:, 2]) <= 25).sum()) * 5  # in whole hundredths, exactly
    assert counted == 14_375
    assert not any(not np.any(by) for by in postures()) and {len(by) for by in postures()} == {6}
    assert {by[5] for by in postures()} == {-0.6, -0.3, 0.0, 0.3, 0.6}


def test_severities_turn_the_same_joints_by_more(draws: Callable[[int], Draws]) -> None:
    arm = Arm()
    for index in range(5):
        for severity in range(1, 6):
            RobotPose.at(severity).scene(cast(Any, arm), draws(index))
        mild, *_, severe = arm.turned[-5:]
        assert arm.turned[-3] in postures()
        assert np.multiply(mild, 1.67 / 0.33) == pytest.approx(severe)
    drawn = []
    for index in range(400):
        RobotPose().scene(cast(Any, arm), draws(index))
        drawn.append(arm.turned[-1])
    assert len(set(drawn)) > 380 and np.abs(np.mean(drawn, axis=0)).max() < 0.06
