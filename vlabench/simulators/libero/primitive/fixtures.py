"""The fixtures of the primitive pack, as MJCF documents: cabinets and stove here, the others from their modules.

Shapes were measured on LIBERO's own fixtures and drawn anew with few boxes and cylinders. What a task can notice is
equal: bodies, joints, sites, the heights of everything that an object can rest on, the hollow of each drawer and of the
oven, and the places and thicknesses of handles, door and knob. Lengths are metres in the fixture's own frame.
"""

from __future__ import annotations

from dataclasses import dataclass

from vlabench.simulators.libero.primitive import microwave, patterns, stands
from vlabench.simulators.libero.primitive.mjcf import (
    Colour,
    Element,
    Geom,
    Make,
    Quat,
    Value,
    Vec3,
    block,
    body,
    collision,
    element,
    inertial,
    object_document,
    region,
    site,
    visual,
)

METAL: Colour = (0.72, 0.73, 0.75)
DARK_METAL: Colour = (0.33, 0.34, 0.36)

# The drawers and the knob weigh what LIBERO declares; the moments make the knob slow and do not matter for a slide.
PART_MASS = 3.0
PART_MOMENTS: Vec3 = (1.0, 1.0, 1.0)

# LIBERO writes its sites with five decimals; other quaternions would turn the regions by a hair.
LYING: Quat = (0.70711, 0.0, 0.70711, 0.0)


def documents() -> dict[str, str | bytes]:
    """All fixtures and the textures that they share, by path inside LIBERO's assets folder."""
    return {
        "articulated_objects/wooden_cabinet.xml": _cabinet("wooden_cabinet", "walnut", 0.7, 1.0),
        "articulated_objects/white_cabinet.xml": _cabinet("white_cabinet", "white_lacquer", 1.0, 0.93),
        "articulated_objects/flat_stove.xml": _stove(),
        "articulated_objects/microwave.xml": microwave.document(),
        "turbosquid_objects/wine_rack/wine_rack.xml": stands.wine_rack(),
        "turbosquid_objects/desk_caddy/desk_caddy.xml": stands.desk_caddy(),
        "textures/primitive/walnut.png": patterns.wood((96, 60, 40), seed=11, contrast=0.5),
        "textures/primitive/white_lacquer.png": patterns.wood((236, 235, 230), seed=12, contrast=0.06),
        "textures/primitive/hob.png": patterns.rings((38, 38, 40), (88, 88, 92), count=4),
        "textures/primitive/pine.png": patterns.planks((205, 165, 112), (120, 84, 50), seed=13, contrast=0.25),
    }


def _placement() -> list[Element]:
    """The sites for placement samplers; LIBERO draws these fixtures' ten times larger than an object's."""
    places = {
        "bottom_site": (0.0, 0.0, -0.045),
        "top_site": (0.0, 0.0, 0.045),
        "horizontal_radius_site": (0.045, 0.045, 0.0),
    }
    return [site(name, pos, 0.05) for name, pos in places.items()]


# --- cabinets --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Drawer:
    """One of the three drawers: LIBERO's names and the heights that differ between them."""

    level: str
    floor: float
    """Height of the surface on which things lie."""
    region: float
    """Height of the middle of the region that counts as inside."""
    handle: float
    """Height of the middle of the handle."""


DRAWERS = (
    _Drawer("top", floor=0.1592, region=0.18563, handle=0.1839),
    _Drawer("middle", floor=0.0894, region=0.1169, handle=0.1104),
    _Drawer("bottom", floor=0.0208, region=0.04701, handle=0.0411),
)
# Tops of the plates under the three drawers, the lowest being the cabinet's bottom.
SHELVES = (0.1505, 0.0804, 0.0104)
CABINET_TOP = 0.2230


