"""A human hand with its forearm in front of a camera: shapes that are drawn and that no physics knows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from vlabench.simulators.values import Reach
from vlabench.types import Floats

SKIN = (0.85, 0.62, 0.5, 1.0)
SLEEVE = (0.2, 0.32, 0.5, 1.0)
FINGERS = ((-0.033, 0.03, -8.0), (-0.011, 0.036, -2.0), (0.011, 0.034, 2.0), (0.033, 0.026, 8.0))
"""Where across the palm (m), half length (m), degrees that it is spread."""
FINGER, WRIST, ARM = 0.0095, 0.027, 0.042
"""Radii (m)."""
LENGTH = 0.19
"""From wrist to fingertips (m), as long as an adult's."""


@dataclass(frozen=True)
class Shape:
    """As MuJoCo has it: kind ("CAPSULE", "ELLIPSOID"), size [3] (m), place [3] and turn [3, 3] in the world frame."""

    kind: str
    size: tuple[float, float, float]
    place: Floats
    turn: Floats
    rgba: tuple[float, float, float, float]


def shapes(reach: Reach, place: Floats, turn: Floats, far: float, fovy: float) -> tuple[Shape, ...]:
    """Of a hand before a camera at `place` [3] that is turned by `turn` [3, 3] and looks along its −z axis at something
    `far` (m) away; `fovy` in degrees."""
    depth = reach.near * far
    half = depth * math.tan(math.radians(fovy) / 2)
    # Policies' pictures are mirrored: left and right are the camera's right and left.
    tip = np.array([-reach.tip[0] * half, -reach.tip[1] * half, -depth])
    angle = math.radians(reach.angle)
    ahead = np.array([-math.cos(angle), math.sin(angle), 0.0])
    own = np.stack([np.cross(ahead, [0.0, 0.0, 1.0]), ahead, [0.0, 0.0, 1.0]], axis=1)  # across, ahead, to the camera
    wrist = tip - LENGTH * ahead
    return tuple(Shape(kind, size, place + turn @ (wrist + own @ middle), turn @ own @ within, rgba)
                 for kind, size, middle, within, rgba in _parts())


def _parts() -> Iterator[tuple[str, tuple[float, float, float], Floats, Floats, Any]]:
    """Kind, size, middle [3] and turn [3, 3] in the hand's frame, whose origin is the wrist; colour."""
    yield "ELLIPSOID", (0.046, 0.056, 0.017), np.array([0.0, 0.055, 0.0]), np.eye(3), SKIN
    for across, half, spread in FINGERS:
        way = _along(spread)
        yield "CAPSULE", (FINGER, half, half), np.array([across, 0.095, 0.0]) + half * way[:, 2], way, SKIN
    thumb = _along(-40.0)
    yield "CAPSULE", (0.011, 0.03, 0.03), np.array([-0.04, 0.05, 0.0]) + 0.03 * thumb[:, 2], thumb, SKIN
    yield "CAPSULE", (WRIST, 0.05, 0.05), np.array([0.0, -0.03, 0.0]), _along(0.0), SKIN
    yield "CAPSULE", (ARM, 0.5, 0.5), np.array([0.0, -0.6, 0.0]), _along(0.0), SLEEVE


def _along(degrees: float) -> Floats:
    """The turn [3, 3] of a capsule, whose axis is z, that points ahead and so far across."""
    angle = math.radians(degrees)
    axis = np.array([math.sin(angle), math.cos(angle), 0.0])
    return np.stack([np.cross(axis, [0.0, 0.0, 1.0]), [0.0, 0.0, -1.0], axis], axis=1)


def draw(hand: tuple[Shape, ...], context: Any, size: int, segments: bool) -> None:
    """Draw once more what robosuite's context has just drawn, with a hand in it."""
    import mujoco

    scene = context.scn
    for each in hand:
        geom = scene.geoms[scene.ngeom]
        mujoco.mjv_initGeom(geom, getattr(mujoco.mjtGeom, f"mjGEOM_{each.kind}"), np.array(each.size), each.place,
                            each.turn.ravel(), np.array(each.rgba, dtype=np.float32))
        geom.segid, geom.objtype, geom.objid = scene.ngeom, int(mujoco.mjtObj.mjOBJ_UNKNOWN), -1
        scene.ngeom += 1
    for flag in (mujoco.mjtRndFlag.mjRND_SEGMENT, mujoco.mjtRndFlag.mjRND_IDCOLOR):
        scene.flags[flag] = segments
    mujoco.mjr_render(mujoco.MjrRect(0, 0, size, size), scene, context.con)
    for flag in (mujoco.mjtRndFlag.mjRND_SEGMENT, mujoco.mjtRndFlag.mjRND_IDCOLOR):
        scene.flags[flag] = 0
