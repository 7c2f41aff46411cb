"""The green screen: pictures put behind the robot and the things, and textures blended over them."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from vlabench.errors import AssetsError
from vlabench.types import Image

Mask = npt.NDArray[np.bool_]
FULL = (640, 480)
"""Width and height of RL4VLA's pictures."""


def mask(ids: npt.NDArray[np.integer], kept: Collection[int]) -> Mask:
    """bool [H, W]: which pixels show one of `kept`. ids: int [H, W], 0 or more."""
    table = np.zeros(max(int(ids.max()), *kept, 0) + 1, dtype=bool)
    table[list(kept)] = True
    return np.take(table, ids)


def green_screen(rgb: Image, ids: npt.NDArray[np.integer], kept: Collection[int], background: Image) -> Image:
    """rgb, uint8 [H, W, 3], where ids, [H, W], are among `kept`; the background, of the same shape, elsewhere."""
    shown = background.copy()
    cv2.copyTo(rgb, mask(ids, kept).view(np.uint8), shown)
    return shown


def blend(rgb: Image, texture: Image, mix: float) -> Image:
    """`mix` in [0, 1] of the texture and the rest of rgb, both uint8 [H, W, 3].

    Cut to whole numbers, as RL4VLA does.
    """
    return np.asarray(rgb * np.float32(1 - mix) + texture * np.float32(mix)).astype(np.uint8)


def cropped(texture: Image, edge: float, left: float, top: float, size: tuple[int, int]) -> Image:
    """A `part` of a picture, as large as `size` (width, height)."""
    rows, columns = part(texture.shape[0], texture.shape[1], edge, left, top)
    return np.asarray(cv2.resize(texture[rows, columns], size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def part(height: int, width: int, edge: float, left: float, top: float) -> tuple[slice, slice]:
    """The rows and columns of a part of a picture, `edge` in (0, 1] of its edges long, its corner at the shares left
    and top of the room that there is."""
    high, wide = max(1, round(edge * height)), max(1, round(edge * width))
    y, x = round(top * (height - high)), round(left * (width - wide))
    return slice(y, y + high), slice(x, x + wide)


@lru_cache(maxsize=128)
def background(path: Path, size: tuple[int, int], full: tuple[int, int] = FULL) -> Image:
    """A picture file as uint8 [height, width, 3], red first: made `full` large, then `size` (width, height), both
    bilinearly, as RL4VLA's pictures are before a policy sees them.

    Read once a size, and not to be written to. Raises AssetsError.
    """
    data = cv2.imread(str(path))
    if data is None:
        raise AssetsError(f"cannot read the picture {path}")
    found = cv2.resize(cv2.cvtColor(data, cv2.COLOR_BGR2RGB), full, interpolation=cv2.INTER_LINEAR)
    if size != full:
        found = cv2.resize(found, size, interpolation=cv2.INTER_LINEAR)
    found.setflags(write=False)
    return np.asarray(found, dtype=np.uint8)
