"""How an episode's world is shown: table, light, camera and texture, which perturbations change before it settles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vlabench.simulators.maniskill.drawing.camera import AMBIENT, DIRECTIONAL
from vlabench.simulators.values import Crop, LightSetup, Orbit, Sun

TRAINING_LIGHTING = LightSetup(AMBIENT, tuple(Sun(*light) for light in DIRECTIONAL))


@dataclass(frozen=True)
class Cover:
    """A texture (its table's number) over robot and things, or over the whole picture: `CoversWithTexture.cover`."""

    texture: int
    mix: float
    whole: bool
    crop: Callable[[int], Crop]


@dataclass
class Looks:
    """Of one world, as `View` shows it.

    table: in the catalogue. other, mix: a table that is blended over it, and its share. orbit: how far the camera has
    been led around the workspace. zoom: of its lens.
    """

    table: int
    other: int | None = None
    mix: float = 0.0
    lighting: LightSetup = TRAINING_LIGHTING
    orbit: Orbit = Orbit()
    zoom: float = 1.0
    cover: Cover | None = None

    def digest(self) -> str:
        """All that it says, of the texture's crops the first."""
        cover = self.cover and (self.cover.texture, self.cover.mix, self.cover.whole, self.cover.crop(0))
        lens = () if self.zoom == 1 else (self.zoom,)
        return repr((self.table, self.other, self.mix, self.lighting, self.orbit, cover, *lens))
