"""What perturbations can ask of one copy of a scene: Protocols, which a simulator names in `Simulator.offers`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

Triple = tuple[float, float, float]

# Looks: what pictures show changes, the physical state does not. `Scene.look_digest` tells.


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
class Crop:
    """A part of a picture, in shares of its edges: `edge` of either, its corner at `left` and `top` of what is left."""

    edge: float
    left: float
    top: float


class SetsLighting(Protocol):
    """The light can be changed."""

    def lighting(self) -> LightSetup:
        """The light of now."""

    def set_lighting(self, lighting: LightSetup) -> None:
        """Light the scene so, with as many suns as there are."""


class MovesCamera(Protocol):
    """The camera that looks at the whole scene can be led around it."""

    def orbit_camera(self, yaw: float, pitch: float) -> None:
        """From where it is, around the middle of the workspace and turned with it: yaw degrees counter-clockwise, seen
        from above, and pitch degrees up."""


class ShowsBackgrounds(Protocol):
    """What is seen around robot and things can be exchanged."""

    def held_out_backgrounds(self) -> Sequence[str]:
        """The names of those that no training sees."""

    def show_background(self, name: str, mix: float) -> None:
        """Show this share, in (0, 1], of one of them; the rest stays what it was."""


class CoversWithTexture(Protocol):
    """Textures can be laid over pictures, transparently."""

    def textures(self) -> Sequence[str]:
        """Their names."""

    def cover(self, texture: str, mix: float, whole: bool, crop: Callable[[int], Crop]) -> None:
        """Lay this share, in (0, 1], of a texture over robot and things, or over the whole picture.

        crop: control step → the part of the texture that covers the picture then.
        """
