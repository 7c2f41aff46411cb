"""Single precision's poses are those of another library to within its last bits, and stay single precision."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.spatial.transform import Rotation

from vlabench.simulators.maniskill import poses
from vlabench.simulators.maniskill.poses import Singles

ANGLES = arrays.arrays(np.float32, 3, elements=st.floats(-3, 3, width=32))
PLACES = arrays.arrays(np.float32, 3, elements=st.floats(-1, 1, width=32))


def rotation(turn: Singles) -> Rotation:
    w, x, y, z = turn.astype(np.float64)
    return Rotation.from_quat([x, y, z, w])


def turned(angles: Singles) -> Rotation:
    return Rotation.from_euler("XYZ", angles.astype(np.float64))


@given(ANGLES)
def test_euler_angles_turn_about_the_body_s_own_axes(angles: Singles) -> None:
    turn = poses.from_euler(angles)
    assert turn.dtype == np.float32 and turn[0] >= 0
    assert (rotation(turn) * turned(angles).inv()).magnitude() < 2e-6


@given(ANGLES, ANGLES)
def test_of_a_product_the_second_turns_first(first: Singles, second: Singles) -> None:
    both = poses.product(poses.from_euler(first), poses.from_euler(second))
    assert both.dtype == np.float32
    assert (rotation(both) * (turned(first) * turned(second)).inv()).magnitude() < 4e-6


@given(PLACES, ANGLES, PLACES, ANGLES)
def test_a_pose_in_another_s_frame(base: Singles, facing: Singles, place: Singles, angles: Singles) -> None:
    at, turn = poses.relative((base, poses.from_euler(facing)), (place, poses.from_euler(angles)))
    assert at.dtype == turn.dtype == np.float32 and turn[0] >= 0
    assert np.allclose(at, turned(facing).inv().apply(place - base), atol=2e-6)
    assert (rotation(turn) * (turned(facing).inv() * turned(angles)).inv()).magnitude() < 6e-6
