"""zoom_blur: the picture is smeared away from its centre, as by a camera that rushes towards the scene.

Nothing is drawn. ImageNet-C's (Hendrycks and Dietterich 2019): the mean of the picture itself and of some copies that are
enlarged about the centre by factors from 1 to `zoom`, at equal distances, bilinearly. Its severities reach 1.11 to 1.30
with 11 to 16 copies: its lists of factors, of which the last ones depend on how numpy.arange rounds.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from vlabench.perturbations._image import ImagePerturbation, as_image
from vlabench.seeding import Draws
from vlabench.types import Image


class ZoomBlur(ImagePerturbation):
    """A blur along the lines through the picture's centre."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"zoom": 1.11, "copies": 12}, 2: {"zoom": 1.15, "copies": 16}, 3: {"zoom": 1.2, "copies": 11},
        4: {"zoom": 1.24, "copies": 13}, 5: {"zoom": 1.3, "copies": 11},
    }
    group: ClassVar[str] = "sensor"

    zoom: float = Field(
        default=1.2, ge=1, le=3, description="The largest factor (ImageNet-C's severities: 1.11 to 1.30).")
    copies: int = Field(
        default=11, ge=2, le=50, description="Enlarged copies, the first of them by 1 (ImageNet-C: 11 to 16).")

    @property
    def neutral(self) -> bool:
        return self.zoom == 1

    def picture(self, image: Image, camera: str, step: int, rng: Draws) -> Image:
        import cv2

        height, width = image.shape[:2]
        total = 2.0 * image.astype(np.float32)  # itself, and the copy that is enlarged by 1
        for turn in enlargements(height, width, self.zoom, self.copies):
            cv2.accumulate(cv2.warpAffine(image, turn, (width, height), borderMode=cv2.BORDER_REPLICATE,
                                          flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP), total)
        return as_image(cv2.convertScaleAbs(total, alpha=1 / (self.copies + 1)))

    def realised(self) -> dict[str, Any]:
        return {"zoom": self.zoom}


@functools.lru_cache(maxsize=16)
def enlargements(height: int, width: int, zoom: float, copies: int) -> tuple[npt.NDArray[np.float64], ...]:
    """For each copy but the first, the map [2, 3] from its pixels to the picture's."""
    factors = np.linspace(1, zoom, copies)[1:].tolist()
    sides = [[_enlarged(side, factor) for factor in factors] for side in (width, height)]
    return tuple(np.array([[x, 0, left], [0, y, top]]) for (x, left), (y, top) in zip(*sides, strict=True))


def _enlarged(side: int, factor: float) -> tuple[float, float]:
    """(step, start): the pixel i of a side that is enlarged is found at start + step · i.

    As scipy's zoom does it, which maps corners to corners: the middle of the side, in whole pixels, is enlarged to so many
    whole pixels as come nearest, and of these the middle is taken.
    """
    part = math.ceil(side / factor)
    whole = round(part * factor)
    step = (part - 1) / max(whole - 1, 1)
    return step, (side - part) // 2 + (whole - side) // 2 * step
