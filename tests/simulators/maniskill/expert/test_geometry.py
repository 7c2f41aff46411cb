"""Surfaces as points against closed forms, and turns against scipy's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from vlabench.simulators.maniskill.expert.geometry import CELL, between, corners, covered, downward, nearest, yaw_of
from vlabench.types import Floats

BOX = covered(corners("box", np.array([0.02, 0.05, 0.01])))
angles = st.floats(-math.pi / 2 + 0.01, math.pi / 2 - 0.01)


def extent(points: Floats, direction: tuple[float, float, float]) -> float:
    along = points @ np.array(direction)
    return float(along.max() - along.min())


def turned(points: Floats, yaw: float) -> Floats:
    return Rotation.from_euler("z", yaw).apply(points)  # type: ignore[no-any-return]


def rotation(quaternion: Floats) -> Rotation:
    return Rotation.from_quat(quaternion[[1, 2, 3, 0]])


@given(angles)
def test_width_of_a_turned_box(yaw: float) -> None:
    points = turned(BOX, yaw)
    assert extent(points, (1, 0, 0)) == pytest.approx(2 * (0.02 * abs(math.cos(yaw)) + 0.05 * abs(math.sin(yaw))))
    assert extent(points, (0, 0, 1)) == pytest.approx(0.02)


def test_width_of_round_shapes() -> None:
    cylinder, capsule, sphere = (covered(corners(name, np.array(size))) for name, size in (
        ("cylinder", (0.02, 0.05)), ("capsule", (0.02, 0.05)), ("sphere", (0.02, 0.0))))
    for points, length in ((cylinder, 0.1), (capsule, 0.14), (sphere, 0.04)):
        assert extent(points, (1, 0, 0)) == pytest.approx(length)
        for angle in np.linspace(0, math.pi, 13):
            assert extent(points, (0, math.cos(angle), math.sin(angle))) == pytest.approx(0.04, rel=0.01)
    assert np.linalg.norm(cylinder[:, 1:], axis=1).max() == pytest.approx(0.02)
    assert np.linalg.norm(sphere, axis=1) == pytest.approx(0.02, rel=0.02)


@pytest.mark.parametrize("half", [(0.03, 0.02, 0.025), (0.05, 0.05, 0.002)])
def test_no_hole_between_the_points(half: tuple[float, float, float]) -> None:
    points = covered(corners("box", np.array(half)))
    rng = np.random.default_rng(0)
    for _ in range(200):
        on = rng.uniform(-1, 1, 3) * half
        side = int(rng.integers(3))
        on[side] = math.copysign(half[side], on[side])
        assert np.linalg.norm(points - on, axis=1).min() < 1.5 * CELL


@given(angles)
def test_a_hand_that_points_down_has_its_yaw(yaw: float) -> None:
    turn = downward(yaw)
    assert rotation(turn).apply([1, 0, 0]) == pytest.approx([0, 0, -1], abs=1e-9)
    assert rotation(turn).apply([0, 1, 0]) == pytest.approx([-math.sin(yaw), math.cos(yaw), 0], abs=1e-9)
    assert yaw_of(turn) == pytest.approx(yaw)


@given(st.integers(0, 2**32 - 1))
def test_between_leads_from_one_turn_to_another(seed: int) -> None:
    now, turn = Rotation.random(2, random_state=np.random.RandomState(seed)).as_quat()[:, [3, 0, 1, 2]]
    led = Rotation.from_rotvec(between(turn, now)) * rotation(now)
    assert (led * rotation(turn).inv()).magnitude() < 1e-6
    assert np.linalg.norm(between(turn, now)) <= math.pi + 1e-9


@given(angles, angles)
def test_nearest_is_the_same_grasp(yaw: float, reference: float) -> None:
    near = nearest(yaw, reference)
    assert abs(near - reference) <= math.pi / 2 + 1e-9
    assert math.sin(near - yaw) == pytest.approx(0, abs=1e-9)
