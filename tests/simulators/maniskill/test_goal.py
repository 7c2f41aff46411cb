"""The rules of success and grasp, against cases worked out by hand and another library's rotations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from vlabench.simulators.maniskill import goal
from vlabench.types import Floats

PLATE = np.array([0.055, 0.055, 0.003])
BOX = np.array([0.02, 0.02, 0.01])


def on(offset: tuple[float, float, float], force: float = 0.1) -> bool:
    return bool(goal.on_receptacle(np.array([offset]), BOX[None], PLATE[None], np.array([[0.0, 0.0, force]]))[0])


@pytest.mark.parametrize(("offset", "success"), [
    ((0, 0, 0.013), True), ((0.0649, 0, 0.013), True), ((0.0651, 0, 0.013), False),  # 55 + 10 mm
    ((0.045, 0.045, 0.013), True), ((0.047, 0.047, 0.013), False),  # in the plane, not along each axis
    ((0, 0, 0.0629), True), ((0, 0, 0.0631), False),  # 3 + 10 + 50 mm
    ((0, 0, 0.0), False), ((0, 0, -0.01), False)])
def test_an_object_is_on_its_receptacle_within_reach_above_and_not_far_above(
        offset: tuple[float, float, float], success: bool) -> None:
    assert on(offset) is success


def test_it_has_to_press_on_it() -> None:
    assert not on((0, 0, 0.013), 0.03) and on((0, 0, 0.013), 0.031)


@given(st.lists(st.floats(-3, 3), min_size=3, max_size=3))
def test_a_turned_box_has_the_extent_of_its_corners(turn: list[float]) -> None:
    rotation = Rotation.from_rotvec(turn)
    x, y, z, w = rotation.as_quat()
    corners = np.array([[i, j, k] for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)]) * [0.01, 0.02, 0.05]
    expected = np.ptp(rotation.apply(corners), axis=0) / 2
    assert np.allclose(goal.settled_half(np.array([0.01, 0.02, 0.05]), np.array([w, x, y, z])), expected, atol=1e-12)


def grip(left: Floats, right: Floats, turn: float = 0.0) -> bool:
    """Of fingers that are turned together about z by some degrees; their own axes are y and −y."""
    x, y, z, w = Rotation.from_euler("z", turn, degrees=True).as_quat()
    turned = Rotation.from_euler("z", turn, degrees=True).apply(np.stack([left, right]))
    return bool(goal.grasped(turned[None], np.tile(np.array([w, x, y, z]), (1, 2, 1)))[0])


def leaning(force: float, degrees: float, sign: float) -> Floats:
    return sign * force * np.array([np.sin(np.radians(degrees)), np.cos(np.radians(degrees)), 0.0])


@pytest.mark.parametrize("turn", [0.0, 37.0, 180.0])
@pytest.mark.parametrize(("left", "right", "held"), [
    (leaning(0.6, 0, 1), leaning(0.6, 0, -1), True), (leaning(0.49, 0, 1), leaning(9, 0, -1), False),
    (leaning(9, 0, 1), np.zeros(3), False), (leaning(1, 84, 1), leaning(1, 0, -1), True),
    (leaning(1, 86, 1), leaning(1, 0, -1), False), (leaning(1, 0, -1), leaning(1, 0, 1), False)])
def test_both_fingers_have_to_press_inwards(left: Floats, right: Floats, held: bool, turn: float) -> None:
    assert grip(left, right, turn) is held


def test_any_number_of_copies_are_judged_at_once_as_each_alone() -> None:
    turns = np.roll(Rotation.random(6, random_state=3).as_quat(), 1, axis=1)
    rng = np.random.default_rng(0)
    halves, forces = rng.uniform(0.01, 0.1, (6, 3)), rng.normal(0, 2, (3, 2, 3))
    alone = [goal.settled_half(half, turn) for half, turn in zip(halves, turns, strict=True)]
    assert np.allclose(goal.settled_half(halves, turns), alone, atol=1e-12)
    fingers = turns.reshape(3, 2, 4)
    each = [goal.grasped(force[None], turn[None])[0] for force, turn in zip(forces, fingers, strict=True)]
    assert goal.grasped(forces, fingers).tolist() == each


def test_grasping_earns_once_and_success_while_it_lasts() -> None:
    success, grasped, long = np.array([[0, 0, 0], [0, 1, 0], [0, 1, 1], [1, 1, 1], [0, 1, 1], [1, 0, 0]], bool).T
    assert goal.earned(success, grasped, long) == pytest.approx([0, 0.1, 0.2, 1.2, 0.2, 0])
