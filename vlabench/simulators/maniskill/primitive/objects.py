"""The 25 objects: the 16 of training and, from `held_out`, the nine of the test, in the catalogue's order."""

from __future__ import annotations

from vlabench.simulators.maniskill.primitive.forms import ball, beam, box, facets, felt, flats, limb, rod, seen
from vlabench.simulators.maniskill.primitive.held_out import HELD_OUT
from vlabench.simulators.maniskill.shapes import Part

_GOLD = (0.5, 0.3, 0.06)
_STEEL = (0.55, 0.56, 0.58)
_RED = (0.5, 0.015, 0.015)
_WHITE = (0.9, 0.9, 0.9)


def _carrot() -> list[Part]:
    orange, green = (0.9, 0.3, 0.03), (0.05, 0.17, 0.06)
    return [*seen([limb((-56, 0, -11), (-20, 0, -9), 6.5, orange),
                   limb((-38, 0, -9), (0, 0, -6), 10.5, orange),
                   limb((-16, 0, -4.5), (6, 0, -2.5), 13.5, orange),
                   limb((0, 0, -1.8), (22, 0, -1.8), 16, orange)]),
            limb((38, 0, 6), (45, 0, 13), 9, green),
            *flats("x", 15.8, (-12, 36), at=(0, -2)), *felt([box((-60, -12), (-7, 7), (-17.8, -3), orange)])]


def _shovel() -> list[Part]:
    sides = [beam((side * 21.8, -60, -10), (side * 9, -8, -9), (5.2, 2.2), _GOLD) for side in (-1, 1)]
    return [box((-17.5, 17.5), (-61, -44), (-12.3, -8), _GOLD), box((-12.8, 12.8), (-44, -8), (-12.3, -8), _GOLD),
            *sides, *seen([limb((0, -6, -5), (0, 79, 0.4), 8.2, _GOLD)]),
            *felt([box((-8, 8), (-8, 86), (-12, 7.6), _GOLD)])]


def _bread() -> list[Part]:
    crust, flour = (0.27, 0.16, 0.1), (0.5, 0.42, 0.36)
    ring = [(8, 0), (4, 7), (-4, 7), (-8, 0), (-4, -7), (4, -7)]
    cuts = [beam((-9, y, 14.2), (9, y, 14.2), (1, 0.8), flour) for y in (-7, 0, 7)]
    cuts += [beam((x, -9, 14.2), (x, 9, 14.2), (1, 0.8), flour) for x in (-7, 0, 7)]
    return [*seen([*(ball(14.3, (x, y, 0), crust) for x, y in ring), ball(14.5, (0, 0, 0), crust), *cuts]),
            *felt([rod("z", 21, (-14.5, 10), crust), rod("z", 15, (10, 14), crust)])]


def _bottle() -> list[Part]:
    plastic, paper, blue = (0.42, 0.5, 0.56), (0.75, 0.82, 0.9), (0.12, 0.25, 0.55)
    at = (0.9, 1.6)
    return [*seen([rod("y", 18.2, (-52.4, 42), plastic, at), rod("y", 18.5, (-40, 34), paper, at),
                   rod("y", 18.7, (-36, -30), blue, at), rod("y", 18.7, (24, 30), blue, at),
                   box((-8, 10), (-16, 10), (19.6, 20.6), blue), box((18.6, 19.6), (-16, 10), (-6, 9), blue),
                   rod("y", 14.5, (42, 52), plastic, at), rod("y", 10.5, (52, 61), plastic, at),
                   rod("y", 7.5, (61, 69), _WHITE, at)]),
            *flats("y", 18.5, (-52.4, 42), at), *felt([rod("y", 11, (42, 69), plastic, at)])]


def _lemonade_can() -> list[Part]:
    green, yellow = (0.0, 0.2, 0.04), (0.85, 0.75, 0.05)
    return [*seen([rod("y", 16.4, (-30, 27), green), rod("y", 13.6, (-31.4, 29.6), _STEEL),
                   rod("y", 16.6, (20, 24), yellow), rod("y", 16.6, (-26, -23), _WHITE),
                   rod("z", 5.5, (-16.5, 16.6), _RED, at=(0, -3)), rod("x", 5.5, (-16.5, 16.6), _RED, at=(-3, 0)),
                   box((-2, 2), (-14, 8), (-16.4, 16.8), _WHITE), box((-16.4, 16.8), (-14, 8), (-2, 2), _WHITE)]),
            *flats("y", 16.5, (-31.4, 29.6))]


