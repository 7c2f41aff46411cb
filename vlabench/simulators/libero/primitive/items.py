"""What one movable object of the primitive pack is made of, and how it becomes LIBERO's files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from vlabench.simulators.libero.primitive.labels import Face, Picture, printed, wrap
from vlabench.simulators.libero.primitive.mjcf import (
    IDENTITY,
    Bounds,
    Element,
    Geom,
    Make,
    Quat,
    Vec3,
    block,
    collision,
    inertial,
    moved,
    object_document,
    placement_sites,
    rotation,
)

# Some LIBERO objects stand along the body's y axis. They are drawn standing along z and laid down by this turn.
Y_UP: Quat = rotation("x", -1.5707963267948966)


@dataclass(frozen=True)
class Item:
    """One kind of object, in the body frame of LIBERO's object of that name.

    Attributes:
        folder: of LIBERO's assets in which the kind has its own folder.
        parts: visual and collision geoms; for `turn` other than the identity, before that rotation.
        mass: kg; compiled from LIBERO's own geoms and rounded, like the two that follow.
        centre: centre of mass, m, in the body frame.
        moments: moments of inertia about the centre of mass along the body's axes, kg m².
        turn: rotation of all parts about the body's origin.
        bottom, top, radius: z, z and x = y of the three placement sites, m. They are not where the object ends:
            hf-libero's placement samplers were tuned with these values and goals depend on them.
        sites: further sites, such as a container's region.
        faces: the printed faces of the part whose material is named after the kind, if it has one.
        rounded: whether that part is a can.
    """

    folder: str
    parts: Sequence[Geom]
    mass: float
    centre: Vec3
    moments: Vec3
    turn: Quat = IDENTITY
    bottom: float = -0.06
    top: float = 0.04
    radius: float = 0.025
    sites: Sequence[Element] = ()
    faces: Mapping[Face, Picture] = field(default_factory=dict)
    rounded: bool = False

    def files(self, kind: str) -> dict[str, str | bytes]:
        """The kind's XML document and, if it is printed, its label, by path inside the assets folder."""
        root = f"{self.folder}/{kind}"
        weight = inertial(self.mass, self.centre, self.moments)
        parts: list[Geom | Element] = [weight, *self.sites, *moved(self.parts, quat=self.turn)]
        places = placement_sites((0, 0, self.bottom), (0, 0, self.top), (self.radius, self.radius, 0))
        if not self.faces:
            return {f"{root}/{kind}.xml": object_document(kind, parts, places)}
        return {
            f"{root}/{kind}.xml": object_document(kind, parts, places, printed(kind, "label.png")),
            f"{root}/label.png": wrap(self.faces, self.rounded),
        }


def plus(make: Make, long: float, short: float, z: Bounds, centre: tuple[float, float] = (0, 0)) -> list[Geom]:
    """Two crossed blocks with half sides `long` and `short`: the cheapest round-ish foot, floor or neck."""
    x, y = centre
    return [block(make, (x - a, x + a), (y - b, y + b), z) for a, b in ((long, short), (short, long))]


def octagon(radius: float, z: Bounds, centre: tuple[float, float] = (0, 0)) -> list[Geom]:
    """Collision geoms of an upright cylinder: four crossed boxes whose hull is a regular octagon of that apothem.

    MuJoCo's box contacts stand firmly on several points, where those of its cylinder wobble on one.
    """
    half = (z[1] - z[0]) / 2
    pos = (*centre, (z[0] + z[1]) / 2)
    # tan(pi / 8): half a side of an octagon of apothem 1.
    size = (radius, radius * 0.41421356, half)
    return [collision("box", size, pos, quat=rotation("z", index * 0.78539816)) for index in range(4)]
