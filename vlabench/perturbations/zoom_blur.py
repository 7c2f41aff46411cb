"""zoom_blur: the picture is smeared away from its centre, as by a camera that rushes towards the scene.

Nothing is drawn. ImageNet-C's (Hendrycks and Dietterich 2019): the mean of the picture itself and of some copies that
are enlarged about the centre by factors from 1 to `zoom`, at equal distances, bilinearly. Its severities reach 1.11 to
1.30 with 11 to 16 copies: its lists of factors, of which the last ones depend on how numpy.arange rounds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
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
    dimension: ClassVar[str] = "sensor"

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
        sharp = image.astype(np.float32)
        total = 2 * sharp  # itself, and the copy that is enlarged by 1
        room = np.empty((height + 3, width + 3, 3), np.float32)  # new arrays for all take thrice as long
        for factor in np.linspace(1, self.zoom, self.copies)[1:].tolist():
            (top, rows, down, tall), (left, columns, right, wide) = middle(height, factor), middle(width, factor)
            large = room[:tall, :wide]
            cv2.resize(sharp[top : top + rows, left : left + columns], (wide, tall), dst=large)
            cv2.accumulate(large[down : down + height, right : right + width], total)
        return as_image(cv2.convertScaleAbs(total, alpha=1 / (self.copies + 1)))

    def realised(self) -> dict[str, Any]:
        return {"zoom": self.zoom}


def middle(side: int, factor: float) -> tuple[int, int, int, int]:
    """Of a side: where the middle that is to be enlarged starts, and how many pixels it has; then, where the middle
    that is taken starts, and how many pixels there are: as many as come nearest to `factor` times the former.
    """
    part = math.ceil(round(side / factor, 9))  # 224 / 1.12 is 200, however its last bit was rounded
    whole = round(part * factor)
    return (side - part) // 2, part, (whole - side) // 2, whole
