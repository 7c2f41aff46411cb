"""Small typed builders for MuJoCo XML: geoms, rings of boxes, sites, bodies and whole documents.

A shape is described as `Geom` values (plain data, so that a part can be moved as a whole) and turned into XML last.
Angles are radians and lengths metres; quaternions are (w, x, y, z). Rotations are always written as quaternions because
robosuite merges these documents into its own, whose compiler options (angle unit, Euler order) are not ours to choose.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal
from xml.etree import ElementTree

Element = ElementTree.Element
Shape = Literal["box", "cylinder", "capsule", "sphere", "ellipsoid", "plane"]
Vec3 = tuple[float, float, float]
Quat = tuple[float, float, float, float]
Colour = tuple[float, float, float] | tuple[float, float, float, float]
Value = str | float | Sequence[float] | None

ORIGIN: Vec3 = (0.0, 0.0, 0.0)
IDENTITY: Quat = (1.0, 0.0, 0.0, 0.0)

# Contact parameters that LIBERO gives to every object and fixture geom. The stiff `solref` and the high torsional and
# rolling friction are what let a parallel gripper hold a thin rim, so both packs must share them.
DENSITY = 100.0
FRICTION: Vec3 = (0.95, 0.3, 0.1)
SOLREF = (0.001, 1.0)
SOLIMP = (0.998, 0.998, 0.001)


def number(value: float) -> str:
    """`value` as short text with a resolution of 1e-7, without a negative zero."""
    text = f"{round(float(value), 7):.7f}".rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def element(tag: str, /, *children: Element, **attributes: Value) -> Element:
    """An XML element; numbers and sequences of numbers become MuJoCo text, `None` drops the attribute.

    A trailing underscore is removed from attribute names, so that `class_` can be written.
    """
    node = ElementTree.Element(tag)
    for key, value in attributes.items():
        if value is None:
            continue
        if isinstance(value, str):
            text = value
        elif isinstance(value, (int, float)):
            text = number(value)
        else:
            text = " ".join(number(item) for item in value)
        node.set(key.rstrip("_"), text)
    node.extend(children)
    return node


# --- rotations -------------------------------------------------------------------------------------------------------


def rotation(axis: Literal["x", "y", "z"], angle: float) -> Quat:
    """The quaternion of a turn by `angle` radians about a coordinate axis."""
    half = angle / 2
    x, y, z = (math.sin(half) if axis == name else 0.0 for name in "xyz")
    return (math.cos(half), x, y, z)


def compose(outer: Quat, inner: Quat) -> Quat:
    """The rotation that applies `inner` first and `outer` after it."""
    a, b, c, d = outer
    e, f, g, h = inner
    return (
        a * e - b * f - c * g - d * h,
        a * f + b * e + c * h - d * g,
        a * g - b * h + c * e + d * f,
        a * h + b * g - c * f + d * e,
    )


def turn(quat: Quat, point: Vec3) -> Vec3:
    """`point` rotated by `quat`."""
    w, x, y, z = quat
    _, px, py, pz = compose(compose(quat, (0.0, *point)), (w, -x, -y, -z))
    return (px, py, pz)


def between(start: Vec3, end: Vec3) -> tuple[Vec3, Quat, float]:
    """Middle, rotation and half length of a part whose local z axis runs from `start` to `end`.

    Raises:
        ValueError: if the points coincide.
    """
    dx, dy, dz = (e - s for s, e in zip(start, end, strict=True))
    length = math.hypot(dx, dy, dz)
    if length == 0:
        raise ValueError(f"a part cannot run from {start} to the same point")
    middle = (start[0] + dx / 2, start[1] + dy / 2, start[2] + dz / 2)
    quat = compose(rotation("z", math.atan2(dy, dx)), rotation("y", math.acos(dz / length)))
    return middle, quat, length / 2


# --- geoms -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Geom:
    """One primitive: half sizes as MuJoCo defines them, a pose in the body's frame and further XML attributes."""

    shape: Shape
    size: tuple[float, ...]
    pos: Vec3 = ORIGIN
    quat: Quat = IDENTITY
    attributes: tuple[tuple[str, Value], ...] = ()

    def moved(self, pos: Vec3 = ORIGIN, quat: Quat = IDENTITY) -> Geom:
        """The same primitive after a rotation about the body's origin and then a shift."""
        x, y, z = turn(quat, self.pos)
        return replace(self, pos=(x + pos[0], y + pos[1], z + pos[2]), quat=compose(quat, self.quat))

    def element(self) -> Element:
        """The `<geom>` element."""
        quat = None if self.quat == IDENTITY else self.quat
        return element("geom", type=self.shape, size=self.size, pos=self.pos, quat=quat, **dict(self.attributes))