def _carcass(make: Make, shelves: tuple[float, ...] = (), **options: object) -> list[Geom]:
    """The fixed shell: top, bottom, two sides and a back; open at the front (-y)."""
    inside = (-0.107, 0.1138)
    parts = [
        block(make, (-0.1234, 0.1312), (-0.0783, 0.1099), (0.2201, CABINET_TOP), **options),
        block(make, (-0.1173, 0.1241), (-0.0735, 0.1071), (0.0046, SHELVES[-1]), **options),
        block(make, (-0.1173, inside[0]), (-0.0792, 0.1117), (SHELVES[-1], 0.2201), **options),
        block(make, (inside[1], 0.1241), (-0.0792, 0.1117), (SHELVES[-1], 0.2201), **options),
        block(make, inside, (0.1071, 0.1117), (SHELVES[-1], 0.2201), **options),
    ]
    # A shelf ends behind the drawers' fronts, 1.6 mm from them: it is what stops a drawer that is pushed in too far.
    return parts + [block(make, inside, (-0.0632, 0.1071), (top - 0.0022, top), **options) for top in shelves]


def _box(make: Make, drawer: _Drawer, **options: object) -> list[Geom]:
    """A drawer without its handle: front first, then floor, back and two sides around a hollow of 206 x 152 x 57 mm."""
    floor = drawer.floor
    wall = (floor - 0.008, floor + 0.0565)
    front = block(make, (-0.106, 0.1127), (-0.078, -0.0648), (floor - 0.0103, floor + 0.0582), **options)
    return [
        front,
        block(make, (-0.0992, 0.1063), (-0.0648, 0.0872), (floor - 0.008, floor), **options),
        block(make, (-0.0992, 0.1063), (0.0872, 0.0943), wall, **options),
        block(make, (-0.1046, -0.0992), (-0.0648, 0.0943), wall, **options),
        block(make, (0.1063, 0.1116), (-0.0648, 0.0943), wall, **options),
    ]


def _handle(make: Make, z: float, **options: object) -> list[Geom]:
    """A bar 15 mm thick on two posts that leave 21 mm for a finger behind it."""
    return [
        block(make, (-0.0472, 0.0417), (-0.1093, -0.0939), (z - 0.0082, z + 0.0082), **options),
        block(make, (0.0241, 0.0342), (-0.0939, -0.078), (z - 0.0055, z + 0.0055), **options),
        block(make, (-0.0407, -0.0305), (-0.0939, -0.078), (z - 0.0055, z + 0.0055), **options),
    ]


def _sliding(drawer: _Drawer) -> Element:
    slide: dict[str, Value] = {"limited": "true", "range": (-0.16, 0.01), "damping": 50}
    drawn = _box(visual, drawer, material="wood")
    # A front a little smaller than what is touched leaves a dark gap around it, which is what reads as "a drawer".
    width, depth, height = drawn[0].size
    drawn[0] = visual("box", (width - 0.0015, depth, height - 0.0015), drawn[0].pos, material="front")
    return body(
        f"cabinet_{drawer.level}",
        inertial(PART_MASS, (0.0, 0.0, 0.0), PART_MOMENTS),
        element("joint", name=f"{drawer.level}_level", type="slide", pos="0 0 0", axis="0 1 0", **slide),
        region(f"{drawer.level}_region", (0.00328, 0.01128, drawer.region), (0.02993, 0.07561, 0.10224), LYING),
        *drawn,
        *_handle(visual, drawer.handle, rgba=METAL),
        *_box(collision, drawer),
        *_handle(collision, drawer.handle),
        pos=(0.0, 0.0, 0.0),
    )


def _cabinet(kind: str, texture: str, shell_tone: float, front_tone: float) -> str:
    """Three drawers that slide out along -y; the tones darken the texture on the shell and on the drawers' fronts."""
    assets = [
        element("texture", name=kind, type="cube", file=f"../textures/primitive/{texture}.png"),
        element("material", name="wood", texture=kind, rgba=(*[shell_tone] * 3, 1.0), specular=0.2, shininess=0.2),
        element("material", name="front", texture=kind, rgba=(*[front_tone] * 3, 1.0), specular=0.2, shininess=0.2),
    ]
    top = region("top_side", (0.00354, 0.01567, 0.22152), (0.12534, 0.09438, 0.00147))
    shell = [*_carcass(visual, material="wood"), *_carcass(collision, SHELVES[:2])]
    base = body("base", top, *shell, *map(_sliding, DRAWERS), pos=(0.0, 0.0, 0.0))
    return object_document(kind, [base], _placement(), assets)


