"""Grasps of boxes and cylinders, whose best is known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.simulators.maniskill.expert.states import block, state, thing
from vlabench.simulators.maniskill.expert.geometry import corners, covered
from vlabench.simulators.maniskill.expert.grasps import JAW, LOWEST, PALM, TIP, choose
from vlabench.simulators.maniskill.expert.state import TABLE


@pytest.mark.parametrize("yaw", [0.0, 0.4, -0.9, 1.5])
def test_a_bar_is_taken_across_near_its_middle(yaw: float) -> None:
    grasp = choose(state(block((0.06, 0.015, 0.02), (0.3, 0.05), yaw)))
    assert math.sin(grasp.yaw - yaw) == pytest.approx(0, abs=0.02)  # the fingers open along the base's y at a yaw of 0
    assert grasp.width == pytest.approx(0.03, abs=0.002)
    assert np.linalg.norm(grasp.at[:2] - (0.3, 0.05)) < 0.011
    assert LOWEST <= grasp.at[2] < 0.025


def test_a_cylinder_that_stands_is_as_wide_from_every_side() -> None:
    upright = covered(corners("cylinder", np.array([0.02, 0.045])))[:, [1, 2, 0]]
    grasp = choose(state(thing(upright, (0.3, 0.05))))
    assert grasp.width == pytest.approx(0.04, rel=0.02)
    assert abs(grasp.yaw) < 0.3  # no need to turn
    assert grasp.at == pytest.approx([0.3, 0.05, 0.0897 - PALM], abs=0.002)  # the palm stays above its top


def test_what_is_too_wide_is_taken_where_it_is_narrow() -> None:
    head, handle = (covered(corners("box", np.array(half))) for half in ((0.03, 0.04, 0.01), (0.04, 0.008, 0.01)))
    points = np.concatenate([head - (0.03, 0, 0), handle + (0.04, 0, 0)])
    grasp = choose(state(thing(points, (0.3, 0.05))))
    assert grasp.width < 2 * JAW and grasp.at[0] > 0.31


def test_fingers_stay_above_the_receptacle() -> None:
    lying = block((0.04, 0.012, 0.012), (0.3, 0.05))
    free = choose(state(lying))
    beside = choose(state(lying, block((0.2, 0.2, 0.004), (0.3, 0.05))))
    assert free.at[2] == pytest.approx(LOWEST)
    assert beside.at[2] - TIP > TABLE + 0.008


def test_a_rolling_object_is_met_where_it_will_be() -> None:
    ball = replace(block((0.015, 0.015, 0.015), (0.3, 0.05)), speed=np.array([0.05, 0.0]))
    grasp = choose(state(ball))
    assert 0.015 < grasp.ahead[0] < 0.075 and grasp.ahead[1] == 0
    assert grasp.off(grasp.at + (0.01, 0, 0)) == pytest.approx(0, abs=1e-9)
    assert grasp.off(grasp.at - (0.01, 0, 0)) == pytest.approx(0.01)
