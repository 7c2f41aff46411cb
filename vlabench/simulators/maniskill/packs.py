"""Asset packs: where `primitive` is built and `official` is found, and how a thing is added to a scene from either."""

from __future__ import annotations

import functools
import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from vlabench.errors import AssetsError, UnknownName
from vlabench.simulators.maniskill import catalogue, shapes
from vlabench.simulators.maniskill.drawing.vulkan import engine
from vlabench.simulators.maniskill.interface import JOINTS
from vlabench.simulators.maniskill.robot import FINGERS
from vlabench.util.files import cache
from vlabench.util.packs import written

PACKS = ("primitive", "official")
FETCH = "vlabench assets fetch maniskill"
THINGS, ROBOT = "rl4vla", "widowx"
"""The folders of the official pack: RL4VLA's `ManiSkill/assets/carrot` with the stage, and ManiSkill's WidowX250S."""
FOLDERS = {"object": "more_carrot", "receptacle": "more_plate"}
DESCRIPTION = "wx250s.urdf"
ROBOT_GLOSS = (0.9, 0.3)
"""Specular and roughness of the robot's surfaces in RL4VLA's environment."""
VISUALS = ("textured.obj", "textured.dae", "textured.glb")
"""The model to draw is the first of them that is there, as in RL4VLA's environment."""


class Pack(ABC):
    """Where the robot's description is, and what things look like and are to the touch."""

    robot: Path

    @abstractmethod
    def add(self, builder: Any, sort: str, number: int, material: Any, drawn: bool) -> None:
        """Give an actor builder the collisions, the mass and, if drawn, the looks of a thing of the catalogue."""

    def polish(self, links: Iterable[Any]) -> None:
        """What the looks of a robot, whose links' entities these are, need beyond its description."""
        return None

    @abstractmethod
    def table(self, number: int) -> Path:
        """The picture of a table."""

    @abstractmethod
    def texture(self, number: int) -> Path:
        """The texture of the same number."""


class Primitive(Pack):
    """Made from our own code; robot and pictures are written to a folder first."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.robot = folder, folder / DESCRIPTION

    def add(self, builder: Any, sort: str, number: int, material: Any, drawn: bool) -> None:
        """From its parts."""
        from vlabench.simulators.maniskill.primitive import objects, receptacles

        things, parts = ((catalogue.OBJECTS, objects.OBJECTS) if sort == "object"
                         else (catalogue.RECEPTACLES, receptacles.RECEPTACLES))
        shapes.build(builder, parts[number], things[number].mass, material, drawn)

    def table(self, number: int) -> Path:
        return self.folder / "tables" / f"{number + 1:03d}.png"

    def texture(self, number: int) -> Path:
        return self.folder / "textures" / f"{number + 1:03d}.png"


class Official(Pack):
    """RL4VLA's published models and pictures, and the WidowX of ManiSkill."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.robot = folder, folder / ROBOT / DESCRIPTION

    def add(self, builder: Any, sort: str, number: int, material: Any, drawn: bool) -> None:
        """From its files: convex hulls, and the textured model."""
        thing = (catalogue.OBJECTS if sort == "object" else catalogue.RECEPTACLES)[number]
        folder = self.folder / THINGS / FOLDERS[sort] / thing.folder
        builder.add_multiple_convex_collisions_from_file(str(folder / "collision.obj"), material=material,
                                                         density=thing.density)
        if drawn:
            builder.add_visual_from_file(str(_visual(folder)))

    def polish(self, links: Iterable[Any]) -> None:
        """RL4VLA's environment gives the robot another material than its description does."""
        render = engine().render
        for link in links:
            looks = link.find_component_by_type(render.RenderBodyComponent)
            for shape in looks.render_shapes if looks is not None else ():
                for part in getattr(shape, "parts", ()):  # of a mesh
                    part.material.specular, part.material.roughness = ROBOT_GLOSS

    def table(self, number: int) -> Path:
        return self.folder / THINGS / "more_table" / "imgs" / catalogue.TABLES[number].picture

    def texture(self, number: int) -> Path:
        return self.folder / THINGS / "more_table" / "textures" / catalogue.TABLES[number].texture


def _visual(folder: Path) -> Path:
    return next((folder / name for name in VISUALS if (folder / name).is_file()), folder / VISUALS[-1])


@functools.lru_cache
def pack(name: str) -> Pack:
    """A pack that is here. Raises UnknownName, AssetsError."""
    return Primitive(folder(name)) if name == "primitive" else Official(folder(name))


def primitive(target: Path | None = None) -> Path:
    """The folder of the generated pack, written on first use, into the cache unless `target` names another folder.

    Raises AssetsError if that fails.
    """
    from vlabench.simulators.maniskill import primitive as generated

    return written("maniskill-primitive", generated.digest(), generated.build, target)


