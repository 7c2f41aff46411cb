"""Small pieces of rigid-body geometry that the expert is made of."""

from __future__ import annotations

import math

import numpy as np
from scipy.spatial.transform import Rotation

from vlabench.types import Floats

UP = np.array([0.0, 0.0, 1.0])
DOWN = -UP


def unit(vector: Floats) -> Floats:
    """The vector scaled to length 1."""
    result: Floats = vector / max(math.sqrt(float(vector @ vector)), 1e-9)
    return result


def cross(a: Floats, b: Floats) -> Floats:
    """The cross product of two vectors [3]; numpy's own is made for stacks of them and ten times slower."""
    ax, ay, az = a.tolist()
    bx, by, bz = b.tolist()
    return np.array([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx])


def frame(approach: Floats, opening: Floats) -> Floats:
    """Hand rotation [3, 3] whose z axis is `approach` and whose y axis is `opening` made perpendicular to it."""
    z = unit(approach)
    y = unit(opening - z * float(opening @ z))
    return np.array([cross(y, z), y, z]).T


def rotation_vector(target: Floats, current: Floats) -> Floats:
    """The world-frame rotation vector [3] that turns `current` into `target`."""
    vector: Floats = Rotation.from_matrix(target @ current.T).as_rotvec()
    return vector


def angle(target: Floats, current: Floats) -> float:
    """The angle (rad) between two rotations."""
    cosine = (float(np.vdot(target, current)) - 1) / 2
    return math.acos(min(max(cosine, -1.0), 1.0))


def about_z(theta: float) -> Floats:
    """Rotation by `theta` (rad) about the vertical."""
    c, s = np.cos(theta), np.sin(theta)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


HOME = frame(DOWN, np.array([0.0, -1.0, 0.0]))
"""The hand's rotation in the start pose of all tasks."""


def level(rot: Floats) -> Floats:
    """The nearest hand rotation that points straight down."""
    return frame(DOWN, rot[:, 1] * np.array([1.0, 1.0, 0.0]))


def homely(approach: Floats, opening: Floats) -> Floats:
    """`frame` with the sign of `opening` (the fingers are alike) that turns the hand less from its start pose."""
    return max((frame(approach, sign * opening) for sign in (1.0, -1.0)), key=lambda rot: float(np.trace(rot @ HOME.T)))
