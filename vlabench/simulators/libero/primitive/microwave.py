"""The microwave oven of the primitive pack: a case around a cavity and a door with window and handle.

Measured on LIBERO's own microwave and drawn anew. The door hangs on its left edge (joint `microjoint`, 0 shut, −2.094
wide open); lengths are metres, door parts in the frame of the hinge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vlabench.simulators.libero.primitive.mjcf import (
    IDENTITY,
    Colour,
    Element,
    Geom,
    Make,
    Quat,
    Shape,
    Value,
    Vec3,
    block,
    body,
    collision,
    element,
    object_document,
    placement_sites,
    region,
    rod,
    visual,
)

BACK = 0.111
FRONT = -0.0881
CAVITY_X = (-0.1435, 0.0635)
CAVITY_Z = (0.024, 0.168)
CASE_X = (-0.1725, 0.1725)
CASE_Z = (0.0, 0.187)
HINGE: Vec3 = (-0.1725, -0.088, 0.096)
CASE_MASS = 0.5  # each of the six parts of the case
DOOR_MASS = 0.2
HANDLE_MASS = 0.02  # the bar and each of its two posts

CHARCOAL: Colour = (0.13, 0.13, 0.14)
LINING: Colour = (0.42, 0.42, 0.44)
FRAME: Colour = (0.2, 0.2, 0.22)
GLASS: Colour = (0.35, 0.42, 0.48, 0.35)
STEEL: Colour = (0.75, 0.76, 0.78)


def _solid(
    shape: Shape,
    size: Sequence[float],
    pos: Vec3 = (0.0, 0.0, 0.0),
    *,
    quat: Quat = IDENTITY,
    mass: float | None = None,
) -> Geom:
    """A part that is touched, with the microwave's own contacts: softer than other fixtures', and never with itself.

    Contype 0 is what lets the door's edge pass through the case without rubbing.
    """
    part = collision(
        shape,
        size,
        pos,
        quat=quat,
        density=None,
        friction=(1.0, 0.005, 0.0001),
        solref=(0.02, 1.0),
        solimp=(0.8, 0.9, 0.01),
    )
    own: dict[str, Value] = {"contype": "0", "conaffinity": "1", "condim": "3", "margin": 0.001, "mass": mass}
    return replace(part, attributes=(*part.attributes, *own.items()))


def _case(make: Make, **options: object) -> list[Geom]:
    """Left wall, the block behind the buttons, the button panel's face and the roof."""
    return [
        block(make, (CASE_X[0], CAVITY_X[0]), (FRONT, BACK), CASE_Z, **options),
        block(make, (CAVITY_X[1], CASE_X[1]), (FRONT, BACK), CASE_Z, **options),
        block(make, (0.0875, CASE_X[1]), (-0.1105, FRONT), CASE_Z, **options),
        block(make, CAVITY_X, (FRONT, 0.0805), (CAVITY_Z[1], CASE_Z[1]), **options),
    ]


def _cavity(make: Make, **options: object) -> list[Geom]:
    """Floor and back of the cavity, drawn lighter than the case so that the hollow shows."""
    return [
        block(make, CAVITY_X, (FRONT, 0.0805), (CASE_Z[0], CAVITY_Z[0]), **options),
        block(make, CAVITY_X, (0.0805, BACK), CASE_Z, **options),
    ]


def _handle(make: Make, **options: object) -> list[Geom]:
    """An upright bar 20 mm thick on two posts, at the door's free edge."""
    bar, door = -0.054, -0.025
    posts = [rod(make, "box", (0.2375, door, z), (0.2375, bar, z), (0.009, 0.009), **options) for z in (-0.065, 0.065)]
    return [rod(make, "capsule", (0.2375, bar, -0.065), (0.2375, bar, 0.065), (0.01,), **options), *posts]


def _leaf() -> list[Geom]:
    """What is seen of the door: four bars of a frame around a window, and the handle."""
    depth = (-0.025, -0.001)
    return [
        block(visual, (0.0, 0.0425), depth, (-0.0925, 0.0925), rgba=FRAME),
        block(visual, (0.2163, 0.259), depth, (-0.0925, 0.0925), rgba=FRAME),
        block(visual, (0.0425, 0.2163), depth, (0.0614, 0.0925), rgba=FRAME),
        block(visual, (0.0425, 0.2163), depth, (-0.0925, -0.0614), rgba=FRAME),
        block(visual, (0.0425, 0.2163), (-0.017, -0.009), (-0.0614, 0.0614), rgba=GLASS),
        *_handle(visual, rgba=STEEL),
    ]


def _buttons() -> list[Geom]:
    """A lit display, two rows of keys and the opener on the panel's face."""
    face = (-0.1115, -0.1105)
    keys = [block(visual, (0.1, 0.16), face, (z, z + 0.012), rgba=(0.55, 0.55, 0.57)) for z in (0.06, 0.09, 0.12)]
    return [
        block(visual, (0.1, 0.16), face, (0.147, 0.172), rgba=(0.1, 0.55, 0.35)),
        *keys,
        block(visual, (0.094, 0.158), (-0.1124, -0.1105), (0.0117, 0.0303), rgba=STEEL),
    ]


def document() -> str:
    """The microwave's MJCF file."""
    door = body(
        "microdoorroot",
        element(
            "joint", name="microjoint", type="hinge", axis="0 0 1", limited="true", range=(-2.094, 0.0), damping=0.5
        ),
        *_leaf(),
        block(_solid, (0.0, 0.259), (-0.025, -0.001), (-0.0925, 0.0925), mass=DOOR_MASS),
        *_handle(_solid, mass=HANDLE_MASS),
        pos=HINGE,
    )
    parts: list[Geom | Element] = [
        *_case(visual, rgba=CHARCOAL),
        *_cavity(visual, rgba=LINING),
        *_buttons(),
        region("top_side", (0.0, 0.01, 0.2), (0.12, 0.0835, 0.005)),
        region("heating_region", (0.0, 0.01, 0.096), (0.12, 0.0835, 0.08)),
        *_case(_solid, mass=CASE_MASS),
        *_cavity(_solid, mass=CASE_MASS),
        door,
    ]
    sites = placement_sites((0.0, 0.0, -0.06), (0.0, 0.0, 0.06), (0.015, 0.015, 0.0))
    return object_document("microwave", parts, sites)
