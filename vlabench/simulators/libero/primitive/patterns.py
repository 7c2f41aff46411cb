"""Small procedural textures (PNG bytes) that the primitive pack draws on its furniture, floors and walls.

Every pattern repeats without a seam and is at most 64 pixels wide, because texture bytes are part of what a frame costs
on a CPU rasteriser. Only `random.Random.random` and arithmetic that IEEE 754 fixes to the last bit are used (no sines),
so the bytes are the same everywhere.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from vlabench.simulators.libero.primitive.png import png

Rgb = tuple[int, int, int]
SIDE = 64
"""Width and height of every pattern, in pixels."""


def _shade(colour: Rgb, factor: float) -> Rgb:
    red, green, blue = (min(255, max(0, round(channel * factor))) for channel in colour)
    return (red, green, blue)


def _wave(turns: float) -> float:
    """A sine's look-alike from two parabolas: period 1, range −1 to 1."""
    phase = turns % 1
    return 16 * phase * (0.5 - phase) if phase < 0.5 else 16 * (phase - 0.5) * (phase - 1)


def _draw(pixel: Callable[[int, int], Rgb]) -> bytes:
    return png([[pixel(column, row) for column in range(SIDE)] for row in range(SIDE)])


def _grain(seed: int, contrast: float) -> list[list[float]]:
    """Brightness factors of wood whose fibres run along the rows: wavy bands plus a fine speckle."""
    draw = random.Random(seed).random
    bands = [1 + contrast * (draw() - 0.5) for _ in range(SIDE)]
    smooth = [(bands[i - 1] + 2 * bands[i] + bands[(i + 1) % SIDE]) / 4 for i in range(SIDE)]
    factors = []
    for row in range(SIDE):
        line = []
        for column in range(SIDE):
            bend = 1.5 * _wave(column / SIDE) + _wave(2 * column / SIDE + row / 8)
            line.append(smooth[round(row + bend) % SIDE] + 0.15 * contrast * (draw() - 0.5))
        factors.append(line)
    return factors


def wood(colour: Rgb, seed: int, contrast: float = 0.3) -> bytes:
    """One board with its grain along the picture's x axis."""
    grain = _grain(seed, contrast)
    return _draw(lambda column, row: _shade(colour, grain[row][column]))


def planks(colour: Rgb, joint: Rgb, seed: int, contrast: float = 0.3) -> bytes:
    """Four rows of floor boards, each with its own tone, staggered, with a joint line of one pixel."""
    grain = _grain(seed, contrast)
    height = SIDE // 4
    draw = random.Random(seed + 1).random
    tones = [0.88 + 0.24 * draw() for _ in range(4)]

    def pixel(column: int, row: int) -> Rgb:
        board = row // height
        if row % height == 0 or column == (board * 37 + 5) % SIDE:
            return joint
        return _shade(colour, tones[board] * grain[row][column])

    return _draw(pixel)


def tiles(colour: Rgb, joint: Rgb, seed: int, contrast: float = 0.08) -> bytes:
    """Two by two square tiles of slightly different tones with a joint of two pixels."""
    draw = random.Random(seed).random
    half = SIDE // 2
    tones = [[0.94 + 0.12 * draw() for _ in range(2)] for _ in range(2)]
    speckle = [[1 + contrast * (draw() - 0.5) for _ in range(SIDE)] for _ in range(SIDE)]

    def pixel(column: int, row: int) -> Rgb:
        if column % half < 2 or row % half < 2:
            return joint
        return _shade(colour, tones[row // half][column // half] * speckle[row][column])

    return _draw(pixel)


def speckle(colour: Rgb, seed: int, contrast: float) -> bytes:
    """A plain surface with random brightness per pixel: plaster (low contrast) or stone (high contrast)."""
    draw = random.Random(seed).random
    noise = [[1 + contrast * (draw() - 0.5) for _ in range(SIDE)] for _ in range(SIDE)]
    return _draw(lambda column, row: _shade(colour, noise[row][column]))


def linen(colour: Rgb, contrast: float = 0.12) -> bytes:
    """A woven fabric: two crossing waves of brightness with a period of four pixels."""

    def pixel(column: int, row: int) -> Rgb:
        weave = _wave(column / 4 + 0.1) + _wave(row / 4 + 0.1)
        return _shade(colour, 1 + contrast * weave / 2)

    return _draw(pixel)


def rings(dark: Rgb, light: Rgb, count: int) -> bytes:
    """Concentric circles about the middle, dark and light in turn, as on a hob plate."""

    def pixel(column: int, row: int) -> Rgb:
        radius = math.sqrt((column - (SIDE - 1) / 2) ** 2 + (row - (SIDE - 1) / 2) ** 2) / (SIDE / 2)
        return light if int(radius * 2 * count) % 2 else dark

    return _draw(pixel)