def moved(parts: Iterable[Geom], pos: Vec3 = ORIGIN, quat: Quat = IDENTITY) -> list[Geom]:
    """All `parts` rotated about the origin by `quat` and then shifted by `pos`."""
    return [part.moved(pos, quat) for part in parts]


def visual(
    shape: Shape,
    size: Sequence[float],
    pos: Vec3 = ORIGIN,
    *,
    rgba: Colour | None = None,
    quat: Quat = IDENTITY,
    material: str | None = None,
    name: str | None = None,
) -> Geom:
    """A part that is drawn and never touched (contype 0, conaffinity 0, group 1, no mass).

    Robosuite draws group 1 and takes inertia from group 0 only; the zero mass says the same to any other compiler.
    """
    colour = None if rgba is None else (*rgba[:3], rgba[3] if len(rgba) == 4 else 1.0)
    attributes: dict[str, Value] = {
        "name": name,
        "contype": "0",
        "conaffinity": "0",
        "group": "1",
        "mass": "0",
        "material": material,
        "rgba": colour,
    }
    return Geom(shape, tuple(size), pos, quat, tuple(attributes.items()))


def collision(
    shape: Shape,
    size: Sequence[float],
    pos: Vec3 = ORIGIN,
    *,
    quat: Quat = IDENTITY,
    density: float | None = DENSITY,
    friction: Sequence[float] = FRICTION,
    solref: Sequence[float] = SOLREF,
    solimp: Sequence[float] = SOLIMP,
    name: str | None = None,
) -> Geom:
    """A part that is touched and never drawn (group 0), with LIBERO's contact parameters."""
    attributes: dict[str, Value] = {
        "name": name,
        "group": "0",
        "density": density,
        "friction": friction,
        "solref": solref,
        "solimp": solimp,
        # Shown only when a person switches the collision group on in a viewer.
        "rgba": "0.8 0.8 0.8 0.3",
    }
    return Geom(shape, tuple(size), pos, quat, tuple(attributes.items()))


Make = Callable[..., Geom]
Bounds = tuple[float, float]


def block(make: Make, x: Bounds, y: Bounds, z: Bounds, **options: object) -> Geom:
    """The box between two bounds on each axis of the body's frame.

    Raises:
        ValueError: if a lower bound is not below its upper bound.
    """
    spans = (x, y, z)
    if any(low >= high for low, high in spans):
        raise ValueError(f"every lower bound of a block must be below its upper bound: {spans}")
    middle = ((x[0] + x[1]) / 2, (y[0] + y[1]) / 2, (z[0] + z[1]) / 2)
    return make("box", [(high - low) / 2 for low, high in spans], middle, **options)


