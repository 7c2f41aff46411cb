"""What capabilities are told and tell: places, colours, lights, ways of a camera, parts of pictures, reaching hands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vlabench.types import Image

Triple = tuple[float, float, float]
Spot = tuple[float, float]
"""x and y (m) on the table, in the scene's own frame."""
Pictures = Mapping[str, Image]
"""Camera → uint8 [H, W, 3], as policies get them."""
Masks = Mapping[str, npt.NDArray[np.bool_]]
"""Camera → bool [H, W]."""


@dataclass(frozen=True)
class Sun:
    """A directional light. direction: that it shines in, of any length but 0, z up. color: red, green, blue."""

    direction: Triple
    color: Triple


@dataclass(frozen=True)
class LightSetup:
    """ambient: red, green, blue of the light from everywhere. suns: the key light first, then those that fill in."""

    ambient: Triple
    suns: tuple[Sun, ...]


@dataclass(frozen=True)
class Orbit:
    """How a camera is moved: around the point that it looks at and turned with it, then by itself.

    yaw: degrees counter-clockwise, seen from above. pitch: degrees up. distance: so many times as far from the point.
    roll: degrees that it turns about its own axis, counter-clockwise as it sees itself from behind. shift: m to its own
    right and up.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    distance: float = 1.0
    shift: Spot = (0.0, 0.0)

    def then(self, other: Orbit) -> Orbit:
        """Both."""
        return Orbit(self.yaw + other.yaw, self.pitch + other.pitch, self.roll + other.roll,
                     self.distance * other.distance,
                     (self.shift[0] + other.shift[0], self.shift[1] + other.shift[1]))


@dataclass(frozen=True)
class Crop:
    """A part of a picture, in shares of its edges: `edge` of either, its corner at `left` and `top` of what is left."""

    edge: float
    left: float
    top: float


@dataclass(frozen=True)
class Reach:
    """How a human hand reaches in front of the camera that looks at the whole scene.

    tip: where in its picture the fingertips are, from left to right and top to bottom; [−1, 1] is inside. angle:
    degrees counter-clockwise from the right that they point to there. near: its distance from the camera, as a share of
    how far away what the camera looks at is, in (0, 1).
    """

    tip: Spot
    angle: float
    near: float
