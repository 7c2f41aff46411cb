"""The words that generated things are put together from; in millimetres, where a `Part` is in metres.

Turns are made with square roots alone, which every processor rounds alike.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from typing import Literal

from vlabench.simulators.maniskill.shapes import ALONG_X, ALONG_Y, ALONG_Z, Part

Axis = Literal["x", "y", "z"]
Point = tuple[float, float, float]
Color = tuple[float, float, float]
Turn = tuple[float, float, float, float]
Span = tuple[float, float]

_TURNS: dict[Axis, Turn] = {"x": ALONG_X, "y": ALONG_Y, "z": ALONG_Z}


def box(x: Span, y: Span, z: Span, color: Color) -> Part:
    """The box between two planes across each axis."""
    spans = (x, y, z)
    half = tuple((high - low) / 2000 for low, high in spans)
    middle = tuple((low + high) / 2000 for low, high in spans)
    return Part("box", half, (middle[0], middle[1], middle[2]), color=color)


def rod(axis: Axis, radius: float, ends: Span, color: Color, at: tuple[float, float] = (0.0, 0.0)) -> Part:
    """A cylinder along an axis, from one end to the other; `at`: its place on the two other axes, in their order."""
    return Part("cylinder", (radius / 1000, (ends[1] - ends[0]) / 2000), _on(axis, ends, at), _TURNS[axis], color)


def ball(radius: float, at: Point, color: Color) -> Part:
    return Part("sphere", (radius / 1000,), (at[0] / 1000, at[1] / 1000, at[2] / 1000), color=color)


def limb(a: Point, b: Point, radius: float, color: Color) -> Part:
    """A capsule whose round ends have their centres at a and b."""
    middle, length, turn = _between(a, b)
    return Part("capsule", (radius / 1000, length / 2), middle, turn, color)


def beam(a: Point, b: Point, half: tuple[float, float], color: Color) -> Part:
    """A box from a to b; half: of its edges across, first the level one, if a and b are level."""
    middle, length, turn = _between(a, b)
    return Part("box", (length / 2, half[0] / 1000, half[1] / 1000), middle, turn, color)


def flats(axis: Axis, radius: float, ends: Span, at: tuple[float, float] = (0.0, 0.0)) -> list[Part]:
    """What touches in the place of a rod: two crossing boxes, whose hull is an octagon around it.

    A true cylinder that lies would roll at the least push, and for ever: the engine knows no rolling friction. One that
    stands would wobble as long.
    """
    parts = []
    for first, second in ((radius, radius / 2), (radius / 2, radius)):
        u, v = (at[0] - first, at[0] + first), (at[1] - second, at[1] + second)
        x, y, z = {"x": (ends, u, v), "y": (u, ends, v), "z": (u, v, ends)}[axis]
        parts.append(box(x, y, z, (0.5, 0.5, 0.5)))
    return felt(parts)


def facets(radius: float, at: Point) -> list[Part]:
    """What touches in the place of a ball: six flat sides, for the same reason."""
    narrow, inner = 0.36 * radius, 0.68 * radius
    sides = ((radius, narrow, narrow), (narrow, radius, narrow), (narrow, narrow, radius), (inner, inner, inner))
    spans = [[(middle - half, middle + half) for middle, half in zip(at, side, strict=True)] for side in sides]
    return felt(box(x, y, z, (0.5, 0.5, 0.5)) for x, y, z in spans)


def seen(parts: Iterable[Part]) -> list[Part]:
    """The parts, to see alone."""
    return [dataclasses.replace(part, solid=False) for part in parts]


def felt(parts: Iterable[Part]) -> list[Part]:
    """The parts, to touch alone."""
    return [dataclasses.replace(part, drawn=False) for part in parts]


def _on(axis: Axis, ends: Span, at: tuple[float, float]) -> Point:
    middle = sum(ends) / 2000
    u, v = at[0] / 1000, at[1] / 1000
    return {"x": (middle, u, v), "y": (u, middle, v), "z": (u, v, middle)}[axis]


def _between(a: Point, b: Point) -> tuple[Point, float, Turn]:
    """Middle (m), length (m), and the turn that leads the x-axis from a to b."""
    x, y, z = ((high - low) / 1000 for low, high in zip(a, b, strict=True))
    length = math.sqrt(x * x + y * y + z * z)
    middle = ((a[0] + b[0]) / 2000, (a[1] + b[1]) / 2000, (a[2] + b[2]) / 2000)
    if x < 0:  # a part looks the same from both its ends
        x, y, z = -x, -y, -z
    w = 1 + x / length
    size = math.sqrt(w * w + (z * z + y * y) / (length * length))
    return middle, length, (w / size, 0.0, -z / length / size, y / length / size)
