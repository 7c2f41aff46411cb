"""How an episode's world is shown: table, light, camera, texture, paint and a hand, which perturbations change."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from vlabench.simulators._values import Crop, LightSetup, Orbit, Reach, Sun, Triple
from vlabench.simulators.maniskill.drawing.camera import AMBIENT, DIRECTIONAL
from vlabench.types import Image

TRAINING_LIGHTING = LightSetup(AMBIENT, tuple(Sun(*light) for light in DIRECTIONAL))


@dataclass(frozen=True)
class Cover:
    """A texture (its table's number) over robot and things, or over the whole picture: `CoversWithTexture.cover`."""

    texture: int
    mix: float
    whole: bool
    crop: Callable[[int], Crop]


TABLE, ROBOT, OBJECT, RECEPTACLE = "table", "robot", "object", "receptacle"
"""Surfaces by name."""


def others(count: int) -> tuple[str, ...]:
    """The names of what else stands there."""
    return tuple(f"other {number}" for number in range(count))


@dataclass(frozen=True, eq=False)
class Paint:
    """What a surface is given: this share of the way to a colour (red, green, blue in [0, 1]), or, with a square
    `pattern` uint8 [S, S, 3], this share of it over the surface's mean colour, on the table over its picture."""

    surface: str
    mix: float
    color: Triple = (0.0, 0.0, 0.0)
    pattern: Image | None = None

    def digest(self) -> str:
        """All that it says."""
        laid = None if self.pattern is None else hashlib.blake2b(self.pattern.tobytes(), digest_size=8).hexdigest()
        return repr((self.surface, self.mix, self.color, laid))


@dataclass
class Looks:
    """Of one world, as `View` shows it.

    table: in the catalogue. other, mix: a table that is blended over it, and its share. orbit: how far the camera has
    been led around the workspace. zoom: of its lens. paints: of surfaces, one after the other. hand: in
    the picture now.
    """

    table: int
    other: int | None = None
    mix: float = 0.0
    lighting: LightSetup = TRAINING_LIGHTING
    orbit: Orbit = Orbit()
    zoom: float = 1.0
    cover: Cover | None = None
    paints: tuple[Paint, ...] = ()
    hand: Reach | None = None

    def digest(self) -> str:
        """All that it says, of the texture's crops the first."""
        cover = self.cover and (self.cover.texture, self.cover.mix, self.cover.whole, self.cover.crop(0))
        lens = () if self.zoom == 1 else (self.zoom,)
        paints, hand = [each.digest() for each in self.paints], [self.hand] if self.hand else []
        return repr((self.table, self.other, self.mix, self.lighting, self.orbit, cover, *lens, *paints, *hand))
