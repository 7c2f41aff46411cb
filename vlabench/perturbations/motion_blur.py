"""motion_blur: the picture is smeared along a straight line, as by a camera that moves while its shutter is open.

The motion is uniform, so each pixel is the mean over a line of `length` pixels (at 224 pixels, scaled to the picture)
centred on it; the edge is continued outwards. The direction is uniform in ±`angle` degrees from the horizontal, one
draw an episode for all cameras. Peers (LIBERO-plus, after ImageNet-C) smear by a one-sided Gaussian of σ = 2 … 20
pixels within ±45°; a uniform line spreads as far at a length of 2.1 σ, so the severities cover their range.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from vlabench.perturbations._image import NO_MAP, DrawnPerturbation, Units, as_image, scaled
from vlabench.types import Image


class MotionBlur(DrawnPerturbation):
    """Blur along a straight line of random direction."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"length": 4.0}, 2: {"length": 8.0}, 3: {"length": 16.0}, 4: {"length": 28.0}, 5: {"length": 42.0}
    }
    dimension: ClassVar[str] = "sensor"
    units: ClassVar[int] = 1

    length: float = Field(
        default=16.0, ge=0, le=100,
        description="Length of the smear in pixels of a 224² picture; used as the nearest odd number of pixels.")
    angle: float = Field(
        default=45.0, ge=0, le=45,
        description="Largest angle between the motion and the horizontal, either way, in degrees (LIBERO-plus: 45).")

    @property
    def neutral(self) -> bool:
        return self.length == 0

    def taps(self, height: int, width: int) -> int:
        """The smear in this picture: an odd number of pixels, along the horizontal; 3 at least if there is any."""
        return max(3, 2 * round((scaled(self.length, height, width) - 1) / 2) + 1) if self.length else 1

    def degrees(self, units: Units) -> float:
        """Counter-clockwise from the horizontal."""
        return self.angle * (2 * float(units[0]) - 1)

    def apply(self, image: Image, units: Units) -> Image:
        import cv2

        height, width = image.shape[:2]
        there, back = shear(height, width, -math.tan(math.radians(self.degrees(units))))
        flat = cv2.remap(image, there, NO_MAP, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
        smeared = cv2.blur(flat, (self.taps(height, width), 1), borderType=cv2.BORDER_REPLICATE)
        return as_image(cv2.remap(smeared, back, NO_MAP, cv2.INTER_NEAREST))

    def describe(self, units: Units, height: int, width: int) -> Mapping[str, Any]:
        return {"pixels": self.taps(height, width), "degrees": round(self.degrees(units), 4)}


@functools.lru_cache(maxsize=16)
def shear(height: int, width: int, slope: float) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int16]]:
    """Two maps for cv2.remap: one lays lines of this slope (rows per column) flat, one undoes that without loss.

    A column only moves by whole pixels, so a cheap horizontal mean between the two is a mean along the line; a filter
    with the line as its kernel takes fifteen times as long.
    """
    columns = np.arange(width)
    fall = np.rint(slope * (columns - (width - 1) / 2)).astype(np.int64)
    room = int(np.abs(fall).max())

    def rows(number: int, offset: npt.NDArray[np.int64]) -> npt.NDArray[np.int16]:
        y = np.arange(number)[:, np.newaxis] + offset
        return np.dstack(np.broadcast_arrays(columns, y)).astype(np.int16)

    return rows(height + 2 * room, fall - room), rows(height, room - fall)
