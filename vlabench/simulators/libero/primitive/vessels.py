"""Bowls, plate, basket, pan, mugs and moka pot of the primitive pack: things with a rim or a handle to grasp.

Radii, heights, wall thicknesses and handles were measured on LIBERO's own objects, so that one grasp fits both packs;
the shapes are drawn anew with fewer parts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from vlabench.simulators.libero.primitive.items import Item, octagon, plus
from vlabench.simulators.libero.primitive.mjcf import (
    Bounds,
    Colour,
    Geom,
    Make,
    Vec3,
    block,
    collision,
    rod,
    site,
    visual,
    wall,
)

SCANNED = "stable_scanned_objects"
TURBOSQUID = "turbosquid_objects"

BLACK: Colour = (0.09, 0.09, 0.1)
STRIPE: Colour = (0.3, 0.3, 0.32)
IRON: Colour = (0.17, 0.17, 0.18)
PORCELAIN: Colour = (0.9, 0.9, 0.88)
CREAM: Colour = (0.93, 0.88, 0.76)
WICKER: Colour = (0.72, 0.53, 0.3)
DARK_WICKER: Colour = (0.55, 0.38, 0.2)
ALUMINIUM: Colour = (0.82, 0.83, 0.85)
SHADE: Colour = (0.62, 0.63, 0.66)
RED: Colour = (0.75, 0.08, 0.1)
YELLOW: Colour = (0.92, 0.76, 0.25)

SEAM = math.pi
"""Over the number of boards: the phase of a rim that turns seams, not flat faces, towards x and y, where a gripper
pinches it. Two boards at an angle stay put between the fingers; one that leans outwards slides up along them."""


def items() -> dict[str, Item]:
    """All vessels by kind."""
    return {
        "akita_black_bowl": _bowl(),
        "plate": _plate(),
        "glazed_rim_porcelain_ramekin": _ramekin(),
        "basket": _basket(),
        "chefmate_8_frypan": _pan(),
        "moka_pot": _moka_pot(),
        "porcelain_mug": _porcelain_mug(),
        "red_coffee_mug": _red_mug(),
        "white_yellow_mug": _yellow_mug(),
    }


def _disc(radius: float, z: Bounds, rgba: Colour, centre: tuple[float, float] = (0, 0)) -> Geom:
    return visual("cylinder", (radius, (z[1] - z[0]) / 2), (*centre, (z[0] + z[1]) / 2), rgba=rgba)


def _bowl() -> Item:
    rim = ((0.0438, 0.0530), (0.0155, 0.0521), 0.0026)
    cone = ((0.0253, 0.0438), (0.0028, 0.0155), 0.0018)
    # Every third board of the rim is lighter, as a stripe in the glaze.
    stripes = [
        visual(part.shape, part.size, part.pos, quat=part.quat, rgba=STRIPE if index % 3 == 0 else BLACK)
        for index, part in enumerate(wall(visual, *rim, 12))
    ]
    parts = [
        *wall(collision, *rim, 16, phase=SEAM / 16),
        *wall(collision, *cone, 8),
        *plus(collision, 0.0235, 0.0155, (0.0016, 0.0068)),
        *stripes,
        *wall(visual, *cone, 8, rgba=BLACK),
        _disc(0.028, (0.0018, 0.0068), IRON),
    ]
    return Item(SCANNED, parts, mass=0.0056, centre=(0.0023, 0.0005, 0.0227), moments=(5.7e-6, 6.1e-6, 9.1e-6))


def _plate() -> Item:
    # Some initial states of libero_spatial have a bowl stuck in the plate's rim, and throw both apart. Of the slopes
    # that were tried, this one throws them least: as far as in LIBERO's pack, and no bowl lands upside down.
    slope = ((0.0385, 0.0655), (0.0010, 0.0115), 0.0042)
    parts = [
        *wall(collision, *slope, 8),
        *plus(collision, 0.0436, 0.0300, (-0.0021, 0.0052)),
        *wall(visual, (0.043, 0.0684), (-0.0005, 0.0128), 0.003, 16, rgba=PORCELAIN),
        _disc(0.047, (-0.0015, 0.0048), PORCELAIN),
        _disc(0.033, (0.0046, 0.0052), (0.78, 0.8, 0.84)),
    ]
    return Item(SCANNED, parts, mass=0.0115, centre=(0.0003, 0.005, 0.0064), moments=(15e-6, 13e-6, 27.5e-6))


def _ramekin() -> Item:
    side = ((0.0379, 0.0443), (0.0007, 0.0427), 0.005)
    parts = [
        *wall(collision, *side, 12),
        *plus(collision, 0.0330, 0.0230, (0.0009, 0.0073)),
        *wall(visual, (0.0379, 0.0418), (0.0007, 0.034), 0.005, 16, rgba=CREAM),
        # The glazed rim that the name speaks of.
        *wall(visual, (0.0437, 0.0443), (0.034, 0.0429), 0.0045, 16, rgba=(0.62, 0.4, 0.2)),
        _disc(0.0365, (0.001, 0.0073), CREAM),
    ]
    return Item(SCANNED, parts, mass=0.0097, centre=(-0.0025, 0.0001, 0.0168), moments=(7.4e-6, 8e-6, 12.2e-6))


def _basket() -> Item:
    def sides(make: Make, rgba: Colour | None = None) -> list[Geom]:
        colour = {} if rgba is None else {"rgba": rgba}
        return [
            rod(make, "box", (-0.0675, 0, 0.013), (-0.0770, 0, 0.1392), (0.0066, 0.0724), **colour),
            rod(make, "box", (0.0726, 0, 0.013), (0.0786, 0, 0.1392), (0.0066, 0.0724), **colour),
            rod(make, "box", (0.0005, -0.0658, 0.018), (0.0005, -0.0717, 0.1450), (0.0066, 0.072), **colour),
            rod(make, "box", (0.0005, 0.0663, 0.018), (0.0005, 0.0719, 0.1450), (0.0066, 0.072), **colour),
        ]

    def floor(make: Make, **colour: object) -> Geom:
        return block(make, (-0.0741, 0.0790), (-0.0724, 0.0724), (0.0042, 0.0216), **colour)

    # A darker hoop around each side reads as wickerwork.
    hoops = [
        rod(visual, "box", start, end, (0.0012, half), rgba=DARK_WICKER)
        for start, end, half in (
            ((-0.0792, 0, 0.075), (-0.0806, 0, 0.095), 0.072),
            ((0.0820, 0, 0.075), (0.0830, 0, 0.095), 0.072),
            ((0.0005, -0.0750, 0.075), (0.0005, -0.0759, 0.095), 0.079),
            ((0.0005, 0.0755, 0.075), (0.0005, 0.0763, 0.095), 0.079),
        )
    ]
    parts = [
        *sides(collision),
        floor(collision),
        *sides(visual, WICKER),
        floor(visual, rgba=DARK_WICKER),
        *hoops,
    ]
    region = site(
        "contain_region",
        (0, 0, 0.07185),
        (0.06108, 0.06108, 0.06949),
        shape="box",
        quat=(0, 0, 0, 1),
        rgba=(0.8, 0, 0, 0),
    )
    moments = (639e-6, 684e-6, 817e-6)
    return Item(SCANNED, parts, mass=0.136, centre=(0.0013, 0.0001, 0.0609), moments=moments, sites=[region])


def _pan() -> Item:
    centre = (0.0054, -0.001)
    side = ((0.0825, 0.1020), (0.0055, 0.0405), 0.005)
    start: Vec3 = (0.106, -0.0005, 0.0245)
    middle: Vec3 = (0.150, -0.0005, 0.0375)
    end: Vec3 = (0.2585, -0.0005, 0.0522)
    parts = [
        *wall(collision, *side, 12, centre=centre),
        *plus(collision, 0.0760, 0.0500, (0.0008, 0.0124), centre),
        rod(collision, "box", start, middle, (0.0055, 0.0118)),
        rod(collision, "box", middle, end, (0.0055, 0.0118)),
        *wall(visual, *side, 16, centre=centre, rgba=IRON),
        _disc(0.081, (0.0008, 0.0085), BLACK, centre),
        rod(visual, "box", start, middle, (0.0055, 0.008), rgba=BLACK),
        rod(visual, "capsule", middle, (0.249, -0.0005, 0.0510), (0.0105,), rgba=BLACK),
        rod(visual, "cylinder", (0.242, -0.0005, 0.0455), (0.240, -0.0005, 0.0615), (0.005,), rgba=SHADE),
    ]
    moments = (122.6e-6, 291e-6, 396e-6)
    return Item(SCANNED, parts, mass=0.0502, centre=(0.0238, -0.0009, 0.0168), moments=moments)


def _moka_pot() -> Item:
    z: Bounds = (-0.0661, 0.0670)
    grip: tuple[Vec3, Vec3] = ((0, 0.0855, 0.0560), (0, 0.0575, -0.0045))
    eight = octagon(0.0372, z, (0, 0.001))
    parts = [
        eight[1],
        eight[3],
        block(collision, (-0.0400, 0.0400), (-0.0155, 0.0165), z),
        block(collision, (-0.0165, 0.0165), (-0.0310, 0.0346), z),
        block(collision, (-0.0064, 0.0064), (-0.0563, -0.0300), (0.0270, 0.0671)),
        block(collision, (-0.0055, 0.0055), (-0.0070, 0.0048), (0.0670, 0.0857)),
        block(collision, (-0.0070, 0.0070), (0.0310, 0.0780), (0.0500, 0.0668)),
        rod(collision, "box", *grip, (0.0068, 0.0066)),
        *wall(visual, (0.0365, 0.0315), (-0.0661, -0.0130), 0.004, 8, rgba=ALUMINIUM),
        *wall(visual, (0.0315, 0.0385), (-0.0110, 0.0610), 0.004, 8, rgba=ALUMINIUM),
        _disc(0.0325, (-0.0150, -0.0085), SHADE),
        _disc(0.0370, (0.0600, 0.0660), SHADE),
        _disc(0.0340, (-0.0655, -0.0625), SHADE),
        block(visual, (-0.0060, 0.0060), (-0.0555, -0.0300), (0.0400, 0.0655), rgba=ALUMINIUM),
        visual("sphere", (0.0085,), (0, -0.001, 0.0770), rgba=BLACK),
        _disc(0.0055, (0.0650, 0.0740), BLACK),
        block(visual, (-0.0066, 0.0066), (0.0310, 0.0800), (0.0520, 0.0650), rgba=BLACK),
        rod(visual, "capsule", (0, 0.0830, 0.0560), (0, 0.0590, 0.0000), (0.0066,), rgba=BLACK),
    ]
    moments = (142.6e-6, 128e-6, 62.3e-6)
    return Item(TURBOSQUID, parts, mass=0.0682, centre=(0.0001, 0.0017, 0.0043), moments=moments)


# --- mugs ------------------------------------------------------------------------------------------------------------

Ring = tuple[tuple[float, float], Bounds, float]
"""Outer radii below and above, heights, and thickness of a wall."""


def _handle(points: Sequence[Vec3], section: tuple[float, float], rgba: Colour) -> list[Geom]:
    """A handle of straight bars through `points`; `section` is half their thickness and half their width."""
    pairs = list(zip(points, points[1:], strict=False))
    touched = [rod(collision, "box", start, end, section) for start, end in pairs]
    return [*touched, *(rod(visual, "box", start, end, section, rgba=rgba) for start, end in pairs)]


def _porcelain_mug() -> Item:
    centre = (0.0150, -0.0012)
    upper: Ring = ((0.0452, 0.0452), (0.0430, 0.1085), 0.0049)
    lower: Ring = ((0.0255, 0.0452), (0.0030, 0.0430), 0.0032)
    points: list[Vec3] = [(-0.0315, 0, 0.0920), (-0.0592, 0, 0.0765), (-0.0592, 0, 0.0370), (-0.0230, 0, 0.0190)]
    parts = [
        *wall(collision, *upper, 12, centre=centre, phase=SEAM / 12),
        *wall(collision, *lower, 8, centre=centre),
        *plus(collision, 0.0225, 0.0150, (0.0024, 0.0128), centre),
        *_handle(points, (0.0038, 0.0080), PORCELAIN),
        *wall(visual, (0.0440, 0.0468), (0.0400, 0.1100), 0.0045, 14, centre=centre, rgba=PORCELAIN),
        *wall(visual, (0.0280, 0.0440), (0.0020, 0.0400), 0.0045, 12, centre=centre, rgba=PORCELAIN),
        _disc(0.0280, (0.0022, 0.0128), PORCELAIN, centre),
    ]
    moments = (28e-6, 34.1e-6, 28.1e-6)
    return Item(TURBOSQUID, parts, mass=0.0165, centre=(0.0102, -0.001, 0.0546), moments=moments)


def _red_mug() -> Item:
    centre = (-0.0185, -0.0006)
    side: Ring = ((0.0310, 0.0430), (-0.0018, 0.1305), 0.0062)
    points: list[Vec3] = [(0.0225, 0, 0.1140), (0.0575, 0, 0.1140), (0.0580, 0, 0.0700), (0.0100, 0, 0.0180)]
    parts = [
        *wall(collision, *side, 12, centre=centre, phase=SEAM / 12),
        *plus(collision, 0.0250, 0.0170, (-0.0010, 0.0078), centre),
        *_handle(points, (0.0036, 0.0073), RED),
        *wall(visual, (0.0340, 0.0428), (-0.0010, 0.1270), 0.0050, 14, centre=centre, rgba=RED),
        *wall(visual, (0.0440, 0.0446), (0.1270, 0.1320), 0.0055, 14, centre=centre, rgba=(0.86, 0.2, 0.2)),
        _disc(0.0320, (-0.0015, 0.0090), (0.6, 0.06, 0.08), centre),
    ]
    moments = (60.4e-6, 63e-6, 34.4e-6)
    return Item(TURBOSQUID, parts, mass=0.0294, centre=(-0.0152, -0.0028, 0.0624), moments=moments)


def _yellow_mug() -> Item:
    centre = (-0.0175, 0.0)
    side: Ring = ((0.0405, 0.0515), (0.0180, 0.1025), 0.0080)
    foot: Ring = ((0.0285, 0.0405), (0.0003, 0.0180), 0.0060)
    points: list[Vec3] = [(0.0300, 0, 0.0800), (0.0640, 0, 0.0800), (0.0640, 0, 0.0310), (0.0220, 0, 0.0235)]
    parts = [
        *wall(collision, *side, 12, centre=centre, phase=SEAM / 12),
        *wall(collision, *foot, 8, centre=centre),
        *plus(collision, 0.0250, 0.0170, (0.0002, 0.0052), centre),
        *_handle(points, (0.0044, 0.0085), YELLOW),
        *wall(visual, (0.0405, 0.0485), (0.0180, 0.0850), 0.0055, 14, centre=centre, rgba=YELLOW),
        # White at the lip and on the inner floor: the task files call it the yellow and white mug.
        *wall(visual, (0.0487, 0.0508), (0.0850, 0.1035), 0.0055, 14, centre=centre, rgba=PORCELAIN),
        *wall(visual, (0.0285, 0.0405), (0.0003, 0.0180), 0.0060, 12, centre=centre, rgba=YELLOW),
        _disc(0.0290, (0.0005, 0.0080), PORCELAIN, centre),
    ]
    moments = (50.9e-6, 61e-6, 58.7e-6)
    return Item(TURBOSQUID, parts, mass=0.0309, centre=(-0.0137, 0.0005, 0.051), moments=moments)
