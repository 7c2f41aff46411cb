"""Patterns that go on without a seam where they are laid beside themselves: drawn here, from nobody's files."""

from __future__ import annotations

import colorsys
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from vlabench.simulators._values import Triple
from vlabench.types import Floats, Image

EDGE = 64
"""Pixels."""
Field = npt.NDArray[np.float64]
"""[EDGE, EDGE]: 0 where one colour is, 1 where the other is."""


def _checks(across: Floats, down: Floats, count: int, _: np.random.Generator) -> Field:
    """`count` squares of one colour in each row, and as many of the other."""
    found: Field = ((2 * count * across).astype(int) + (2 * count * down).astype(int)) % 2.0
    return found


def _stripes(across: Floats, down: Floats, count: int, rng: np.random.Generator) -> Field:
    """Bands in one of four directions."""
    x, y = ((1, 0), (0, 1), (1, 1), (1, -1))[int(4 * rng.random())]
    found: Field = (2 * count * (x * across + y * down)) // 1 % 2.0
    return found


def _dots(across: Floats, down: Floats, count: int, _: np.random.Generator) -> Field:
    """Discs in rows."""
    found: Field = (np.hypot(count * across % 1 - 0.5, count * down % 1 - 0.5) < 0.33).astype(np.float64)
    return found


def _bricks(across: Floats, down: Floats, count: int, _: np.random.Generator) -> Field:
    """Twice as wide as high, every other row half a brick further, with joints of the other colour."""
    row = 2 * count * down
    found: Field = np.maximum((count * across + row // 1 % 2 / 2) % 1 < 0.12, row % 1 < 0.2).astype(np.float64)
    return found


def _marble(across: Floats, down: Floats, count: int, rng: np.random.Generator) -> Field:
    """A sum of waves in all directions."""
    waves = rng.integers(-count - 1, count + 2, size=(12, 2))
    phases = rng.random(12)
    field = sum(np.cos(2 * np.pi * (x * across + y * down + phase))
                for (x, y), phase in zip(waves, phases, strict=True))
    found: Field = (field - np.min(field)) / max(float(np.ptp(field)), 1e-9)
    return found


KINDS: Mapping[str, Callable[[Floats, Floats, int, np.random.Generator], Field]] = {
    "checks": _checks, "stripes": _stripes, "dots": _dots, "bricks": _bricks, "marble": _marble}


def color(rng: np.random.Generator) -> Triple:
    """Red, green, blue in [0, 1]: any hue, strong, neither dark nor pale."""
    hue, saturation, value = rng.random(3).tolist()
    return colorsys.hsv_to_rgb(hue, 0.6 + 0.4 * saturation, 0.5 + 0.5 * value)


def pattern(rng: np.random.Generator) -> tuple[str, Image]:
    """One of five kinds, each alike likely, 2 to 5 times in either direction, of two colours; its name, and the picture
    uint8 [EDGE, EDGE, 3]."""
    name = list(KINDS)[int(len(KINDS) * rng.random())]
    count = 2 + int(4 * rng.random())
    first, second = np.array(color(rng)), np.array(color(rng))
    down, across = np.mgrid[:EDGE, :EDGE] / EDGE
    field = KINDS[name](across, down, count, rng)[..., None]
    return name, (255 * (first + field * (second - first))).round().astype(np.uint8)
