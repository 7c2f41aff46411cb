"""exposure: the picture is too bright, as of a camera that is exposed for too long; light parts run into white.

Nothing is drawn. ImageNet-C's brightness (Hendrycks and Dietterich 2019): its share of full brightness, 0.1 to 0.5, is
added to the value of hue, saturation and value, which stops at 1. Hue and saturation stay, so that a colour is
multiplied as a whole, dark ones the most, and black becomes grey.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from vlabench.perturbations._image import ImagePerturbation, as_image
from vlabench.seeding import Draws
from vlabench.types import Image


class Exposure(ImagePerturbation):
    """Pictures that are exposed for too long."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"more": 0.1}, 2: {"more": 0.2}, 3: {"more": 0.3}, 4: {"more": 0.4}, 5: {"more": 0.5}
    }
    dimension: ClassVar[str] = "sensor"

    more: float = Field(
        default=0.3, ge=0, le=1,
        description="What is added to the brightness, as a share of the fullest (ImageNet-C's severities: 0.1 to 0.5).")

    @property
    def neutral(self) -> bool:
        return self.more == 0

    def picture(self, image: Image, camera: str, step: int, rng: Draws) -> Image:
        import cv2

        red, green, blue = cv2.split(image)
        value = cv2.max(cv2.max(red, green), blue)
        factor = cv2.LUT(value, factors(self.more))
        brighter = as_image(cv2.multiply(image, cv2.merge([factor, factor, factor]), dtype=cv2.CV_8U))
        if not value.all():  # black has no hue or saturation to keep
            brighter[value == 0] = round(255 * self.more)
        return brighter

    def realised(self) -> dict[str, Any]:
        return {"more": self.more}


@functools.lru_cache(maxsize=16)
def factors(more: float) -> npt.NDArray[np.float32]:
    """By what a colour of each value 0 … 255 is multiplied; black, which no factor makes brighter, by 1."""
    value = np.arange(256)
    table: npt.NDArray[np.float32] = (np.minimum(value + 255 * more, 255) / np.maximum(value, 1)).astype(np.float32)
    table[0] = 1.0
    table.flags.writeable = False
    return table
