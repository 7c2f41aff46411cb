"""Bottles of the primitive pack: sauces with printed labels, and the wine.

Outer sizes were measured on LIBERO's own objects and colours follow what those show; the shapes are drawn anew.
"""

from __future__ import annotations

from vlabench.simulators.libero.primitive.items import Y_UP, Item, octagon, plus
from vlabench.simulators.libero.primitive.labels import (
    GREEN,
    INK,
    RED,
    TAN,
    WHITE,
    YELLOW,
    Picture,
    Rgb,
    paint,
    upright,
)
from vlabench.simulators.libero.primitive.mjcf import Bounds, Geom, block, collision, visual

HOPE = "stable_hope_objects"
TURBOSQUID = "turbosquid_objects"


def items() -> dict[str, Item]:
    """All bottles by kind."""
    return {
        "ketchup": _ketchup(),
        "bbq_sauce": _bbq_sauce(),
        "salad_dressing": _salad_dressing(),
        "wine_bottle": _wine_bottle(),
    }


def _flask(half: float, depth: float, z: Bounds, shoulder: float, glass: Rgb) -> list[Geom]:
    """A flat bottle to look at: `half` wide, `depth` deep, straight within `z`, its shoulder reaching `shoulder` on."""
    middle, rise, spread = (z[0] + z[1]) / 2, (z[1] - z[0]) / 2, half - depth
    colour = paint(glass)
    return [
        *(visual("cylinder", (depth, rise), (x, 0, middle), rgba=colour) for x in (-spread, spread)),
        block(visual, (-spread, spread), (-depth, depth), z, rgba=colour),
        visual("ellipsoid", (half, depth, shoulder), (0, 0, z[1]), rgba=colour),
    ]


def _tube(radius: float, z: Bounds, rgb: Rgb) -> Geom:
    return visual("cylinder", (radius, (z[1] - z[0]) / 2), (0, 0, (z[0] + z[1]) / 2), rgba=paint(rgb))


def _ketchup() -> Item:
    red = (222, 62, 22)
    label = Picture(WHITE).area((0, 1), (0, 0.2), YELLOW).word("TOMATO", (0.05, 0.95), (0.28, 0.48), INK)
    label.disc((0.5, 0.75), (0.3, 0.18), RED)
    parts = [
        block(collision, (-0.0277, 0.0286), (-0.0177, 0.0162), (-0.0724, -0.0065)),
        block(collision, (-0.0235, 0.0244), (-0.0191, 0.0176), (-0.0065, 0.0148)),
        block(collision, (-0.0182, 0.0191), (-0.0191, 0.0176), (0.0148, 0.0355)),
        *plus(collision, 0.0174, 0.0110, (0.0355, 0.0732), (0.0003, 0)),
        *_flask(0.0310, 0.0205, (-0.0730, 0.0020), 0.0360, red),
        _tube(0.0185, (0.0300, 0.0735), WHITE),
        _tube(0.0192, (0.0330, 0.0400), (205, 205, 200)),
        block(visual, (-0.0170, 0.0170), (-0.0212, 0.0212), (-0.0580, -0.0060), material="ketchup"),
    ]
    side = Picture(red)
    return Item(
        HOPE,
        parts,
        mass=0.0232,
        centre=(0.0004, -0.009, 0.0008),
        moments=(37.9e-6, 7e-6, 40.3e-6),
        turn=Y_UP,
        faces=upright(label, side, label, side),
    )


def _bbq_sauce() -> Item:
    glass = (88, 34, 14)
    label = Picture(YELLOW).area((0, 1), (0.62, 1), RED).word("BBQ", (0.1, 0.9), (0.16, 0.54), RED)
    label.disc((0.5, 0.81), (0.14, 0.1), WHITE)
    parts = [
        block(collision, (-0.0235, 0.0235), (-0.0146, 0.0146), (-0.0546, -0.0005)),
        block(collision, (-0.0190, 0.0190), (-0.0146, 0.0146), (-0.0005, 0.0270)),
        block(collision, (-0.0138, 0.0138), (-0.0138, 0.0138), (0.0270, 0.0525)),
        *_flask(0.0240, 0.0158, (-0.0550, 0.0030), 0.0270, glass),
        _tube(0.0142, (0.0240, 0.0565), (228, 96, 20)),
        block(visual, (-0.0130, 0.0130), (-0.0164, 0.0164), (-0.0420, -0.0020), material="bbq_sauce"),
    ]
    side = Picture(glass)
    return Item(
        HOPE,
        parts,
        mass=0.0122,
        centre=(0, 0, -0.0076),
        moments=(11.2e-6, 12.1e-6, 2.6e-6),
        top=0.06,
        radius=0.015,
        faces=upright(label, side, label, side),
    )


def _salad_dressing() -> Item:
    glass = (222, 226, 214)
    label = Picture(GREEN).disc((0.5, 0.5), (0.46, 0.44), WHITE).word("SALAD", (0.14, 0.86), (0.36, 0.56), GREEN)
    label.disc((0.5, 0.74), (0.18, 0.1), RED)
    parts = [
        *plus(collision, 0.0175, 0.0160, (-0.0727, -0.0640), (-0.0010, 0)),
        block(collision, (-0.0268, 0.0248), (-0.0174, 0.0174), (-0.0640, -0.0010)),
        block(collision, (-0.0175, 0.0165), (-0.0174, 0.0174), (-0.0010, 0.0112)),
        block(collision, (-0.0130, 0.0130), (-0.0150, 0.0150), (0.0112, 0.0355)),
        *plus(collision, 0.0172, 0.0110, (0.0355, 0.0728)),
        *_flask(0.0285, 0.0200, (-0.0690, -0.0200), 0.0380, glass),
        _tube(0.0195, (-0.0735, -0.0600), glass),
        _tube(0.0150, (0.0050, 0.0380), glass),
        _tube(0.0183, (0.0355, 0.0735), (14, 66, 34)),
        block(visual, (-0.0150, 0.0150), (-0.0207, 0.0207), (-0.0600, -0.0160), material="salad_dressing"),
    ]
    side = Picture(glass)
    return Item(
        HOPE,
        parts,
        mass=0.0218,
        centre=(-0.0005, -0.0056, 0.0002),
        moments=(34e-6, 5.2e-6, 35.2e-6),
        turn=Y_UP,
        faces=upright(label, side, label, side),
    )


def _wine_bottle() -> Item:
    glass = (16, 44, 26)
    parts = [
        *octagon(0.0210, (0.0060, 0.0634), (0.0003, 0)),
        *plus(collision, 0.0158, 0.0150, (0.0011, 0.0734)),
        block(collision, (-0.0118, 0.0118), (-0.0118, 0.0118), (0.0734, 0.0890)),
        *plus(collision, 0.0072, 0.0050, (0.0890, 0.1580)),
        _tube(0.0213, (0.0005, 0.0640), glass),
        visual("ellipsoid", (0.0213, 0.0213, 0.0360), (0, 0, 0.0640), rgba=paint(glass)),
        _tube(0.0078, (0.0900, 0.1470), glass),
        _tube(0.0086, (0.1330, 0.1480), (110, 20, 30)),
        _tube(0.0074, (0.1480, 0.1588), TAN),
        _tube(0.0216, (0.0150, 0.0500), (235, 225, 195)),
        _tube(0.0218, (0.0400, 0.0450), (130, 25, 35)),
    ]
    moments = (22.9e-6, 22.9e-6, 2.5e-6)
    return Item(TURBOSQUID, parts, mass=0.0154, centre=(0.0002, 0, 0.0561), moments=moments)
