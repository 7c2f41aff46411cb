"""A human hand with its forearm in front of a camera: shapes that are drawn and that no physics knows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from vlabench.simulators._values import Reach, Spot
from vlabench.types import Floats

SKIN = (0.85, 0.62, 0.5, 1.0)
SLEEVE = (0.2, 0.32, 0.5, 1.0)
FINGERS = ((-0.033, 0.03, -8.0), (-0.011, 0.036, -2.0), (0.011, 0.034, 2.0), (0.033, 0.026, 8.0))
"""Where across the palm (m), half length (m), degrees that it is spread."""
FINGER, WRIST, ARM = 0.0095, 0.027, 0.042
"""Radii (m)."""
LENGTH = 0.19
"""From wrist to fingertips (m), as long as an adult's."""
Kind = Literal["capsule", "ellipsoid"]


@dataclass(frozen=True)
class Shape:
    """One of its parts, place [3] (m) and turn [3, 3] in the world frame; rgba in [0, 1].

    size [3] (m): of an ellipsoid its half axes; of a capsule, along its own z-axis, the radius and half of its length
    without the caps, twice.
    """

    kind: Kind
    size: tuple[float, float, float]
    place: Floats
    turn: Floats
    rgba: tuple[float, float, float, float]


def shapes(reach: Reach, place: Floats, turn: Floats, far: float, spread: Spot, mirrored: bool) -> tuple[Shape, ...]:
    """Of a hand before a camera at `place` [3] that is turned by `turn` [3, 3] and looks along its −z axis at something
    `far` (m) away.

    spread: the tangents of half of what it sees, across and down. mirrored: what is to its right is on the left of the
    pictures that policies get.
    """
    depth, side = reach.near * far, -1.0 if mirrored else 1.0
    tip = np.array([side * reach.tip[0] * (depth * spread[0]), -reach.tip[1] * (depth * spread[1]), -depth])
    angle = math.radians(reach.angle)
    ahead = np.array([side * math.cos(angle), math.sin(angle), 0.0])
    own = np.stack([np.cross(ahead, [0.0, 0.0, 1.0]), ahead, [0.0, 0.0, 1.0]], axis=1)  # across, ahead, to the camera
    wrist = tip - LENGTH * ahead
    return tuple(Shape(kind, size, place + turn @ (wrist + own @ middle), turn @ own @ within, rgba)
                 for kind, size, middle, within, rgba in _parts())


def _parts() -> Iterator[tuple[Kind, tuple[float, float, float], Floats, Floats, Any]]:
    """Kind, size, middle [3] and turn [3, 3] in the hand's frame, whose origin is the wrist; colour."""
    yield "ellipsoid", (0.046, 0.056, 0.017), np.array([0.0, 0.055, 0.0]), np.eye(3), SKIN
    for across, half, spread in FINGERS:
        way = _along(spread)
        yield "capsule", (FINGER, half, half), np.array([across, 0.095, 0.0]) + half * way[:, 2], way, SKIN
    thumb = _along(-40.0)
    yield "capsule", (0.011, 0.03, 0.03), np.array([-0.04, 0.05, 0.0]) + 0.03 * thumb[:, 2], thumb, SKIN
    yield "capsule", (WRIST, 0.05, 0.05), np.array([0.0, -0.03, 0.0]), _along(0.0), SKIN
    yield "capsule", (ARM, 0.5, 0.5), np.array([0.0, -0.6, 0.0]), _along(0.0), SLEEVE


def _along(degrees: float) -> Floats:
    """The turn [3, 3] of a capsule, whose axis is z, that points ahead and so far across."""
    angle = math.radians(degrees)
    axis = np.array([math.sin(angle), math.cos(angle), 0.0])
    return np.stack([np.cross(axis, [0.0, 0.0, 1.0]), [0.0, 0.0, -1.0], axis], axis=1)
