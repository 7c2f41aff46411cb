"""What generated pictures are painted with: noise, wood, stone, tiles …, from coordinates on a surface to colours.

The same bits on every machine: sums, products, quotients and roots of single numbers, which every processor rounds
alike; no sine, no exponential, no sum over an array, nothing of OpenCV's. Colours are float32 [..., 3], 0 … 1, as they
are seen.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlabench.seeding import generator

Field = NDArray[np.float32]
"""One number per pixel, or a coordinate of it; colours with one axis more."""
Color = tuple[float, float, float]
Paint = Callable[[Field, Field], Field]
"""From two coordinates on a surface (dm on a table, tenths of its height on a texture) to colours."""
_LATTICE = 64


@functools.cache
def _lattice(seed: int) -> Field:
    return generator("maniskill", "primitive", "noise", seed).random((_LATTICE, _LATTICE), np.float32)


def noise(u: Field, v: Field, seed: int) -> Field:
    """Smooth between the values of a random lattice of unit pitch; 0 … 1."""
    lattice = _lattice(seed).ravel()
    low_u, low_v = np.floor(u), np.floor(v)
    part_u, part_v = u - low_u, v - low_v
    part_u, part_v = part_u * part_u * (3 - 2 * part_u), part_v * part_v * (3 - 2 * part_v)
    i, j = low_u.astype(np.int32) % _LATTICE, low_v.astype(np.int32) % _LATTICE
    up, right = (i + 1) % _LATTICE * _LATTICE, (j + 1) % _LATTICE
    i *= _LATTICE
    a, b, c, d = lattice[i + j], lattice[i + right], lattice[up + j], lattice[up + right]
    near, far = a + (b - a) * part_v, c + (d - c) * part_v
    between: Field = near + (far - near) * part_u
    return between


def clouds(u: Field, v: Field, seed: int, octaves: int = 3) -> Field:
    """Noise of several pitches, each half the last; 0 … 1, mostly in the middle."""
    total, weight, whole = np.zeros_like(u), np.float32(1), np.float32(0)
    for k in range(octaves):
        total = total + weight * noise(u * np.float32(2 ** k), v * np.float32(2 ** k), seed + k)
        whole, weight = whole + weight, weight / np.float32(2)
    return total / whole


def mix(a: Any, b: Any, share: Field) -> Field:
    """Colours between a and b, each one colour or a field of them."""
    first, second = np.asarray(a, np.float32), np.asarray(b, np.float32)
    between = np.clip(share, 0, 1)[..., None]
    return first + (second - first) * between


def saw(x: Field) -> Field:
    return x - np.floor(x)


def tent(x: Field) -> Field:
    """0 at whole numbers, 1 between them."""
    return 1 - np.abs(2 * saw(x) - 1)


def cells(u: Field, v: Field, seed: int) -> tuple[Field, Field]:
    """Around random points, one per unit square: 0 on the borders … about 1 inside; and a random number per cell."""
    low_u, low_v = np.floor(u), np.floor(v)
    first, second, owner = np.full_like(u, 9), np.full_like(u, 9), np.zeros_like(u)
    for du in (-1, 0, 1):
        for dv in (-1, 0, 1):
            i, j = (low_u.astype(np.int32) + du) % _LATTICE, (low_v.astype(np.int32) + dv) % _LATTICE
            x, y = low_u + du + _lattice(seed)[i, j] - u, low_v + dv + _lattice(seed + 1)[i, j] - v
            distance = x * x + y * y
            nearer = distance < first
            second = np.where(nearer, first, np.minimum(second, distance))
            owner = np.where(nearer, _lattice(seed + 2)[i, j], owner)
            first = np.minimum(first, distance)
    return np.sqrt(second) - np.sqrt(first), owner


def bricks(u: Field, v: Field, size: tuple[float, float], joint: float, shift: float = 0.5) -> tuple[Field, Field]:
    """1 on bricks and 0 in the joints between them; and a random number per brick."""
    row = np.floor(v / np.float32(size[1]))
    along = u / np.float32(size[0]) + row * np.float32(shift)
    across = saw(v / np.float32(size[1]))
    solid = (saw(along) * np.float32(size[0]) > joint) & (across * np.float32(size[1]) > joint)
    number = _lattice(7)[np.floor(along).astype(np.int32) % _LATTICE, row.astype(np.int32) % _LATTICE]
    return solid.astype(np.float32), number


def plain(color: Color, grain: float = 0.04, seed: int = 11) -> Paint:
    return lambda u, v: mix(color, (0, 0, 0), (clouds(u * 3, v * 3, seed, 2) - 0.5) * np.float32(grain * 4))


def wood(light: Color, dark: Color, plank: float = 100, seed: int = 21) -> Paint:
    """Grain along the second coordinate; plank: the width of a board."""
    def paint(u: Field, v: Field) -> Field:
        board = np.floor(u / np.float32(plank))
        place = v + board * np.float32(3.7)
        grain = clouds(u * 12, place * np.float32(0.8), seed, 2)
        rings = tent(noise(u * 2, place * np.float32(0.3), seed + 5) * 5 + u * np.float32(0.7))
        seam = saw(u / np.float32(plank)) * np.float32(plank) < 0.03
        tone = _lattice(seed)[0][board.astype(np.int32) % _LATTICE] * np.float32(0.3 if plank < 100 else 0)
        return mix(light, dark, grain * np.float32(0.6) + rings * np.float32(0.35) + tone + seam - np.float32(0.1))
    return paint


def marble(ground: Color, vein: Color, seed: int = 31) -> Paint:
    def paint(u: Field, v: Field) -> Field:
        bend = clouds(u * np.float32(1.3), v * np.float32(1.3), seed)
        bent = clouds(u * np.float32(0.9) + bend * 2, v * np.float32(0.9) + bend * 2, seed + 4)
        line = np.abs(bent - np.float32(0.5))
        return mix(vein, ground, np.minimum(line * 12, 1) * np.float32(0.75) + bend * np.float32(0.3))
    return paint


def grass(light: Color, dark: Color, seed: int = 41) -> Paint:
    return lambda u, v: mix(dark, light, noise(u * 24, v * 24, seed) * np.float32(0.7)
                            + noise(u * 3, v * 3, seed + 1) * np.float32(0.4))


def stone(light: Color, dark: Color, pitch: float = 2, sharp: float = 2, seed: int = 51) -> Paint:
    """Blots; sharp: how hard their edges are."""
    return lambda u, v: mix(dark, light, (clouds(u * np.float32(pitch), v * np.float32(pitch), seed, 4)
                                          - np.float32(0.5)) * np.float32(sharp) + np.float32(0.5))


def tiles(color: Color, other: Color, joint_color: Color, size: tuple[float, float], joint: float,
          shift: float = 0.5, rough: float = 0.2) -> Paint:
    """Bricks between two colours."""
    def paint(u: Field, v: Field) -> Field:
        solid, number = bricks(u, v, size, joint, shift)
        face = mix(color, other, number + (noise(u * 9, v * 9, 61) - np.float32(0.5)) * np.float32(rough * 4))
        return mix(joint_color, face, solid)
    return paint


def checks(color: Color, other: Color, pitch: float) -> Paint:
    def paint(u: Field, v: Field) -> Field:
        odd = (np.floor(u / np.float32(pitch)) + np.floor(v / np.float32(pitch))) % 2
        return mix(color, other, odd)
    return paint


def tartan(ground: Color, stripes: Sequence[tuple[float, float, Color]], sett: float) -> Paint:
    """Stripes (from, to as shares of the sett, colour) both ways, woven."""
    def paint(u: Field, v: Field) -> Field:
        both = []
        for x in (saw(u / np.float32(sett)), saw(v / np.float32(sett))):
            color = np.zeros((*u.shape, 3), np.float32) + np.asarray(ground, np.float32)
            for start, end, stripe in stripes:
                color = np.where(((x >= start) & (x < end))[..., None], np.asarray(stripe, np.float32), color)
            both.append(color)
        return mix(both[0], both[1], np.float32(0.35) + np.float32(0.3) * (saw((u + v) * 8) < 0.5))
    return paint


def cobbles(colors: tuple[Color, Color], joint: Color, pitch: float, gap: float, seed: int = 71) -> Paint:
    """Round stones; gap: how wide the joints are, 0 … 1."""
    def paint(u: Field, v: Field) -> Field:
        inside, number = cells(u * np.float32(pitch), v * np.float32(pitch), seed)
        face = mix(colors[0], colors[1], number + (noise(u * 12, v * 12, seed + 3) - np.float32(0.5)) * np.float32(0.5))
        return mix(joint, face, (inside - np.float32(gap)) * 6)
    return paint


def bands(colors: Sequence[Color], pitch: float, seed: int = 81) -> Paint:
    """Ragged bands, one colour after the other."""
    def paint(u: Field, v: Field) -> Field:
        ragged = clouds(u * np.float32(1.2), v * np.float32(1.2), seed, 4) * np.float32(2.5)
        number = (u + v * np.float32(0.4)) / np.float32(pitch) + ragged
        palette = np.asarray(colors, np.float32)
        here = np.floor(number).astype(np.int32)
        return mix(palette[here % len(colors)], palette[(here + 1) % len(colors)], saw(number) * 3 - 2)
    return paint
