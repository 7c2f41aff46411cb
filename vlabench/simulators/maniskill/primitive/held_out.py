"""The nine objects that training never sees, in the catalogue's order."""

from __future__ import annotations

from vlabench.simulators.maniskill.primitive.forms import ball, beam, box, facets, felt, flats, limb, rod, seen
from vlabench.simulators.maniskill.shapes import Part

_GOLD = (0.5, 0.3, 0.06)
_WHITE = (0.9, 0.9, 0.9)


def _travel_cup() -> list[Part]:
    blue, lid = (0.33, 0.5, 0.75), (0.25, 0.4, 0.62)
    at = (-2.5, 0.0)
    return [*seen([rod("y", 17.2, (-40.3, 14), blue, at), rod("y", 15.3, (14, 19), blue, at),
                   rod("y", 13.1, (19, 45.6), lid, at), limb((12, -30, 0), (27, -30, 0), 3.6, blue),
                   limb((27, -30, 0), (28, 6, 0), 3.6, blue), limb((28, 6, 0), (12, 6, 0), 3.6, blue)]),
            *flats("y", 17.2, (-40.3, 14), at), *felt([rod("y", 13.1, (14, 45.6), blue, at),
                                                       box((14, 31), (-33, 10), (-6, 6), blue)])]


def _pepper() -> list[Part]:
    green, stalk = (0.07, 0.19, 0.01), (0.16, 0.3, 0.05)
    lobes = [limb((x, y, -8.4), (x, y, 4.5), 14.4, green) for x in (-7.6, 7.6) for y in (-7.6, 7.6)]
    return [*seen([*lobes, limb((0, 0, 13), (2, 1, 20), 2.8, stalk)]),
            *felt([rod("z", 21, (-22.8, 18), green), box((-3, 4), (-3, 3), (18, 22.3), stalk)])]


def _nonstop_can() -> list[Part]:
    black, blue, red = (0.02, 0.02, 0.02), (0.06, 0.35, 0.55), (0.5, 0.03, 0.03)
    return [*flats("z", 17, (-42.8, 40)), *seen([
        rod("z", 17, (-42.8, 40), black), rod("z", 15, (40, 42.5), (0.55, 0.56, 0.58)), rod("z", 17.1, (-20, 16), blue),
        rod("z", 17.2, (-14, 10), black), rod("z", 17.3, (-12, -8), red), rod("z", 17.3, (4, 7), red),
        box((-6, 6), (-17.4, 17.4), (-5, 1), _WHITE), box((-17.4, 17.4), (-6, 6), (-5, 1), _WHITE)])]


def _potato() -> list[Part]:
    skin, eye = (0.42, 0.21, 0.045), (0.28, 0.15, 0.04)
    eyes = [ball(1.5, at, eye) for at in ((6, 10, 18.5), (-9, -6, 18.8), (11, -14, 17), (-4, 24, 15.5))]
    return [*seen([limb((-2.2, -14, 0), (-1.2, 8, 0), 21.8, skin), limb((2.6, -12, -0.2), (1, 12, -0.7), 21.6, skin),
                   limb((0, -14, 0), (0, 18.5, -2), 18, skin), *eyes]),
            *felt([box((-9.5, 9.5), (-22, 20), (-22.3, 21.8), skin), box((-24, 24), (-22, 20), (-9.5, 9), skin),
                   limb((0, -17.5, 0), (0, 18, -1), 18, skin)])]


def _baguette() -> list[Part]:
    crust, crumb = (0.62, 0.33, 0.12), (0.75, 0.55, 0.33)
    cuts = [beam((-5, y - 6, 12.6), (9, y + 6, 12.6), (2, 0.9), crumb) for y in (-48, -24, 0, 24, 48)]
    return [*seen([limb((-4.8, -52, 0), (-4.8, 50, 0), 12.4, crust), limb((7.2, -52, 0), (7.2, 50, 0), 12.4, crust),
                   limb((1.2, -58, 0), (1.2, 56, 0), 12.5, crust), *cuts]),
            *felt([box((-9, 11), (-62, 60), (-12.4, 12.8), crust), box((-17, 19.5), (-56, 54), (-6, 6), crust),
                   limb((1.2, -58, 0), (1.2, 56, 0), 12, crust)])]


def _champagne_glass() -> list[Part]:
    glass, inside = (0.4, 0.42, 0.45), (0.25, 0.27, 0.3)
    return [*flats("z", 11.8, (-54.1, -50)), *seen([
        rod("z", 11.8, (-54.1, -51), glass), rod("z", 1.8, (-51, -15), glass),
        limb((0, 0, -3), (0, 0, 14), 14.1, glass), rod("z", 11.5, (20, 31), glass), rod("z", 9.8, (31, 31.3), inside)]),
        *felt([rod("z", 6, (-51, -10), glass), rod("z", 13.6, (-10, 22), glass), rod("z", 11.5, (22, 31), glass)])]


def _spoon() -> list[Part]:
    hollow = (0.33, 0.19, 0.035)
    return [rod("z", 24.3, (-1.4, 6), _GOLD, at=(0, -51.8)),
            *seen([rod("z", 20, (6, 6.3), hollow, at=(0, -51.8)), limb((0, -30, 5), (0, 2, 10.5), 5.5, _GOLD),
                   limb((0, 2, 10.5), (0, 44, 6), 5.8, _GOLD), rod("z", 2.5, (6, 12.5), hollow, at=(0, 43))]),
            *felt([box((-7, 7), (-30, 50), (-1.4, 14.5), _GOLD)])]


def _onion() -> list[Part]:
    skin, dry = (0.14, 0.015, 0.03), (0.33, 0.14, 0.1)
    return [*seen([ball(25, (0, 2, 0), skin), limb((0, -16, 0), (0, -21, 0), 9, skin),
                   limb((0, -22, 0), (0.5, -28.5, 1), 2.8, dry), rod("y", 4, (25, 30), dry)]),
            *facets(25, (0, 2, 0)), *felt([box((-4, 4), (-30, 30), (-4, 4), dry)])]


def _cup() -> list[Part]:
    red, inside = (0.3, 0.015, 0.015), (0.12, 0.01, 0.01)
    loop = [(19.0, 0.0, 30.0), (32.0, 0.0, 30.0), (32.0, 0.0, 7.0), (19.0, 0.0, 7.0)]
    return [*flats("z", 22, (-1.2, 36)), *seen([rod("z", 22, (-1.2, 36), red), rod("z", 19.3, (36, 36.3), inside)]),
            *seen(limb(a, b, 3.8, red) for a, b in zip(loop, loop[1:], strict=False)),
            *felt([box((20, 36), (-5, 5), (3, 34), red)])]


HELD_OUT: tuple[tuple[Part, ...], ...] = tuple(tuple(make()) for make in (
    _travel_cup, _pepper, _nonstop_can, _potato, _baguette, _champagne_glass, _spoon, _onion, _cup))