def _zucchini() -> list[Part]:
    green, stalk = (0.04, 0.15, 0.015), (0.35, 0.45, 0.12)
    path = [(36.0, -4.5, 0.7), (8.0, -0.5, 0.7), (-22.0, -2.0, 0.5), (-42.0, -8.5, 0.0)]
    body = [limb(a, b, r, green) for a, b, r in zip(path, path[1:], (11.9, 12.2, 10.5), strict=False)]
    return [*seen([*body, rod("x", 5, (36, 48.6), (0.6, 0.6, 0.4), at=(-5.5, 0.7)),
                   limb((-48, -11, 0), (-57, -13, 0), 4.5, stalk)]),
            *felt([beam((45, -4.5, 0.5), (6, -0.5, 0.5), (11.5, 12.5), green),
                   beam((6, -0.5, 0.5), (-26, -2.5, 0.5), (11.5, 12.5), green),
                   beam((-22, -3, 0.3), (-58, -11, -0.5), (8, 9), green)])]


def _ketchup() -> list[Part]:
    red, paper = (0.33, 0.015, 0.015), (0.75, 0.6, 0.55)
    return [*seen([rod("y", 10.3, (-21, 43.9), red), rod("y", 8.8, (-25, -21), red),
                   limb((0, -24, 0), (0, -30, 0), 4, red), limb((0, -26, 0), (0, -35.5, 0), 1.9, red),
                   rod("y", 10.4, (38, 40), (0.2, 0.01, 0.01)), box((-1.5, 1.5), (8, 26), (-10.4, 10.5), paper),
                   box((-10.4, 10.5), (8, 26), (-1.5, 1.5), paper)]),
            *flats("y", 10.3, (-21, 43.9)), *felt([box((-4, 4), (-36, -21), (-4, 4), red)])]


def _watering_can() -> list[Part]:
    tin, dark = (0.09, 0.1, 0.09), (0.03, 0.03, 0.03)
    hoop = [(-19.0, 0.3, -8.0), (-38.0, 0.3, 4.0), (-38.0, 0.3, 18.0), (-22.0, 0.3, 26.5), (2.0, 0.3, 27.0),
            (15.0, 0.3, 17.0)]
    return [rod("z", 19.8, (-19.2, 17), tin, at=(0, 0.3)), *seen([rod("z", 17.5, (17, 17.3), dark, at=(0, 0.3))]),
            limb((14, 0.3, -8), (62, 0.3, 15), 5.5, tin), *seen([ball(6.5, (61, 0.3, 15), tin)]),
            *seen(limb(a, b, 2.6, tin) for a, b in zip(hoop, hoop[1:], strict=False)),
            *felt([box((-41, -19), (-3, 3.5), (2, 24), tin), box((-30, 14), (-3, 3.5), (17, 29.5), tin)])]


def _pipe() -> list[Part]:
    iron, hole = (0.13, 0.145, 0.16), (0.03, 0.03, 0.03)
    return [*seen([rod("y", 14, (-36, 36), iron), rod("y", 17.3, (-36.5, -31), iron), rod("y", 17.3, (31, 36.5), iron),
                   rod("y", 11.5, (-36.9, 36.9), hole)]),
            *flats("y", 17.3, (-36.9, 36.9))]


def _bear() -> list[Part]:
    fur, snout, dark = (0.62, 0.42, 0.25), (0.8, 0.65, 0.48), (0.03, 0.02, 0.02)
    pairs = [part for side in (-1, 1) for part in (
        ball(5.6, (side * 11, 1, 24.7), fur), limb((side * 10, -3, -20), (side * 14, -12, -20), 6.3, fur),
        limb((side * 13, 0, 2), (side * 17, -8, -6), 4.8, fur), ball(1.6, (side * 5.5, -14.2, 16), dark))]
    return [*seen([limb((0, 1, -14), (0, 1, -3), 15.5, fur), ball(15, (0, 0, 14), fur),
                   ball(6.5, (0, -12.5, 10), snout), ball(2, (0, -18.6, 12), dark), *pairs]),
            *felt([box((-19.5, 19.5), (-18, 15), (-26.1, -14), fur), box((-15, 15), (-13, 16.2), (-14, 29), fur),
                   box((-21, 21), (-11, 4), (-10, 5), fur), box((-5, 5), (-20, -13), (5.5, 14.5), fur)])]


def _fast_food_cup() -> list[Part]:
    red = (0.62, 0.0, 0.0)
    return [*seen([rod("z", 10.2, (-22, 0), red), rod("z", 11.5, (0, 16), red), rod("z", 11.7, (3, 8), _WHITE)]),
            limb((0, 0, 20), (0, 1.5, 30.4), 1.3, (0.25, 0.02, 0.02)),
            rod("z", 12.4, (14, 20.5), red), *flats("z", 10, (-22, 14))]


