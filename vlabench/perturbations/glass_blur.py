"""glass_blur: the picture as through frosted glass: pixels are exchanged for near ones between two slight blurs.

ImageNet-C's (Hendrycks and Dietterich 2019): after a Gaussian blur every pixel, from the last to the first and some
times over, becomes what stands at a random place at most `reach` pixels away, then; a second blur follows. As in its
code a pixel is copied, not exchanged, and the outermost `reach` pixels stay. Pixels are those of a 224² picture, scaled
to the picture. One draw an episode for all cameras, as of a pane before them; ImageNet-C has one draw a picture: `draw
= "step"`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from vlabench.perturbations._image import NO_MAP, FieldPerturbation, as_image, scaled, smoothed
from vlabench.seeding import Draws
from vlabench.types import Image

Places = npt.NDArray[np.int64]


class GlassBlur(FieldPerturbation):
    """Frosted glass before the picture."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"sigma": 0.7, "reach": 1, "times": 2}, 2: {"sigma": 0.9, "reach": 2, "times": 1},
        3: {"sigma": 1.0, "reach": 2, "times": 3}, 4: {"sigma": 1.1, "reach": 3, "times": 2},
        5: {"sigma": 1.5, "reach": 4, "times": 2},
    }
    dimension: ClassVar[str] = "sensor"

    sigma: float = Field(
        default=1.0, ge=0, le=20, description="Standard deviation of both blurs in pixels (ImageNet-C: 0.7 to 1.5).")
    reach: int = Field(
        default=2, ge=0, le=20, description="How far away a pixel may come from, in pixels (ImageNet-C: 1 to 4).")
    times: int = Field(
        default=3, ge=1, le=10, description="How often every pixel is replaced (ImageNet-C: 1 to 3).")

    @property
    def neutral(self) -> bool:
        return self.sigma == 0 and self.reach == 0

    def make(self, shape: tuple[int, ...], source: np.random.Generator) -> npt.NDArray[np.int16]:
        """Where each pixel comes from, int16 [H, W, 2], column and row."""
        height, width = shape[:2]
        factor = scaled(1, height, width)
        edge = max(math.ceil(factor * self.reach), round(factor * (self.reach - 1)) + 1)
        places = np.arange(height * width)
        for _ in range(self.times if self.reach else 0):
            by = np.floor(self.reach * (2 * source.random((2, height, width)) - 1))  # −reach … reach − 1
            rows, columns = np.rint(factor * by).astype(np.int64)
            places = replaced(places, rows, columns, edge)
        row, column = np.divmod(places.reshape(height, width), width)
        return np.dstack([column, row]).astype(np.int16)

    def picture(self, image: Image, camera: str, step: int, rng: Draws) -> Image:
        import cv2

        places = self.field(image, camera, step, rng)
        mixed = cv2.remap(smoothed(image, self.sigma), places, NO_MAP, cv2.INTER_NEAREST)
        return smoothed(as_image(mixed), self.sigma)

    def realised(self) -> dict[str, Any]:
        return {"sigma": self.sigma, "reach": self.reach, "times": self.times}


def replaced(places: Places, rows: Places, columns: Places, edge: int) -> Places:
    """What stands at each place [H · W] once all, the last first, became what stood rows, columns [H, W] away.

    edge: pixels at the border that stay. What is taken from a later place of the picture is what that has become by
    then, so it is followed from place to place, until one whose own is still as before.
    """
    height, width = rows.shape
    y, x = np.mgrid[:height, :width]
    inner = ((y > edge) & (y <= height - edge) & (x > edge) & (x <= width - edge)).ravel()
    place = np.arange(height * width)
    found = np.where(inner, place + (rows * width + columns).ravel(), place)
    open_ = (found > place) & inner[found]  # what is found there is yet to be looked up
    while open_.any():  # each round follows twice as far
        these = np.flatnonzero(open_)
        there = found[these]
        found[these], open_[these] = found[there], open_[there]
    return places[found]
