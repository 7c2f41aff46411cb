"""What perturbations may change of the surfaces in a LIBERO scene: their colours, and patterns that cover them.

Patterns lie on materials of their own, which `make_room` adds to the description that MuJoCo compiles: the official
pack's pictures are too large to be written anew for an episode. Nothing shows them before a surface is covered, and no
physics reads colours, materials or textures.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from vlabench.simulators._values import Triple
from vlabench.simulators.libero.advisor import Advisor
from vlabench.types import Floats, Image

ARRAYS = ("geom_rgba", "geom_matid")
"""Of MuJoCo's model, beside the patterns."""
EDGE = 64
"""Of a pattern, in texels."""
PREFIX = "vlabench_"
ROOM = ("table", "floor", "walls")
FLAT = ("floor", "walls")
WRAPPED = "_wrapped"
"""Ends the name of the texture and material for meshes that say themselves where a picture goes."""
PLAIN = np.array([0.5, 0.5, 0.5, 1.0], dtype=np.float32)
"""A geom of this colour has its material's, says MuJoCo."""
DARKEST = 0.02
"""A picture's mean is taken for at least this, where it is brought to another colour."""


def make_room(env: Any) -> None:
    """From now on a robosuite environment has a texture and a material for every surface in what it compiles."""
    load = env._load_model

    def load_with_room() -> None:
        load()
        for name in [*ROOM, *env.objects_dict, *env.fixtures_dict]:
            flat = name in FLAT
            _add(env.model.asset, name, {"type": "2d"} if flat else {"type": "cube"}, {"texuniform": str(flat).lower()})
            _add(env.model.asset, name + WRAPPED, {"type": "2d"}, {"texrepeat": "2 2"})

    env._load_model = load_with_room


def _add(assets: Any, name: str, texture: Mapping[str, str], material: Mapping[str, str]) -> None:
    """A white texture and a material with it, of one name."""
    own, edge = {"name": PREFIX + name}, str(EDGE)
    assets.append(ET.Element("texture", {**own, **texture, "builtin": "flat", "rgb1": "1 1 1", "rgb2": "1 1 1",
                                         "width": edge, "height": edge}))
    assets.append(ET.Element("material", {**own, **material, "texture": own["name"]}))