def official() -> Path:
    """The folder of the published pack: `VLABENCH_ASSETS` (or its `maniskill` folder), or the fetched copy.

    Raises AssetsError that says where it looked and which parts are missing.
    """
    asked = os.environ.get("VLABENCH_ASSETS")
    places = [Path(asked), Path(asked) / "maniskill"] if asked else [cache() / "maniskill-official"]
    for folder in places:
        if not lacking(folder):
            _check_robot(folder / ROBOT / DESCRIPTION)
            return folder.resolve()
    missing = lacking(places[0])
    shown = ", ".join(missing[:4]) + (f" and {len(missing) - 4} more" if len(missing) > 4 else "")
    where = f"VLABENCH_ASSETS={asked!r}" if asked else str(places[0])
    fix = (f"point it at a folder that holds {THINGS}/ and {ROBOT}/, or unset it and run {FETCH}" if asked
           else f"{FETCH}   (a download of 70 MB), or run with --assets primitive")
    raise AssetsError(f"the official ManiSkill assets are not complete in {where} (missing there: {shown})\n"
                      f"  fix: {fix}")


def lacking(folder: Path) -> list[str]:
    """What a folder lacks of the official pack, by relative path; an empty file is none."""
    looks = [str(_visual(folder / path).relative_to(folder)) for path in _models()]
    return [path for path in (*parts(), *_meshes(folder), *looks)
            if not (folder / path).is_file() or not (folder / path).stat().st_size]


def _meshes(folder: Path) -> list[str]:
    """Of the robot, as its description names them, if that is there: a link without its mesh would touch nothing."""
    description = folder / ROBOT / DESCRIPTION
    if not description.is_file():
        return []
    try:
        named = {mesh.attrib["filename"] for mesh in ElementTree.parse(description).iter("mesh")}
    except (ElementTree.ParseError, KeyError) as error:
        raise AssetsError(f"{description} is no description of a robot: {error}\n  fix: {FETCH}") from None
    return sorted(f"{ROBOT}/{name}" for name in named)


def _check_robot(description: Path) -> None:
    """Raises AssetsError unless it has the joints that are driven, and its SRDF can be read."""
    have = {joint.get("name", "") for joint in ElementTree.parse(description).iter("joint")}
    if without := sorted({*JOINTS, *FINGERS} - have):
        raise AssetsError(f"{description} is no description of a WidowX: no joint {without[0]}\n  fix: {FETCH}")
    pairs = description.with_suffix(".srdf")
    try:
        ElementTree.parse(pairs)
    except ElementTree.ParseError as error:
        raise AssetsError(f"{pairs} does not say which links may overlap: {error}\n  fix: {FETCH}") from None


def parts() -> Iterator[str]:
    """The files of the official pack that scenes are built from, but for what things look like."""
    yield f"{ROBOT}/{DESCRIPTION}"
    yield f"{ROBOT}/{DESCRIPTION.removesuffix('urdf')}srdf"  # without it the robot collides with itself
    yield from (f"{path}/collision.obj" for path in _models())
    for table in catalogue.TABLES:
        yield f"{THINGS}/more_table/imgs/{table.picture}"
        yield f"{THINGS}/more_table/textures/{table.texture}"


def _models() -> Iterator[str]:
    for sort, things in (("object", catalogue.OBJECTS), ("receptacle", catalogue.RECEPTACLES)):
        yield from (f"{THINGS}/{FOLDERS[sort]}/{thing.folder}" for thing in things)


def digest(name: str) -> str:
    """Which copy of a pack is here, as 16 hexadecimal digits. Raises UnknownName or AssetsError.

    Of the official pack: the robot's description, and names and sizes of what things are made of.
    """
    if name == "primitive":
        from vlabench.simulators.maniskill import primitive as generated

        return generated.digest()[:16]
    return _digest(folder(name))


@functools.lru_cache
def _digest(folder: Path) -> str:
    total = hashlib.sha256()
    files = [folder / path for path in parts()] + [_visual(folder / path) for path in _models()]
    for file in sorted([*files, *sorted((folder / ROBOT).rglob("*.*"))]):
        content = file.read_bytes() if file.suffix in (".urdf", ".srdf") else str(file.stat().st_size).encode()
        for part in (file.relative_to(folder).as_posix().encode(), content):
            total.update(len(part).to_bytes(8, "big") + part)
    return total.hexdigest()[:16]


def folder(name: str) -> Path:
    """The directory of a pack. Raises UnknownName or AssetsError."""
    if name == "primitive":
        return primitive()
    if name == "official":
        return official()
    raise UnknownName("asset pack", name, PACKS)
