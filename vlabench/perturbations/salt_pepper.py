"""salt_pepper: single values of the picture turn black or white, as by faulty cells of a sensor or lost bits.

ImageNet-C's impulse noise (Hendrycks and Dietterich 2019): shares of 0.03 to 0.27 of all values, half of them 0 and
half 255, each colour of a pixel for itself, so that specks are coloured. They are new at every look unless `draw` is
`episode`, and the same for all cameras unless they are `independent`. Whole pixels (arXiv 2510.00037): `sensor_noise`,
with `sigma = 0` and `salt_pepper`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from vlabench.perturbations._image import LEVELS, DrawnPerturbation, as_image, uniform_bits
from vlabench.seeding import Draws
from vlabench.types import Image


class SaltPepper(DrawnPerturbation):
    """Values that turn black or white."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"p": 0.03}, 2: {"p": 0.06}, 3: {"p": 0.09}, 4: {"p": 0.17}, 5: {"p": 0.27}
    }
    dimension: ClassVar[str] = "sensor"

    draw: Literal["episode", "step"] = Field(
        default="step", description="`step` draws new specks at every look, `episode` holds one pattern.")
    p: float = Field(
        default=0.09, ge=0, le=1,
        description="Share of the values that turn, half of them to 0, half to 255 (ImageNet-C: 0.03 to 0.27).")

    @property
    def neutral(self) -> bool:
        return self.p == 0

    def picture(self, image: Image, camera: str, step: int, rng: Draws) -> Image:
        bits = uniform_bits(self.generator(rng, camera, step), image.shape)
        half = round(self.p * LEVELS / 2)
        pepper, salt = (bits < half).view(np.uint8), (bits >= LEVELS - half).view(np.uint8)  # 1 where it is so
        return as_image(np.maximum(image * (1 - pepper), 255 * salt))

    def realised(self) -> dict[str, Any]:
        return {"p": self.p}
