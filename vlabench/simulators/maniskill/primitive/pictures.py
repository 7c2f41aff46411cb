"""The 21 pictures of a table and what is behind it, as the scene's camera sees them, and the 21 textures to blend in.

A table's top is where the physics has it: the picture is a view of that plane from that camera, so that things stand on
it. The top ends behind, in front and to the left of the places where things are put; to the right it leaves the view.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vlabench.simulators.maniskill.primitive.patterns import Field, Paint
from vlabench.simulators.maniskill.primitive.tables import DEPTH, LOOKS
from vlabench.simulators.maniskill.primitive.textures import TEXTURES

HEIGHT, WIDTH = 480, 640
_EYE = (0.147, 0.188, 1.230)
"""The camera's place (m) in the world."""
_TURN = ((-0.634613, 0.483933, -0.602558), (-0.350941, -0.875105, -0.333214), (-0.688555, 0.0, 0.725184))
"""Columns: where it looks, its left, its up."""
_FOCAL, _MIDDLE = 623.588, (319.501, 239.545)
_TOP, _FLOOR, _WALL = 0.8697, 0.30, -0.62
"""Heights (m) of table top and floor; where the wall stands (x)."""
_BEHIND, _LEFT, _THICK = -0.347, -0.30, 0.018
"""Of the table top (m): its edges behind (x) and to the left (y), and how much of its front is seen."""

Mask = NDArray[np.bool_]
Place = tuple[Field, Field]
"""Two coordinates (m) per pixel."""


@dataclass(frozen=True)
class _View:
    """Where the rays of the pixels meet the planes: of the top (x, y), of the floor (x, y), of the wall (y, z).

    middle: distance from the middle of the picture, 0 … about 0.6, squared.
    """

    top: Place
    floor: Place
    wall: Place
    middle: Field


@functools.cache
def _view(pitch: int) -> _View:
    """Of every pixel, or of squares of `pitch` pixels."""
    rows, columns = _grid(pitch)
    left = (np.float32(_MIDDLE[0]) - columns) / np.float32(_FOCAL)
    up = (np.float32(_MIDDLE[1]) - rows) / np.float32(_FOCAL)
    x, y, z = (np.float32(a) + np.float32(b) * left + np.float32(c) * up for a, b, c in _TURN)
    down: Field = np.minimum(z, np.float32(-0.02))
    away: Field = np.minimum(x, np.float32(-0.02))

    def level(height: float) -> Place:
        far = np.float32(height - _EYE[2]) / down
        return np.float32(_EYE[0]) + far * x, np.float32(_EYE[1]) + far * y

    far = np.float32(_WALL - _EYE[0]) / away
    wall = np.float32(_EYE[1]) + far * y, np.float32(_EYE[2]) + far * z
    return _View(level(_TOP), level(_FLOOR), wall, left * left + up * up)


def _grid(pitch: int) -> tuple[Field, Field]:
    """Rows and columns of the middles of squares of `pitch` pixels."""
    rows, columns = (np.arange(size // pitch, dtype=np.float32) * pitch + np.float32(pitch / 2)
                     for size in (HEIGHT, WIDTH))
    first, second = np.meshgrid(rows, columns, indexing="ij")
    return first, second


def _painted(paint: Paint, u: Field, v: Field, light: Field, where: Mask) -> NDArray[np.uint8]:
    """Bytes of a surface that is seen in a part of the picture, each for two pixels each way: noise is not cheap."""
    small = np.zeros((*where.shape, 3), np.uint8)
    colors = paint(u[where], v[where]) * light[where][:, None]
    small[where] = (np.clip(colors, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    return small.repeat(2, 0).repeat(2, 1)


def _on_top(view: _View, margin: float) -> Mask:
    x, y = view.top
    inside: Mask = ((x >= _BEHIND - margin) & (x <= _BEHIND + DEPTH + margin) & (y >= _LEFT - margin))
    return inside


def table(number: int) -> NDArray[np.uint8]:
    """The view of a table of the catalogue, 0 … 20; uint8 [480, 640, 3], red first."""
    look, view = LOOKS[number], _view(2)
    u, v = (view.top[0] - np.float32(_BEHIND)) * 10, (view.top[1] - np.float32(_LEFT)) * 10
    shine: Field = np.clip(1 - ((u - np.float32(2.6)) ** 2 + (v - np.float32(2.4)) ** 2) / np.float32(2.5), 0, 1)
    light = np.float32(1.04) - view.middle * np.float32(0.25) + np.float32(look.gloss) * shine
    shade: Field = np.clip(np.float32(0.72) + np.maximum(-u, -v) * np.float32(0.16), 0, 1)
    beside = ~_on_top(view, -0.006)  # margins, as edges are drawn at full size
    top = _painted(look.top, u, v, light, _on_top(view, 0.006))
    wall = _painted(look.wall, view.wall[0] * 4, view.wall[1] * 4, shade, beside & (view.wall[1] > _FLOOR - 0.01))
    floor = _painted(look.floor, view.floor[0] * 4, view.floor[1] * 4, shade * np.float32(0.8),
                     beside & (view.wall[1] < _FLOOR + 0.01))
    edge = (np.asarray(look.edge, np.float32) * 255).astype(np.uint8)

    whole = _view(1)
    x, front = whole.top[0], _BEHIND + DEPTH
    on_edge = (x > front) & (x <= front + _THICK) & (whole.top[1] >= _LEFT)
    picture = np.where((whole.wall[1] > _FLOOR)[..., None], wall, floor)
    picture = np.where(on_edge[..., None], edge, picture)
    return np.where(_on_top(whole, 0.0)[..., None], top, picture)


def texture(number: int) -> NDArray[np.uint8]:
    """The texture of a table of the catalogue, 0 … 20; uint8 [480, 640, 3], red first."""
    rows, columns = _grid(2)
    whole = np.ones_like(rows)
    return _painted(TEXTURES[number], columns / np.float32(48), rows / np.float32(48), whole, whole > 0)
