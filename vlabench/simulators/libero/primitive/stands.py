"""The wine rack and the desk caddy of the primitive pack.

Measured on LIBERO's own and drawn anew from a few boards each. Lengths are metres in the fixture's own frame.
"""

from __future__ import annotations

import math

from vlabench.simulators.libero.primitive.mjcf import (
    Colour,
    Element,
    Geom,
    Make,
    Vec3,
    block,
    collision,
    element,
    moved,
    object_document,
    placement_sites,
    region,
    rod,
    rotation,
    visual,
)

MAHOGANY: Colour = (0.36, 0.15, 0.09)


def _placement() -> list[Element]:
    return placement_sites((0.0, 0.0, -0.06), (0.0, 0.0, 0.04), (0.025, 0.025, 0.0))


# --- wine rack -------------------------------------------------------------------------------------------------------

SHELF_TILT = math.radians(31.25)
SHELF_CENTRES: tuple[Vec3, Vec3] = ((0.0, -0.0061, 0.2512), (0.0, -0.0427, 0.1273))


def _shelf(make: Make, centre: Vec3, **options: object) -> Geom:
    """A board 9 mm thick that rises towards +y."""
    return make("box", (0.1344, 0.0789, 0.0045), centre, quat=rotation("x", SHELF_TILT), **options)


def _stop(make: Make, centre: Vec3, **options: object) -> Geom:
    """The lip at a shelf's lower edge, 14 mm above the board, that keeps a bottle from rolling off."""
    lip: Geom = make("box", (0.1322, 0.0011, 0.0087), (0.0, -0.0735, 0.0093), **options)
    return lip.moved(centre, rotation("x", SHELF_TILT))


def _stand(make: Make, **options: object) -> list[Geom]:
    """A foot of two boards that slope down from the middle, and a leaning post."""
    ridge, edge = (0.0, 0.004, 0.0163), 0.0025
    foot = [rod(make, "box", ridge, (0.0, y, edge), (0.0045, 0.09), **options) for y in (-0.124, 0.129)]
    return [*foot, rod(make, "box", (0.0, -0.0352, 0.0148), (0.0, 0.053, 0.3258), (0.009, 0.0076), **options)]


def wine_rack() -> str:
    """The rack's MJCF file: two tilted shelves with lips on a stand; goals use the upper one (`top_region`)."""
    assets = [
        element("texture", name="pine", type="2d", file="../../textures/primitive/pine.png"),
        element("material", name="pine", texture="pine", texuniform="false", specular=0.2, shininess=0.2),
    ]
    parts: list[Geom | Element] = [
        region("top_region", (0.0, -0.08003, 0.21745), (0.10087, 0.022, 0.00251), (0.8549119, -0.5187733, 0.0, 0.0)),
        *_stand(visual, rgba=MAHOGANY),
        *_stand(collision),
    ]
    for centre in SHELF_CENTRES:
        parts += [_shelf(visual, centre, material="pine"), _stop(visual, centre, rgba=MAHOGANY)]
        parts += [_shelf(collision, centre), _stop(collision, centre)]
    return object_document("wine_rack_stand", parts, _placement(), assets)


# --- desk caddy ------------------------------------------------------------------------------------------------------

CADDY_FLOOR = 0.0138
SLOPE = math.atan2(0.0404, 0.0579)
"""Angle at which the open sides rise from the low front to the high back."""


def _caddy_shell(make: Make, **options: object) -> list[Geom]:
    """Floor, back, low front, the high front of the right compartment and the divider of the middle one."""
    return [
        block(make, (-0.0755, 0.0755), (-0.2169, 0.2169), (0.0014, CADDY_FLOOR), **options),
        block(make, (0.0628, 0.0708), (-0.2098, 0.2098), (CADDY_FLOOR, 0.1683), **options),
        block(make, (-0.0709, -0.0628), (-0.0618, 0.2098), (CADDY_FLOOR, 0.0741), **options),
        block(make, (-0.0709, -0.0628), (-0.2098, -0.0618), (CADDY_FLOOR, 0.1674), **options),
        block(make, (-0.0056, 0.0025), (-0.0618, 0.067), (CADDY_FLOOR, 0.0987), **options),
    ]


def _caddy_sides(make: Make, **options: object) -> list[Geom]:
    """Two full walls around the right compartment, two sloping ones around the left."""
    parts = [
        block(make, (-0.0628, 0.0628), (-0.2156, -0.2032), (CADDY_FLOOR, 0.1674), **options),
        block(make, (-0.0628, 0.0628), (-0.0742, -0.0618), (CADDY_FLOOR, 0.1674), **options),
    ]
    for y in ((0.067, 0.0742), (0.2048, 0.212)):
        board = block(make, (-0.0677, 0.0677), y, (-0.026, 0.026), **options)
        parts += [
            block(make, (-0.0628, 0.0628), y, (CADDY_FLOOR, 0.0785), **options),
            block(make, (0.035, 0.0628), y, (0.0785, 0.148), **options),
            *moved([board], (-0.0005, 0.0, 0.088), rotation("y", -SLOPE)),
        ]
    return parts


def desk_caddy() -> str:
    """The caddy's MJCF file: right, left, back and front compartments (sites `*_contain_region`)."""
    regions = {
        "right": ((0.00631, -0.14339, 0.06558), (0.0, 0.0, 1.0, 0.0), (0.06196, 0.06216, 0.06046)),
        "left": ((0.00631, 0.14551, 0.06558), (0.0, 0.0, 1.0, 0.0), (0.06196, 0.06216, 0.06046)),
        "back": ((0.03364, -0.00064, 0.08558), (0.0, 0.0, 1.0, 0.0), (0.02775, 0.06216, 0.06046)),
        "front": ((-0.03102, -0.00064, 0.04054), (0.0, 0.0, 0.70711, -0.70711), (0.02775, 0.03595, 0.06216)),
    }
    sites = [region(f"{place}_contain_region", pos, size, quat) for place, (pos, quat, size) in regions.items()]
    shell: Colour = (0.45, 0.3, 0.17)
    side: Colour = (0.56, 0.39, 0.23)
    drawn = [*_caddy_shell(visual, rgba=shell), *_caddy_sides(visual, rgba=side)]
    parts: list[Geom | Element] = [*sites, *drawn, *_caddy_shell(collision), *_caddy_sides(collision)]
    return object_document("desk_caddy", parts, _placement())