class Surfaces:
    """A part of `scene.LiberoScene`: the capabilities of its surfaces."""

    env: Any
    model: Any
    _context: Any
    _world: Advisor
    _covered: set[int]
    """Textures that drawing knows with a pattern."""

    def surfaces(self) -> Mapping[str, Sequence[str]]:
        """A thing's handles and drawers belong to it. Furniture beyond the table is left as it is."""
        found: dict[str, Sequence[str]] = {name: (name,) for name in ROOM if len(self._geoms[name])}
        found.setdefault("table", found["floor"])
        return {**found, "objects": tuple(name for name in self.env.obj_body_id if len(self._geoms[name])),
                "robot": ("robot",)}

    def color_surface(self, name: str, color: Triple, mix: float) -> None:
        """What has a picture keeps it, brighter or darker in each colour, such that its mean is as asked."""
        for geom in self._geoms[name]:
            shown, mean = self._shown(geom), self._mean(geom)
            asked = (1 - mix) * mean * shown[:3] + mix * np.array(color)
            self.model.geom_rgba[geom, :3] = asked / np.maximum(mean, DARKEST)
            self.model.geom_rgba[geom, 3] = shown[3]

    def cover_surface(self, name: str, pattern: Image, mix: float) -> None:
        """On floor and walls it is laid once a metre, on the table and on every shape that a thing is put together of
        it is stretched over each side, and meshes have it where they had their picture, twice in either direction."""
        geoms = self._geoms[name]
        mean = np.mean([self._mean(geom) * self._shown(geom)[:3] for geom in geoms], axis=0)
        edges = np.arange(EDGE) * len(pattern) // EDGE
        blend = (1 - mix) * 255 * mean + mix * pattern[np.ix_(edges, edges)].astype(np.float64)
        tile = blend.clip(0, 255).round().astype(np.uint8)
        wrapped = np.array([self._is_wrapped(geom) for geom in geoms])
        for own, chosen in ((PREFIX + name, geoms[~wrapped]), (PREFIX + name + WRAPPED, geoms[wrapped])):
            texture = self.model.texture(own).id
            sides = int(self.model.tex_height[texture]) // EDGE
            start = int(self.model.tex_adr[texture])
            self.model.tex_data[start : start + sides * tile.size] = np.tile(tile, (sides, 1, 1)).ravel()
            self.model.geom_matid[chosen] = self.model.material(own).id
            self._covered.add(texture)
        self.model.geom_rgba[geoms, :3] = 1.0
        self._hand_over(tuple(self._covered))

    def _is_wrapped(self, geom: int) -> bool:
        """Whether it is a mesh that says where a picture goes."""
        mesh = int(self.model.geom_dataid[geom])
        return mesh >= 0 and bool(self.model.mesh_texcoordadr[mesh] >= 0)

    def _hand_over(self, textures: Sequence[int]) -> None:
        """What is drawn next has these textures as the model has them now."""
        import mujoco

        if self._context is not None and textures:
            self._context.gl_ctx.make_current()
            for texture in textures:
                mujoco.mjr_uploadTexture(self.model, self._context.con, texture)

    def _uncover(self) -> None:
        """The patterns have been put back as they were."""
        self._hand_over(tuple(self._covered))
        self._covered.clear()

    def _surface_looks(self) -> Mapping[str, Any]:
        """Name → the model's own array, to read or to write into. The patterns are the last of its textures."""
        return {**{name: getattr(self.model, name) for name in ARRAYS},
                "patterns": self.model.tex_data[int(self.model.tex_adr[self.model.texture(PREFIX + ROOM[0]).id]) :]}

    # what there is

    @cached_property
    def _geoms(self) -> Mapping[str, Any]:
        """Surface → the numbers of its geoms that are drawn."""
        model, owned = self.model, self.model.geom_bodyid
        drawn = (model.geom_group == 1) | (model.geom_group == 2)
        found = {name: np.flatnonzero(drawn & self._world.bodies(name)[owned]) for name in (
            "robot", *self.env.obj_body_id)}
        room = [(int(geom), model.geom(geom).name + " " + model.body(owned[geom]).name)
                for geom in np.flatnonzero(drawn & self._world.bodies("")[owned])]
        return {**found, **{part: np.array([geom for geom, words in room if part.rstrip("s") in words], dtype=int)
                            for part in ROOM}}

    def _shown(self, geom: int) -> Floats:
        """Red, green, blue, opacity that its picture is multiplied with."""
        own, material = self.model.geom_rgba[geom], int(self.model.geom_matid[geom])
        found: Floats = np.array(self.model.mat_rgba[material] if material >= 0 and (own == PLAIN).all() else own)
        return found

    def _mean(self, geom: int) -> Floats:
        """The mean [3] of its picture in [0, 1]; 1 where it has none."""
        material = int(self.model.geom_matid[geom])
        texture = int(np.max(self.model.mat_texid[material])) if material >= 0 else -1
        return self._mean_of(texture) if texture >= 0 else np.ones(3)

    @cached_property
    def _mean_of(self) -> Callable[[int], Floats]:
        """Of a texture, from every seventh texel at most, kept once it is known."""
        known: dict[int, Floats] = {}

        def mean(texture: int) -> Floats:
            if texture not in known:
                start = int(self.model.tex_adr[texture])
                size = int(self.model.tex_width[texture]) * int(self.model.tex_height[texture])
                texels = self.model.tex_data[start : start + 3 * size].reshape(size, 3)
                known[texture] = texels[:: 7 if size > EDGE**2 else 1].mean(axis=0) / 255
            return known[texture]

        return mean
