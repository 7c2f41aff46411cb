"""What a generated body is made of: boxes, cylinders, capsules and spheres, some to see, some to touch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["box", "cylinder", "capsule", "sphere"]
ALONG_X = (1.0, 0.0, 0.0, 0.0)
ALONG_Y = (math.sqrt(0.5), 0.0, 0.0, math.sqrt(0.5))
ALONG_Z = (math.sqrt(0.5), 0.0, -math.sqrt(0.5), 0.0)


@dataclass(frozen=True)
class Part:
    """One primitive. Lengths in m.

    size: box: half edges (x, y, z); cylinder and capsule: radius, half length (of a capsule without its caps), along
    the part's own x-axis; sphere: radius. at, turn: its place and quaternion (w, x, y, z) in the body's frame.
    color: red, green, blue in [0, 1]. solid: it collides and weighs. drawn: it is seen.
    """

    kind: Kind
    size: tuple[float, ...]
    at: tuple[float, float, float] = (0.0, 0.0, 0.0)
    turn: tuple[float, float, float, float] = ALONG_X
    color: tuple[float, float, float] = (0.5, 0.5, 0.5)
    solid: bool = True
    drawn: bool = True

    @property
    def volume(self) -> float:
        """m³."""
        if self.kind == "box":
            return 8 * self.size[0] * self.size[1] * self.size[2]
        if self.kind == "sphere":
            return 4 / 3 * math.pi * self.size[0] ** 3
        radius, half = self.size
        caps = 4 / 3 * math.pi * radius ** 3 if self.kind == "capsule" else 0.0
        return 2 * math.pi * radius ** 2 * half + caps


def build(builder: Any, parts: Sequence[Part], mass: float, material: Any, drawn: bool) -> None:
    """Add parts to an actor builder of sapien, or ManiSkill's, which has the same methods.

    mass: kg of the whole, spread evenly over the solid parts. material: a `PhysxMaterial`. drawn: with what is seen.
    """
    import sapien

    density = mass / sum(part.volume for part in parts if part.solid)
    for part in parts:
        pose, sizes = sapien.Pose(part.at, part.turn), _sizes(part)
        if part.solid:
            add = getattr(builder, f"add_{part.kind}_collision")
            add(pose=pose, material=material, density=density, **sizes)
        if part.drawn and drawn:
            add = getattr(builder, f"add_{part.kind}_visual")
            add(pose=pose, material=_paint(part.color), **sizes)


def _sizes(part: Part) -> dict[str, Any]:
    if part.kind == "box":
        return {"half_size": list(part.size)}
    if part.kind == "sphere":
        return {"radius": part.size[0]}
    return {"radius": part.size[0], "half_length": part.size[1]}


def _paint(color: tuple[float, float, float]) -> Any:
    from sapien import render

    material = render.RenderMaterial()
    material.base_color = [*color, 1.0]
    material.specular, material.roughness, material.metallic = 0.3, 0.6, 0.0
    return material
