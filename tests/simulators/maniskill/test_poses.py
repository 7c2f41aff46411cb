"""Single precision's poses are those of another library to within its last bits, and stay single precision; sines and
cosines are torch's to the last bit. Whole targets are compared with ManiSkill's in test_base_env.py."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.spatial.transform import Rotation

from vlabench.simulators.maniskill import poses
from vlabench.simulators.maniskill.poses import Singles

QUARTER = float(np.float32(np.pi / 2))
ANGLES = arrays.arrays(np.float32, 3, elements=st.floats(-QUARTER, QUARTER, width=32))
PLACES = arrays.arrays(np.float32, 3, elements=st.floats(-1, 1, width=32))


def rotation(turn: Singles) -> Rotation:
    w, x, y, z = turn.astype(np.float64)
    return Rotation.from_quat([x, y, z, w])


def turned(angles: Singles) -> Rotation:
    return Rotation.from_euler("XYZ", angles.astype(np.float64))


def test_sines_and_cosines_are_torch_s_to_the_last_bit() -> None:
    torch = pytest.importorskip("torch")
    if not torch.backends.mkl.is_available():
        pytest.skip("torch without MKL has others")
    edges = np.array([0.0, 1.0, QUARTER, np.nextafter(np.float32(QUARTER), np.float32(0)), 1e-30, 1e-42], np.float32)
    rng = np.random.default_rng(3)
    near = [rng.uniform(-size, size, 300_000).astype(np.float32) for size in (QUARTER, 0.2, 0.01)]
    angles = np.concatenate([edges, -edges, *near])
    for ours, theirs in zip(poses.sine_and_cosine(angles), (torch.sin, torch.cos), strict=True):
        assert ours.tobytes() == theirs(torch.from_numpy(angles)).numpy().tobytes()


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