# --- stove -----------------------------------------------------------------------------------------------------------

BURNER_TOP = 0.0255
HOB = 0.095  # half the side of the square hob
KNOB_RADIUS = 0.0476
KNOB_CENTRE = (0.0013, 0.0044)


def _knob(make: Make, **options: object) -> list[Geom]:
    """A round foot and a grip 24 mm thick for two fingers, high at its pointer (+y) and lower behind."""
    x, y = KNOB_CENTRE
    return [
        make("cylinder", (KNOB_RADIUS, 0.0062), (x, y, 0.0066), **options),
        block(make, (-0.011, 0.0136), (-0.0172, 0.052), (0.0128, 0.05), **options),
        block(make, (-0.011, 0.0136), (-0.0407, -0.0172), (0.0128, 0.041), **options),
    ]


def _stove() -> str:
    """A square hob with one round plate that glows (site `burner`) when the knob is turned by 0.5 rad or more."""
    assets = [
        element("texture", name="hob", type="2d", file="../textures/primitive/hob.png"),
        element("material", name="hob", texture="hob", texuniform="false", specular=0.2, shininess=0.2),
    ]
    touch = collision(
        "box",
        (HOB, HOB, (BURNER_TOP + 0.02) / 2),
        (0.0, 0.0, (BURNER_TOP - 0.02) / 2),
        density=None,
        # LIBERO leaves this one part at MuJoCo's own, softer and less sticky, contact parameters.
        friction=(1.0, 0.005, 0.0001),
        solref=(0.02, 1.0),
        solimp=(0.9, 0.95, 0.001),
        name="base",
    )
    # The glowing disc lies between the plate and the two bars, so that it shows from every side.
    bars = [
        block(visual, (-0.065, 0.065), (-0.003, 0.003), (0.0205, 0.0254), rgba=DARK_METAL),
        block(visual, (-0.003, 0.003), (-0.065, 0.065), (0.0205, 0.0253), rgba=DARK_METAL),
    ]
    plate = visual("cylinder", (0.066, 0.0006), (0.0, 0.0, 0.0206), material="hob", name="burner")
    burner = body(
        "burner",
        region("cook_region", (0.0, 0.0, 0.0), (0.075, 0.075, 0.0025)),
        visual("box", (HOB, HOB, 0.02), rgba=(0.66, 0.67, 0.69), name="base_vis"),
        touch,
        body("burner_plate", plate, *bars),
        site("burner", (0.0, 0.0, 0.022), (0.0625, 0.0005), shape="cylinder", rgba=(0.9, 0.05, 0.05, 1.0)),
        pos=(0.15, 0.0, 0.0),
    )
    black: Colour = (0.1, 0.1, 0.1)
    pointer = block(visual, (-0.0007, 0.0033), (0.02, 0.0525), (0.045, 0.0508), rgba=(0.9, 0.2, 0.15))
    turning: dict[str, Value] = {"limited": "true", "range": (-0.005, 2.1), "damping": 1}
    button = body(
        "button",
        inertial(PART_MASS, (0.0, 0.0, 0.0), PART_MOMENTS),
        element("joint", name="button", type="hinge", pos="0 0 0", axis="0 0 1", **turning),
        *_knob(visual, rgba=black),
        pointer,
        *_knob(collision),
        pos=(0.0, 0.0, 0.0),
        quat=(0.7071068, 0.0, 0.0, 0.7071068),
    )
    base = body("base", burner, button, pos=(0.0, 0.0, 0.0))
    return object_document("flat_stove", [base], _placement(), assets)