def _plant() -> list[Part]:
    clay, leaf, soil = (0.25, 0.09, 0.05), (0.04, 0.09, 0.03), (0.05, 0.03, 0.02)
    tips = [(16, 0, 24), (8, 17, 27), (-8, 17, 23), (-17, 0, 26), (-8, -17, 24), (8, -17, 25), (0, 0, 27.5)]
    leaves = [limb((x / 2.5 - 0.5, y / 2.5, -4), (x - 1, y, z), 3.6, leaf) for x, y, z in tips]
    return [*seen([rod("z", 14.8, (-41.1, -12), clay, at=(0.5, 0)), rod("z", 15, (-3, -2.5), soil), *leaves]),
            rod("z", 17.5, (-12, -3), clay), *flats("z", 14.8, (-41.1, -12), at=(0.5, 0)),
            *felt([rod("z", 20, (-3, 29), leaf, at=(-1, 0))])]


def _banana() -> list[Part]:
    yellow, tip = (0.7, 0.42, 0.03), (0.2, 0.12, 0.04)
    path = [(-44.0, -15.5, 0.0), (-24.0, -1.5, 0.0), (0.0, 4.5, 0.0), (24.0, 0.5, 0.0), (38.0, -9.0, 0.0)]
    radii = (8.4, 9.2, 9.2, 8.4)
    body = [limb(a, b, r, yellow) for a, b, r in zip(path, path[1:], radii, strict=False)]
    return [*seen([*body, limb((41, -12, 0), (50, -22, -1), 3.6, yellow), ball(3, (51, -23, -1.2), tip),
                   ball(3.4, (-50, -20, 0), tip)]),
            *felt([beam((-50, -19, 0), (-20, 0.5, 0), (7.5, 9.2), yellow),
                   beam((-23, 3.5, 0), (24, 3.5, 0), (8.5, 9.2), yellow),
                   beam((20, 2, 0), (46, -15, 0), (7, 9.2), yellow)])]


def _hamburger() -> list[Part]:
    bun, seed = (0.5, 0.17, 0.04), (0.85, 0.7, 0.45)
    seeds = [(0, 0, 22), (9, 3, 19.6), (-8, 6, 19.4), (4, -10, 19.1), (-7, -8, 19.2), (2, 11, 18.6)]
    return [*seen([rod("z", 22.5, (-18.9, -10), bun), rod("z", 23.5, (-10, -4), (0.1, 0.04, 0.02)),
                   rod("z", 22.5, (-4, -2.5), (0.9, 0.6, 0.05)), rod("z", 25, (-2.5, 0), (0.15, 0.4, 0.04)),
                   rod("z", 23.3, (0, 2.5), (0.6, 0.05, 0.03)), rod("z", 22.7, (2.5, 7.5), bun),
                   ball(20.6, (0, 0, 1.6), bun), *(ball(1.3, at, seed) for at in seeds)]),
            *felt([rod("z", 23.5, (-18.9, 7.5), bun), rod("z", 15, (7.5, 20), bun)])]


def _golf_ball() -> list[Part]:
    return [*seen([ball(15.0, (0, 0, 0), _WHITE)]), *facets(14.9, (0, 0, 0))]


def _barbecue_sauce() -> list[Part]:
    sauce, paper, yellow = (0.05, 0.02, 0.02), (0.5, 0.6, 0.75), (0.8, 0.6, 0.05)
    sides = [rod("z", radius, z, sauce, at=(x, 0)) for radius, z, reach in ((15, (-28.6, 12), 11), (11, (12, 19), 9))
             for x in (-reach, reach)]
    return [*seen([*sides, box((-11, 11), (-15, 15), (-28.6, 12), sauce), box((-9, 9), (-11, 11), (12, 19), sauce),
                   rod("z", 12.5, (19, 24), sauce), rod("z", 10.3, (30, 33), (0.3, 0.03, 0.03)),
                   box((-12, 12), (-15.4, 15.4), (-21, 6), paper), rod("y", 7.5, (-15.8, 15.8), yellow, at=(0, -8))]),
            rod("z", 10, (24, 48.6), paper),
            *felt([box((-25.5, 25.5), (-10, 10), (-28.6, 12), sauce),
                   box((-18, 18), (-15.2, 15.2), (-28.6, 20), sauce)])]


OBJECTS: tuple[tuple[Part, ...], ...] = (
    *(tuple(make()) for make in (
        _carrot, _shovel, _bread, _bottle, _lemonade_can, _zucchini, _ketchup, _watering_can, _pipe, _bear,
        _fast_food_cup, _plant, _banana, _hamburger, _golf_ball, _barbecue_sauce)),
    *HELD_OUT)
"""Per object of the catalogue: its parts, in the frame of the official model."""
