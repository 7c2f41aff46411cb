"""robot_pose against RL4VLA's count of postures, and across severities."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import pytest
from scipy.stats import beta, chisquare, kstest

from vlabench.errors import UnsupportedError
from vlabench.perturbations.robot_pose import RobotPose, postures
from vlabench.seeding import Draws


class Arm:
    """Notes how its joints are turned."""

    def __init__(self, joints: int = 6, refused: int = 0) -> None:
        self.turned: list[tuple[float, ...]] = []
        self.joints, self.refused = joints, refused
        self.tried: list[tuple[float, ...]] = []

    def arm_joints(self) -> int:
        return self.joints

    def posture_fits(self, by: Sequence[float]) -> bool:
        self.tried.append(tuple(by))
        return len(self.tried) > self.refused

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


def test_each_of_the_postures_is_as_likely(draws: Callable[[int], Draws]) -> None:
    arm = Arm()
    for index in range(4000):
        RobotPose().scene(cast(Any, arm), draws(index))
    grid = np.array(list(itertools.product([-0.15, -0.08, 0.0, 0.08, 0.15], repeat=5)))
    arms = grid[np.abs(grid[:, 1] + grid[:, 2]) < 0.2501]
    published = {(*by, wrist) for by in arms.tolist() for wrist in (-0.6, -0.3, 0.0, 0.3, 0.6)}
    assert len(published) == 14_375 and set(postures()) == published - {(0.0,) * 6}
    assert set(arm.turned) <= published
    # as many draws fall twice on the same posture as should, and each pair of joints comes as often as it should
    assert len(set(arm.turned)) == pytest.approx(14_374 * (1 - (1 - 1 / 14_374) ** 4000), abs=80)
    for pair in itertools.combinations(range(6), 2):
        should, found = (Counter(tuple(by[joint] for joint in pair) for by in each) for each in (
            postures(), arm.turned))
        assert chisquare([found[key] for key in should], [
            4000 * count / 14_374 for count in should.values()]).pvalue > 1e-4, pair


def test_another_arm_begins_in_any_direction_of_its_joints_0_1_to_0_5_rad_away(draws: Callable[[int], Draws]) -> None:
    arm = Arm(7)
    for index in range(600):
        RobotPose.at(3).scene(cast(Any, arm), draws(index))
    ways = np.array(arm.turned)
    assert np.linalg.norm(ways, axis=1) == pytest.approx(0.3)
    # of directions all alike likely, the square of one part is distributed as Beta(1/2, (n - 1) / 2)
    for joint in range(7):
        assert kstest((ways[:, joint] / 0.3) ** 2, beta(0.5, 3).cdf).pvalue > 1e-4
        assert abs((ways[:, joint] > 0).mean() - 0.5) < 0.1
    arm.turned.clear()
    for severity in range(1, 6):
        RobotPose.at(severity).scene(cast(Any, arm), draws(0))
        assert np.linalg.norm(arm.turned[-1]) == pytest.approx(severity / 10, abs=0.003)
        np.testing.assert_allclose(np.cross(arm.turned[-1][:3], arm.turned[0][:3]), 0, atol=1e-12)


@pytest.mark.parametrize("joints", [6, 7])
def test_postures_without_room_are_drawn_anew_and_counted(joints: int, draws: Callable[[int], Draws]) -> None:
    free, tight, full = Arm(joints), Arm(joints, refused=3), Arm(joints, refused=1000)
    pose = RobotPose.at(4)
    pose.scene(cast(Any, free), draws(5))
    assert pose.realised()["draws"] == 1 and free.turned == free.tried
    pose.scene(cast(Any, tight), draws(5))
    assert pose.realised()["draws"] == 4 and tight.turned == tight.tried[3:] and len(set(tight.tried)) == 4
    assert tight.tried[:1] == free.tried and pose.realised()["joints"] == pytest.approx(tight.turned[0], abs=1e-4)
    with pytest.raises(UnsupportedError, match="in none of 100 postures at scale 1.33 has the arm room\n  fix"):
        pose.scene(cast(Any, full), draws(5))
    assert full.turned == []
