"""The 17 receptacles, in the catalogue's order: a floor 1 mm below the official top, a rim to 1 mm above it.

The rim keeps round things from rolling off, and makes the thin ones a quarter to a third higher than the official ones.
Those higher than 5 mm, like the training plate, have a floor 2 mm below the official top and a rim to 0.6 mm above. So
things lie within 3 mm of where they would on the official ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from vlabench.simulators.maniskill.catalogue import RECEPTACLES as THINGS
from vlabench.simulators.maniskill.catalogue import Thing
from vlabench.simulators.maniskill.primitive.forms import Color, beam, box, flats, limb, rod, seen
from vlabench.simulators.maniskill.shapes import Part

_BLACK = (0.015, 0.015, 0.015)
_WHITE = (0.85, 0.85, 0.85)
_WOOD = (0.25, 0.12, 0.05)
_AROUND = [(1.0, 0.0), (math.sqrt(3) / 2, 0.5), (0.5, math.sqrt(3) / 2), (0.0, 1.0), (-0.5, math.sqrt(3) / 2),
           (-math.sqrt(3) / 2, 0.5)]
"""Cosine and sine of 0°, 30° … 150°."""


def _levels(thing: Thing) -> tuple[float, float, float]:
    """Bottom, floor and top of the rim (mm)."""
    low, high = 1000 * thing.low[2], 1000 * thing.high[2]
    if thing.name == "flat bowl":  # the one whose official shape is hollow
        return low, high - 5, high + 0.6
    return (low, high - 2, high + 0.6) if high - low > 5 else (low, high - 1, high + 1)


def _round(thing: Thing, floor: Color, rim: Color, radius: float = 55, at: tuple[float, float] = (0, 0)) -> list[Part]:
    """A disc with a twelve-cornered rim. Every second edge is solid: each costs time; no gap lets a ball through."""
    low, middle, high = _levels(thing)
    outer, thick = radius - 1.5, 2.0
    reach, half = outer - thick, outer * (2 - math.sqrt(3))
    edges = []
    for k, (c, s) in enumerate([*_AROUND, *((-c, -s) for c, s in _AROUND)]):
        x, y = at[0] + c * reach, at[1] + s * reach
        z = (middle + high) / 2
        ends = (x - s * half, y + c * half, z), (x + s * half, y - c * half, z)
        edge = beam(*ends, (thick, (high - middle) / 2), rim)
        edges += [edge] if k % 2 else seen([edge])
    return [*flats("z", radius - 6, (low, middle), at), *seen([rod("z", radius, (low, middle), floor, at)]), *edges]


def _square(thing: Thing, floor: Color, rim: Color) -> list[Part]:
    """A slab with a rim along its four edges."""
    low, middle, high = _levels(thing)
    (x0, y0, _), (x1, y1, _) = ([1000 * each for each in corner] for corner in (thing.low, thing.high))
    wide, z = 3.0, (middle, high)
    return [box((x0, x1), (y0, y1), (low, middle), floor),
            box((x0, x0 + wide), (y0, y1), z, rim), box((x1 - wide, x1), (y0, y1), z, rim),
            box((x0 + wide, x1 - wide), (y0, y0 + wide), z, rim), box((x0 + wide, x1 - wide), (y1 - wide, y1), z, rim)]


def _patch(x: tuple[float, float], y: tuple[float, float], z: float, color: Color) -> Part:
    """Paint on a floor at height z."""
    return box(x, y, (z - 0.2, z + 0.25), color)


def _spot(x: float, y: float, radius: float, z: float, color: Color, over: float = 0.25) -> Part:
    return rod("z", radius, (z - 0.2, z + over), color, at=(x, y))


def _plate(thing: Thing) -> list[Part]:
    yellow, well = (0.72, 0.83, 0.35), (0.65, 0.76, 0.3)
    return [*_round(thing, yellow, yellow), *seen([_spot(0, 0, 36, _levels(thing)[1], well)])]


def _cloth(thing: Thing) -> list[Part]:
    gray, z = (0.42, 0.42, 0.42), _levels(thing)[1]
    folds = [((-40, 30), (10, 10)), ((10, 10), (45, 25)), ((-45, -10), (-5, -30)), ((-5, -30), (30, -45)),
             ((0, 50), (25, -5)), ((-30, 50), (-20, 15))]
    return [*_square(thing, gray, (0.45, 0.45, 0.45)),
            *seen(limb((*a, z - 1), (*b, z - 1), 2, (0.36, 0.36, 0.36)) for a, b in folds)]


def _carpet(thing: Thing) -> list[Part]:
    z = _levels(thing)[1]
    colors = ((0.6, 0.05, 0.05), (0.85, 0.75, 0.55), (0.75, 0.3, 0.03), (0.12, 0.1, 0.2), (0.7, 0.08, 0.2),
              (0.3, 0.45, 0.2), (0.8, 0.55, 0.1))
    width = 84.0 / 18
    stripes = [_patch((-51, 52), (-42 + k * width, -42 + (k + 1) * width), z, colors[k * 3 % 7]) for k in range(18)]
    return [*_square(thing, (0.35, 0.25, 0.15), (0.5, 0.12, 0.08)), *seen(stripes)]


def _newspaper(thing: Thing) -> list[Part]:
    z = _levels(thing)[1]
    lines = [_patch((26 - 5 * k, 28 - 5 * k), (-50, -3), z, (0.25, 0.25, 0.25)) for k in range(6)]
    lines += [_patch((26 - 5 * k, 28 - 5 * k), (3, 54), z, (0.25, 0.25, 0.25)) for k in range(3)]
    return [*_square(thing, _WHITE, _WHITE), *seen([
        *lines, *(_patch((31, 36), (-44 + 14 * k, -33 + 14 * k), z, _BLACK) for k in range(7)),
        _patch((-34, 10), (4, 54), z, (0.07, 0.08, 0.1)), _patch((-28, -4), (10, 30), z + 0.2, (0.6, 0.45, 0.2)),
        _patch((-34, -5), (-50, -3), z, (0.55, 0.55, 0.55))])]


def _sheet_metal(thing: Thing) -> list[Part]:
    z, bolt = _levels(thing)[1], (0.25, 0.26, 0.28)
    return [*_square(thing, (0.74, 0.77, 0.8), (0.6, 0.63, 0.66)),
            *seen([_spot(x, y, 2.5, z, bolt) for x in (-47, 47) for y in (-39, 39)]
                  + [_patch((x, x + 1), (-44, 44), z, (0.62, 0.65, 0.68)) for x in (-27, 0, 27)])]


def _tablet(thing: Thing) -> list[Part]:
    z, mark = _levels(thing)[1], (0.5, 0.5, 0.5)
    corners = [part for x in (-38, 46) for y in (-34, 34) for part in (
        _patch((x - 2.5, x + 2.5), (y - 0.5, y + 0.5), z + 0.2, mark),
        _patch((x - 0.5, x + 0.5), (y - 2.5, y + 2.5), z + 0.2, mark))]
    return [*_square(thing, (0.03, 0.03, 0.035), (0.05, 0.05, 0.055)),
            *seen([_patch((-42, 50), (-37, 37), z, _BLACK), *corners,
                   *(_patch((-51, -47), (y, y + 7), z, (0.1, 0.1, 0.11)) for y in (-24, -12, 5, 17)),
                   beam((-10, 10, z), (22, -14, z), (1.2, 0.4), (0.16, 0.16, 0.17))])]


def _tomato(thing: Thing) -> list[Part]:
    z, pulp, seed = _levels(thing)[1], (0.42, 0.015, 0.01), (0.75, 0.5, 0.15)
    ring = _AROUND[::2] + [(-c, -s) for c, s in _AROUND[::2]]
    parts = [part for c, s in ring for part in (
        _spot(c * 31, s * 31, 13.5, z, pulp), _spot(c * 35 - s * 4, s * 35 + c * 4, 2.4, z, seed, 0.5),
        _spot(c * 29 + s * 4, s * 29 - c * 4, 2.2, z, seed, 0.5))]
    return [*_round(thing, (0.62, 0.1, 0.08), (0.5, 0.015, 0.015)), *seen(parts)]


def _pizza(thing: Thing) -> list[Part]:
    z, crust = _levels(thing)[1], (0.55, 0.27, 0.07)
    olive, tomato, pepper = (0.03, 0.025, 0.03), (0.6, 0.05, 0.02), (0.1, 0.25, 0.03)
    spots = [*(_spot(x, y, 7, z, tomato, 0.5) for x, y in ((-22, 14), (18, 26), (24, -16), (-8, -30))),
             *(_spot(x, y, 2.8, z, olive, 0.5) for x, y in ((0, 0), (-34, -8), (8, 12), (34, 8), (-12, 34), (8, -20)))]
    strips = [beam((x, y, z), (x + dx, y + dy, z), (1.5, 0.5), pepper)
              for x, y, dx, dy in ((-30, -24, 9, 4), (6, 36, 8, -4), (-6, -12, -8, 3), (30, -30, 4, 8))]
    return [*_round(thing, crust, crust, at=(0.5, 0.8)),
            *seen([_spot(0.5, 0.8, 46, z, (0.55, 0.12, 0.02), 0.1), _spot(0.5, 0.8, 43.5, z, (0.8, 0.5, 0.1), 0.2),
                   *spots, *strips])]


def _bowl(thing: Thing) -> list[Part]:
    red = (0.4, 0.015, 0.015)
    return [*_round(thing, red, red), *seen([_spot(0, 0, 48, _levels(thing)[1], (0.33, 0.012, 0.012))])]


def _disk(thing: Thing) -> list[Part]:
    z, groove = _levels(thing)[1], (0.055, 0.055, 0.055)
    rings = [_spot(0, 0, radius, z, groove if k % 2 == 0 else _BLACK, 0.05 + 0.08 * k)
             for k, radius in enumerate((50, 46, 42, 38, 34, 30, 26, 22))]
    return [*_round(thing, _BLACK, _BLACK), *seen([
        *rings, _spot(0, 0, 17, z, (0.45, 0.03, 0.03), 0.8), _spot(0, 0, 9, z, (0.6, 0.45, 0.2), 0.9),
        _spot(0, 0, 2, z, _BLACK, 1.0)])]


def _pan(thing: Thing) -> list[Part]:
    low, z, high = _levels(thing)
    return [*_round(thing, _BLACK, (0.03, 0.03, 0.03)), box((-6, 6), (53, 61), (low + 2, high), (0.5, 0.33, 0.18)),
            *seen([_spot(0, 0, 46, z, (0.04, 0.04, 0.042))])]


def _mouse_pad(thing: Thing) -> list[Part]:
    z, blue = _levels(thing)[1], (0.1, 0.3, 0.5)
    rest = (0.14, 0.37, 0.58)
    return [*_round(thing, blue, (0.08, 0.24, 0.42), at=(1, 0.5)),
            *seen([limb((30, -24, z - 1), (40, 12, z - 1), 3.5, rest)])]


def _cutting_board(thing: Thing) -> list[Part]:
    z, grain = _levels(thing)[1], (0.2, 0.09, 0.035)
    lines = [_patch((-44, 58), (y, y + 1.2), z, grain) for y in (-44, -33, -21, -12, 3, 11, 24, 36, 45)]
    return [*_square(thing, _WOOD, (0.28, 0.14, 0.06)),
            *seen([*lines, _patch((-56, -49), (-24, 24), z, (0.6, 0.55, 0.5))])]


def _chess_board(thing: Thing) -> list[Part]:
    z, size = _levels(thing)[1], 103 / 6
    dark = [_patch((-51.5 + i * size, -51.5 + (i + 1) * size), (-51.5 + j * size, -51.5 + (j + 1) * size), z, _BLACK)
            for i in range(6) for j in range(6) if (i + j) % 2]
    return [*_square(thing, (0.85, 0.82, 0.62), (0.1, 0.06, 0.03)), *seen(dark)]


def _manhole_cover(thing: Thing) -> list[Part]:
    z, iron, rust = _levels(thing)[1], (0.1, 0.085, 0.075), (0.28, 0.24, 0.17)
    ribs = [beam((x, -math.sqrt(44 ** 2 - x * x), z), (x, math.sqrt(44 ** 2 - x * x), z), (1.3, 0.3), rust)
            for x in range(-36, 37, 8)]
    return [*_round(thing, iron, rust), *seen([
        *ribs, _spot(0, 0, 27, z, rust, 0.45), _spot(0, 0, 24.5, z, (0.18, 0.09, 0.075), 0.55),
        *(_spot(x, y, 3, z, iron, 0.7) for x, y in ((14, 0), (-14, 0), (0, 14), (0, -14))),
        _spot(0, 0, 6, z, rust, 0.7)])]


def _envelope(thing: Thing) -> list[Part]:
    z, fold = _levels(thing)[1], (0.3, 0.2, 0.09)
    return [*_square(thing, (0.52, 0.38, 0.2), (0.56, 0.42, 0.23)), *seen([
        beam((-51, -36, z), (8, 0, z), (0.9, 0.4), fold), beam((-51, 36, z), (8, 0, z), (0.9, 0.4), fold),
        beam((51, -36, z), (12, -3, z), (0.5, 0.3), fold), beam((51, 36, z), (12, 3, z), (0.5, 0.3), fold),
        _spot(6, 0, 5.5, z, (0.5, 0.03, 0.03), 0.6)])]


def _notepad(thing: Thing) -> list[Part]:
    z = _levels(thing)[1]
    lines = [_patch((x, x + 0.9), (-37, 37), z, (0.25, 0.35, 0.65)) for x in range(-46, 36, 6)]
    return [*_square(thing, (0.8, 0.8, 0.78), (0.72, 0.72, 0.7)), *seen([
        *lines, _patch((-52, 40), (26, 26.8), z + 0.1, (0.7, 0.2, 0.25)),
        box((42, 55), (-40, 40), (z - 0.5, z + 2.2), (0.04, 0.04, 0.045))])]


_MAKERS: Sequence[Callable[[Thing], list[Part]]] = (
    _plate, _cloth, _carpet, _newspaper, _sheet_metal, _tablet, _tomato, _pizza, _bowl, _disk, _pan, _mouse_pad,
    _cutting_board, _chess_board, _manhole_cover, _envelope, _notepad)

RECEPTACLES: tuple[tuple[Part, ...], ...] = tuple(
    tuple(make(thing)) for make, thing in zip(_MAKERS, THINGS, strict=True))
"""Per receptacle of the catalogue: its parts, in the frame of the official model."""
