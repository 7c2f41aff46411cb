"""Goals, of any number of copies at once: against geometry by scipy, and RL4VLA's reward by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from vlabench.simulators.maniskill import goal
from vlabench.types import Floats


def turns(count: int) -> tuple[Rotation, Floats]:
    """Some rotations, and their quaternions (w, x, y, z)."""
    some = Rotation.random(count, random_state=3)
    return some, np.roll(some.as_quat(), 1, axis=1)


def test_the_upright_box_around_turned_ones_touches_their_farthest_corners() -> None:
    rotations, quaternions = turns(4)
    halves = np.array([[0.1, 0.2, 0.3], [0.05, 0.01, 0.02], [1, 1, 1], [0.3, 0.1, 0.1]])
    signs = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).reshape(3, 8).T
    corners = [rotation.apply(signs * half).max(axis=0) for rotation, half in zip(rotations, halves, strict=True)]
    assert goal.settled_half(halves, quaternions) == pytest.approx(np.array(corners))
    assert goal.settled_half(halves[1], quaternions[1]) == pytest.approx(corners[1])


@pytest.mark.parametrize(("size", "degrees", "held"), [(0.6, 0.0, True), (0.4, 0.0, False), (5.0, 84.0, True),
                                                      (5.0, 86.0, False), (5.0, 180.0, False)])
def test_both_fingers_push_along_their_axes(size: float, degrees: float, held: bool) -> None:
    rotations, quaternions = turns(2)
    leaning = size * np.array([np.sin(np.deg2rad(degrees)), np.cos(np.deg2rad(degrees)), 0])
    forces = np.stack([rotations.apply(leaning), rotations.apply([0.0, -9.0, 0.0])], axis=1)
    assert goal.grasped(forces, np.stack([quaternions, quaternions], axis=1)).tolist() == [held, held]


def test_on_a_receptacle_is_over_it_low_enough_and_pressing() -> None:
    half, place = np.array([[0.02, 0.02, 0.02]] * 5), np.array([[0.05, 0.06, 0.005]] * 5)
    offset = np.array([[0.069, 0, 0.02], [0.071, 0, 0.02], [0, 0, 0.076], [0, 0, -0.001], [0, 0, 0.02]])
    force = np.array([[0, 0, 0.04]] * 4 + [[0, 0, 0.02]])
    assert goal.on_receptacle(offset, half, place, force).tolist() == [True, False, False, False, False]


def test_grasping_earns_once_and_success_while_it_lasts() -> None:
    success, grasped, long = np.array([[0, 0, 0], [0, 1, 0], [0, 1, 1], [1, 1, 1], [0, 1, 1], [1, 0, 0]], bool).T
    assert goal.earned(success, grasped, long) == pytest.approx([0, 0.1, 0.2, 1.2, 0.2, 0])
