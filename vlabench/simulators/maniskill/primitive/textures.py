"""The 21 textures that vision settings blend over a picture, in the catalogue's order: paints of high contrast."""

from __future__ import annotations

import numpy as np

from vlabench.simulators.maniskill.primitive.patterns import (
    Field,
    Paint,
    bricks,
    checks,
    clouds,
    cobbles,
    grass,
    mix,
    noise,
    saw,
    stone,
    tartan,
    tent,
    tiles,
    wood,
)


def _quilt(u: Field, v: Field) -> Field:
    line = np.minimum(tent((u + v) / np.float32(3.2)), tent((u - v) / np.float32(3.2)))
    return mix((0.72, 0.66, 0.6), stone((0.2, 0.15, 0.14), (0.13, 0.1, 0.1), 6)(u, v), line * 16)


def _worn_bricks(u: Field, v: Field) -> Field:
    sound = tiles((0.93, 0.55, 0.05), (0.85, 0.34, 0.06), (0.5, 0.42, 0.36), (1.6, 1.1), 0.14)(u, v)
    worn = clouds(u * np.float32(0.5), v * np.float32(0.5), 91) - np.float32(0.58)
    return mix(sound, (0.42, 0.42, 0.36), worn * 20)


def _lawn_grid(u: Field, v: Field) -> Field:
    line = np.minimum(tent(u / np.float32(0.7)), tent(v / np.float32(0.7))) * 4
    return mix((0.75, 0.76, 0.55), grass((0.62, 0.66, 0.1), (0.3, 0.28, 0.08))(u, v), line - np.float32(0.2))


def _coins(u: Field, v: Field) -> Field:
    row = np.floor(v / np.float32(1.1))
    across, along = saw(v / np.float32(1.1)) - np.float32(0.5), saw(u / np.float32(1.25) + row / 2) - np.float32(0.5)
    number = bricks(u, v, (1.25, 1.1), 0)[1]
    face = mix(mix((0.85, 0.95, 0.98), (0.86, 0.98, 0.88), number * 2), (0.88, 0.87, 0.99), number * 3 - 2)
    return mix(face, (0.5, 0.52, 0.5), (across * across + along * along - np.float32(0.2)) * 40)


def _lattice_work(u: Field, v: Field) -> Field:
    slats = wood((0.8, 0.52, 0.33), (0.66, 0.38, 0.22))(u + v, u - v)
    over = (saw((u + v) / np.float32(2.4)) < 0.35) | (saw((u - v) / np.float32(2.4)) < 0.35)
    return mix(wood((0.5, 0.28, 0.15), (0.36, 0.18, 0.09))(u, v), slats, over.astype(np.float32))


def _agate(u: Field, v: Field) -> Field:
    bent = clouds(u * np.float32(0.4), v * np.float32(0.4), 95) * 7 + v - u * np.float32(0.4)
    line = noise(bent * 3, bent * 0, 97)
    return mix(mix((0.16, 0.2, 0.24), (0.5, 0.66, 0.74), line * np.float32(1.4)), (0.66, 0.36, 0.18),
               (noise(bent * np.float32(0.9), bent * 0, 98) - np.float32(0.62)) * 8)


def _ornament(u: Field, v: Field) -> Field:
    x, y = saw(u / np.float32(1.6)) - np.float32(0.5), saw(v / np.float32(1.6)) - np.float32(0.5)
    distance = x * x + y * y
    corner = (np.abs(x) - np.float32(0.5)) ** 2 + (np.abs(y) - np.float32(0.5)) ** 2
    inked = (tent(distance * 14) > 0.6) | (np.abs(x * y) < 0.008) & (distance < 0.14) | (corner < 0.04)
    return mix((0.92, 0.93, 0.98), (0.25, 0.27, 0.72), inked.astype(np.float32))


_RUST, _STEEL = (0.5, 0.24, 0.15), (0.56, 0.56, 0.58)
TEXTURES: tuple[Paint, ...] = (
    _worn_bricks, grass((0.47, 0.66, 0.16), (0.28, 0.44, 0.06)), _quilt,
    tartan((0.02, 0.02, 0.02), ((0.0, 0.08, (0.85, 0.65, 0.05)), (0.2, 0.42, (0.15, 0.4, 0.52)),
                                (0.55, 0.78, (0.7, 0.15, 0.1)), (0.84, 0.9, (0.45, 0.6, 0.2))), 6.2),
    stone((0.86, 0.85, 0.82), (0.3, 0.25, 0.23), 1.4, 5), wood((0.8, 0.54, 0.32), (0.62, 0.36, 0.18)),
    stone((0.42, 0.46, 0.12), (0.26, 0.25, 0.2), 1.5, 3), stone(_STEEL, _RUST, 1.1, 5),
    stone((0.82, 0.72, 0.46), (0.6, 0.52, 0.3), 8, 2),
    cobbles(((0.22, 0.33, 0.34), (0.55, 0.65, 0.66)), (0.93, 0.97, 0.97), 0.7, 0.04),
    _lawn_grid, tiles((0.05, 0.32, 0.22), (0.09, 0.4, 0.28), (0.55, 0.72, 0.64), (3.3, 1.1), 0.07, 0.5, 0.05),
    checks((0.06, 0.1, 0.09), (0.16, 0.26, 0.22), 1.6), _coins, _lattice_work,
    cobbles(((0.35, 0.36, 0.62), (0.68, 0.55, 0.66)), (0.12, 0.1, 0.11), 1.0, 0.14),
    cobbles(((0.42, 0.43, 0.4), (0.68, 0.68, 0.63)), (0.28, 0.26, 0.22), 1.7, 0.06, 75), _agate,
    tiles((0.76, 0.4, 0.3), (0.55, 0.25, 0.18), (0.72, 0.66, 0.6), (1.5, 0.6), 0.1),
    tartan((0.9, 0.89, 0.87), ((0.04, 0.1, (0.6, 0.75, 0.55)), (0.3, 0.46, (0.25, 0.25, 0.36)),
                               (0.62, 0.84, (0.82, 0.18, 0.3))), 5.2),
    _ornament)