def wall(
    make: Make,
    radius: tuple[float, float],
    z: tuple[float, float],
    thickness: float,
    count: int,
    *,
    centre: tuple[float, float] = (0.0, 0.0),
    phase: float = 0.0,
    **options: object,
) -> list[Geom]:
    """A closed ring of `count` boxes about the z axis: the side of a cup, a bowl or a plate's slope.

    Args:
        make: `visual` or `collision`; receives `options`.
        radius: distance of the wall's outer face from the axis, at the lower and at the upper end (apothem).
        z: lower and upper end of the wall.
        thickness: of the wall.
        count: number of boxes.
        centre: x and y of the axis.
        phase: angle of the first box.
    """
    run, rise = radius[1] - radius[0], z[1] - z[0]
    slant = math.hypot(run, rise)
    tilt = math.atan2(run, rise)
    # The middle of the outer face, moved inwards along the face's normal by half the thickness.
    out = (radius[0] + radius[1]) / 2 - thickness / 2 * math.cos(tilt)
    up = (z[0] + z[1]) / 2 + thickness / 2 * math.sin(tilt)
    width = max(radius) * math.tan(math.pi / count)
    parts = []
    for index in range(count):
        angle = phase + 2 * math.pi * index / count
        pos = (centre[0] + out * math.cos(angle), centre[1] + out * math.sin(angle), up)
        quat = compose(rotation("z", angle), rotation("y", tilt))
        parts.append(make("box", (thickness / 2, width, slant / 2), pos, quat=quat, **options))
    return parts


def rod(make: Make, shape: Shape, start: Vec3, end: Vec3, section: Sequence[float], **options: object) -> Geom:
    """A cylinder or capsule (`section` = radius) or box (`section` = half sizes x, y) from `start` to `end`."""
    pos, quat, half = between(start, end)
    return make(shape, (*section, half), pos, quat=quat, **options)


# --- sites, bodies, documents ----------------------------------------------------------------------------------------


def site(
    name: str,
    pos: Vec3 = ORIGIN,
    size: float | Sequence[float] = 0.005,
    *,
    shape: Shape = "sphere",
    quat: Quat = IDENTITY,
    rgba: Colour = (0.0, 0.0, 0.0, 0.0),
) -> Element:
    """A named place, invisible unless `rgba` says otherwise."""
    kind = None if shape == "sphere" else shape
    turned = None if quat == IDENTITY else quat
    return element("site", name=name, type=kind, pos=pos, quat=turned, size=size, rgba=rgba)


def region(name: str, pos: Vec3, size: Vec3, quat: Quat = IDENTITY, rgba: Colour = (0.8, 0.8, 0.8, 0.0)) -> Element:
    """A box that goals refer to; hf-libero reads its quaternion from the file, so it is written even when trivial."""
    return element("site", name=name, type="box", pos=pos, quat=quat, size=size, rgba=rgba)


def placement_sites(bottom: Vec3, top: Vec3, radius: Vec3) -> list[Element]:
    """The three sites from which robosuite's placement samplers read an object's height and horizontal radius."""
    return [site("bottom_site", bottom), site("top_site", top), site("horizontal_radius_site", radius)]


def inertial(mass: float, pos: Vec3, diagonal: Vec3) -> Element:
    """Mass (kg), centre of mass and principal moments (kg m², about the centre of mass, along the body's axes)."""
    # Moments of a tabletop object are of the order 1e-6, below the resolution of `number`.
    moments = " ".join(f"{moment:.4e}" for moment in diagonal)
    return element("inertial", mass=mass, pos=pos, diaginertia=moments)


def body(name: str | None, *children: Geom | Element, pos: Vec3 | None = None, quat: Quat | None = None) -> Element:
    """A body with its children in the given order."""
    nodes = [child.element() if isinstance(child, Geom) else child for child in children]
    return element("body", *nodes, name=name, pos=pos, quat=quat)


def document(model: str, world: Iterable[Element], assets: Iterable[Element] = ()) -> str:
    """A whole MJCF file: `<mujoco>` with assets (textures, materials) and the world's children."""
    asset, worldbody = element("asset", *assets), element("worldbody", *world)
    return text(element("mujoco", *([asset] if len(asset) else []), worldbody, model=model))


def object_document(
    model: str,
    parts: Iterable[Geom | Element],
    sites: Iterable[Element],
    assets: Iterable[Element] = (),
    pos: Vec3 | None = None,
) -> str:
    """The file of one LIBERO object: robosuite expects body `object` and the placement sites inside a nameless body."""
    return document(model, [body(None, body("object", *parts, pos=pos), *sites)], assets)


def text(root: Element) -> str:
    """The document as indented XML that ends in a newline."""
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"
