"""Where the surface of a body is, as points, and the few turns that the expert is made of."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
from scipy.spatial import ConvexHull

from vlabench.simulators.maniskill.poses import product
from vlabench.types import Floats

CELL = 0.008
"""Between the points (m) that stand for a surface, at most about this."""
ROUND = 24
"""Corners of the polygon that stands for a circle: its width is too small by 1 % at most."""
DOWN = np.array([math.sqrt(0.5), 0.0, math.sqrt(0.5), 0.0])
"""The turn of a hand that points straight down, its fingers opening along the base's y-axis."""


def surface(body: Any, pose: Any) -> Floats:
    """Points [n, 3] on the collision shapes of a rigid body that is at a pose, all corners among them."""
    clouds = []
    for shape in body.collision_shapes:
        matrix = (pose * shape.local_pose).to_transformation_matrix().astype(np.float64)
        clouds.append(_cloud(*_kind(shape)) @ matrix[:3, :3].T + matrix[:3, 3])
    return np.concatenate(clouds)


def _kind(shape: Any) -> tuple[str, bytes]:
    """What a convex shape is, apart from where it is."""
    name = type(shape).__name__.removeprefix("PhysxCollisionShape").lower()
    if name == "convexmesh":
        size = np.asarray(shape.vertices) * np.asarray(shape.scale)
    elif name == "box":
        size = np.asarray(shape.half_size)
    else:
        size = np.array([shape.radius, 0.0 if name == "sphere" else shape.half_length])
    return name, size.astype(np.float64).tobytes()


@functools.lru_cache(maxsize=512)
def _cloud(name: str, size: bytes) -> Floats:
    """Points [n, 3] on a convex shape, in its own frame."""
    return covered(corners(name, np.frombuffer(size)))


def corners(name: str, size: Floats) -> Floats:
    """The corners [n, 3] of a convex mesh (given flat), a box (half edges), or of the polyhedron for a round shape.

    size of cylinder, capsule and sphere: radius, half length along the shape's own x-axis.
    """
    if name == "convexmesh":
        return size.reshape(-1, 3)
    if name == "box":
        return np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * size
    radius, half = size
    turn = np.arange(ROUND) * 2 * math.pi / ROUND
    circle = np.stack([np.zeros(ROUND), np.cos(turn), np.sin(turn)], axis=1)
    if name == "cylinder":
        return np.concatenate([radius * circle + (end * half, 0.0, 0.0) for end in (-1, 1)])
    rings = [radius * (math.cos(lift) * circle + (math.sin(lift), 0.0, 0.0)) + (math.copysign(half, lift), 0.0, 0.0)
             for lift in (np.arange(-ROUND // 4, ROUND // 4 + 1) + 0.0) * 2 * math.pi / ROUND]
    return np.concatenate([*rings, rings[ROUND // 4] * (-1.0, 1.0, 1.0)])


def covered(points: Floats) -> Floats:
    """The corners of a convex hull and points on its faces, about one for each cell of `CELL` and side of the body."""
    hull, clouds, sides = ConvexHull(points), [], []
    for triangle, plane in zip(hull.simplices, hull.equations, strict=True):
        a, b, c = points[triangle]
        parts = max(math.ceil(max(math.dist(a, b), math.dist(b, c), math.dist(c, a)) / CELL), 1)
        i, j = (index.ravel() for index in np.meshgrid(*[np.arange(parts + 1)] * 2))
        s, t = (index[i + j <= parts] / parts for index in (i, j))
        clouds.append(a + np.outer(s, b - a) + np.outer(t, c - a))
        sides.append(np.tile(np.round(plane[:3]), (np.size(s, 0), 1)))  # a thin plate has both its faces in one cell
    cloud = np.concatenate(clouds)
    cells = np.concatenate([np.round(cloud / CELL), np.concatenate(sides)], axis=1)
    _, first = np.unique(cells.astype(int), axis=0, return_index=True)
    return np.concatenate([points, cloud[np.sort(first)]])


def downward(yaw: float) -> Floats:
    """The quaternion (w, x, y, z) of a hand that points down, turned about the vertical (rad)."""
    return product(np.array([math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2)]), DOWN)


def between(turn: Floats, now: Floats) -> Floats:
    """The rotation vector [3] (rad) that, from the left, takes one quaternion (w, x, y, z) to another."""
    w, *rest = product(turn, now * (1.0, -1.0, -1.0, -1.0)).tolist()
    axis = np.array(rest) * math.copysign(1.0, w)
    size = math.sqrt(float(axis @ axis))
    result: Floats = axis * (2 * math.atan2(size, abs(w)) / max(size, 1e-12))
    return result


def yaw_of(turn: Floats) -> float:
    """How far (rad) about the vertical the axis along which the fingers open is turned from the base's y-axis."""
    w, x, y, z = turn.tolist()
    return math.atan2(-2 * (x * y - w * z), 1 - 2 * (x * x + z * z))


def nearest(yaw: float, reference: float) -> float:
    """The yaw nearest to another among those that are the same for a hand with two fingers alike."""
    return reference + (yaw - reference + math.pi / 2) % math.pi - math.pi / 2
