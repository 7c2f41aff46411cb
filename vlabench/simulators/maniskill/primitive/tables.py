"""What the 21 tables look like, and the rooms that they stand in, in the catalogue's order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vlabench.simulators.maniskill.primitive.patterns import (
    Color,
    Field,
    Paint,
    bands,
    grass,
    marble,
    mix,
    plain,
    saw,
    stone,
    tiles,
    wood,
)

DEPTH = 0.362
"""Of a table top (m), from front to back."""


@dataclass(frozen=True)
class Look:
    """top: of the table, in dm from its left rear corner. edge: of its front. wall, floor: what is behind."""

    top: Paint
    edge: Color
    wall: Paint
    floor: Paint
    gloss: float = 0.0


_WHITE, _GRAY, _DARK = plain((0.86, 0.86, 0.85)), plain((0.55, 0.55, 0.54)), plain((0.16, 0.16, 0.17))


def _window(u: Field, v: Field) -> Field:
    """Where a window mirrors."""
    panes = (saw(u / np.float32(0.55)) > 0.1) & (saw(v / np.float32(0.65)) > 0.1)
    inside = (u > 0.4) & (u < 2.6) & (v > 1.6) & (v < 3.5)
    return (panes & inside).astype(np.float32)


def _mirroring(paint: Paint, share: float) -> Paint:
    return lambda u, v: mix(paint(u, v), (1, 1, 1), _window(u, v) * np.float32(share))


def _framed(paint: Paint, frame: Paint, width: float) -> Paint:
    """With a frame along the edges; width in dm."""
    def framed(u: Field, v: Field) -> Field:
        deep = np.float32(10 * DEPTH - width)
        border = (u < width) | (v < width) | (u > deep)
        return mix(paint(u, v), frame(u, v), border.astype(np.float32))
    return framed


LOOKS = (
    Look(wood((0.66, 0.35, 0.24), (0.42, 0.17, 0.1)), (0.4, 0.17, 0.1), stone((0.42, 0.42, 0.44), (0.3, 0.3, 0.32), 20),
         plain((0.2, 0.22, 0.26))),
    Look(plain((0.4, 0.77, 0.92), 0.02), (0.25, 0.55, 0.72), plain((0.58, 0.58, 0.54)), _GRAY, 0.12),
    Look(wood((0.15, 0.15, 0.16), (0.1, 0.1, 0.1)), (0.3, 0.3, 0.3), _WHITE, _DARK),
    Look(plain((0.72, 0.74, 0.83), 0.03), (0.5, 0.52, 0.6),
         tiles((0.62, 0.56, 0.5), (0.48, 0.43, 0.4), (0.3, 0.27, 0.24), (0.7, 0.45), 0.03),
         grass((0.38, 0.5, 0.2), (0.14, 0.22, 0.06))),
    Look(plain((0.85, 0.75, 0.58), 0.03), (0.6, 0.5, 0.36), plain((0.16, 0.38, 0.44)), plain((0.25, 0.22, 0.18))),
    Look(_framed(wood((0.86, 0.69, 0.48), (0.66, 0.47, 0.28), 0.9), plain((0.2, 0.19, 0.19)), 0.05), (0.2, 0.19, 0.19),
         wood((0.78, 0.5, 0.24), (0.55, 0.3, 0.1), 0.8), wood((0.72, 0.45, 0.2), (0.5, 0.27, 0.1), 0.8)),
    Look(plain((0.98, 0.8, 0.13), 0.02), (0.8, 0.6, 0.05), plain((0.02, 0.52, 0.6)), plain((0.1, 0.4, 0.36)), 0.05),
    Look(_framed(_mirroring(stone((0.88, 0.86, 0.82), (0.74, 0.71, 0.65), 12, 1), 0.6), plain((0.62, 0.46, 0.18)),
                 0.07),
         (0.5, 0.36, 0.13), wood((0.45, 0.37, 0.32), (0.33, 0.26, 0.22), 1),
         wood((0.42, 0.34, 0.3), (0.3, 0.24, 0.2), 1)),
    Look(plain((0.55, 0.55, 0.56), 0.03), (0.33, 0.33, 0.34), plain((0.24, 0.24, 0.25)), plain((0.32, 0.32, 0.33)),
         0.08),
    Look(plain((0.87, 0.87, 0.86), 0.02), (0.72, 0.72, 0.71), plain((0.56, 0.53, 0.5)), plain((0.64, 0.63, 0.61))),
    Look(marble((0.9, 0.9, 0.91), (0.52, 0.52, 0.55)), (0.4, 0.4, 0.4), plain((0.07, 0.07, 0.07)),
         plain((0.05, 0.05, 0.05))),
    Look(plain((0.93, 0.6, 0.68), 0.03), (0.75, 0.35, 0.45), stone((0.93, 0.5, 0.62), (0.86, 0.42, 0.55), 14, 1),
         plain((0.78, 0.25, 0.38))),
    Look(wood((0.3, 0.3, 0.31), (0.15, 0.15, 0.16)), (0.1, 0.1, 0.1), plain((0.72, 0.72, 0.73)),
         plain((0.6, 0.6, 0.62)), 0.7),
    Look(_framed(grass((0.5, 0.75, 0.38), (0.2, 0.45, 0.15)), wood((0.85, 0.7, 0.5), (0.7, 0.52, 0.33)), 0.12),
         (0.72, 0.56, 0.38), stone((0.45, 0.36, 0.28), (0.26, 0.2, 0.15), 8, 3),
         stone((0.4, 0.33, 0.24), (0.2, 0.24, 0.1), 6, 4)),
    Look(wood((0.42, 0.16, 0.09), (0.24, 0.07, 0.04)), (0.22, 0.07, 0.04), plain((0.92, 0.9, 0.87)),
         plain((0.85, 0.8, 0.76))),
    Look(bands(((0.95, 0.35, 0.2), (0.98, 0.87, 0.2), (0.45, 0.72, 0.2), (0.1, 0.5, 0.92), (0.9, 0.35, 0.72)), 1.1),
         (0.75, 0.2, 0.2), plain((0.78, 0.77, 0.77)), plain((0.5, 0.5, 0.5))),
    Look(_mirroring(_framed(plain((0.25, 0.5, 0.49), 0.03), plain((0.5, 0.8, 0.76)), 0.05), 0.14), (0.5, 0.85, 0.8),
         plain((0.2, 0.2, 0.22)), plain((0.1, 0.1, 0.11)), 0.15),
    Look(_framed(plain((0.63, 0.74, 0.55), 0.03), plain((0.9, 0.92, 0.88)), 0.06), (0.86, 0.88, 0.84),
         grass((0.2, 0.36, 0.14), (0.07, 0.15, 0.04)), grass((0.2, 0.36, 0.14), (0.07, 0.15, 0.04), 45)),
    Look(plain((0.85, 0.75, 0.9), 0.02), (0.66, 0.55, 0.72), plain((0.36, 0.64, 0.78)), plain((0.8, 0.76, 0.8)), 0.06),
    Look(tiles((0.84, 0.83, 0.8), (0.72, 0.71, 0.68), (0.6, 0.59, 0.56), (2.6, 1.3), 0.02, 0.5, 0.12),
         (0.5, 0.48, 0.45), plain((0.5, 0.5, 0.5)), plain((0.56, 0.56, 0.56))),
    Look(wood((0.74, 0.46, 0.24), (0.56, 0.3, 0.12), 1.9), (0.48, 0.26, 0.1), plain((0.84, 0.84, 0.85)),
         plain((0.72, 0.73, 0.74))),
)
