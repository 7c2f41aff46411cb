"""fog: bright clouds of random shape lie over the picture, which keeps its brightest level and loses contrast.

ImageNet-C's (Hendrycks and Dietterich 2019): clouds in [0, 1] by the diamond-square algorithm, `density` times as
bright as white, are added, and the sum is scaled back to the picture's brightest level. The clouds of a 224² picture,
scaled to the picture; one draw an episode for all cameras. ImageNet-C has one draw a picture: `draw = "step"`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from vlabench.perturbations._image import REFERENCE, FieldPerturbation, as_image
from vlabench.seeding import Draws
from vlabench.types import Image

SIDE = 256
"""Of the map of clouds, a power of two; a 224² picture shows its upper left part."""
ROUGHNESS = 100.0
"""By what the coarsest points differ; what comes out is scaled to [0, 1]."""


class Fog(FieldPerturbation):
    """Clouds over the picture."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"density": 1.5, "decay": 2.0}, 2: {"density": 2.0, "decay": 2.0}, 3: {"density": 2.5, "decay": 1.7},
        4: {"density": 2.5, "decay": 1.5}, 5: {"density": 3.0, "decay": 1.4},
    }
    dimension: ClassVar[str] = "sensor"

    density: float = Field(
        default=2.5, ge=0, le=20,
        description="Brightness of the densest cloud, as a multiple of white (ImageNet-C's severities: 1.5 to 3).")
    decay: float = Field(
        default=1.7, gt=1, le=10,
        description="By what the roughness falls from one scale to half of it; the less, the finer the clouds "
                    "(ImageNet-C's severities: 2 to 1.4).")

    @property
    def neutral(self) -> bool:
        return self.density == 0

    def make(self, shape: tuple[int, ...], source: np.random.Generator) -> npt.NDArray[np.float32]:
        """The clouds, float32 [H, W, 3] in [0, 1]."""
        import cv2

        height, width = shape[:2]
        clouds = plasma(source.random(SIDE * SIDE - 1), SIDE, self.decay)[:REFERENCE, :REFERENCE].astype(np.float32)
        if (height, width) != clouds.shape:
            clouds = np.asarray(cv2.resize(clouds, (width, height)), dtype=np.float32)
        return np.repeat(clouds[..., np.newaxis], 3, axis=2)

    def picture(self, image: Image, camera: str, step: int, rng: Draws) -> Image:
        import cv2

        if self.neutral:
            return image.copy()
        brightest = int(image.max()) / 255
        kept = brightest / (brightest + self.density)
        return as_image(cv2.addWeighted(image, kept, self.field(image, camera, step, rng), 255 * self.density * kept,
                                        0, dtype=cv2.CV_8U))

    def realised(self) -> dict[str, Any]:
        return {"density": self.density, "decay": self.decay}


def plasma(units: npt.NDArray[np.float64], side: int, decay: float) -> npt.NDArray[np.float64]:
    """A map of heights [side, side] in [0, 1] by the diamond-square algorithm, which joins at its edges.

    units: side² − 1 numbers in [0, 1), of each scale those of the squares' middles first, then of the edges' middles. A
    point is the mean of its four neighbours on a scale, plus a number in ± roughness², as ImageNet-C's code has it.
    """
    heights, rest = np.zeros((side, side)), units
    step, roughness = side, ROUGHNESS

    def set_middles(rows: slice, columns: slice, total: npt.NDArray[np.float64]) -> None:
        nonlocal rest
        by, rest = rest[: total.size].reshape(total.shape), rest[total.size :]
        heights[rows, columns] = total / 4 + roughness * roughness * (2 * by - 1)

    while step >= 2:
        corner, middle = slice(0, side, step), slice(step // 2, side, step)
        corners = heights[corner, corner]
        along = corners + np.roll(corners, -1, axis=0)
        set_middles(middle, middle, along + np.roll(along, -1, axis=1))
        middles = heights[middle, middle]
        set_middles(corner, middle, middles + np.roll(middles, 1, axis=0) + corners + np.roll(corners, -1, axis=1))
        set_middles(middle, corner, middles + np.roll(middles, 1, axis=1) + along)
        step, roughness = step // 2, roughness / decay
    above = heights - heights.min()
    return np.asarray(above / above.max())
