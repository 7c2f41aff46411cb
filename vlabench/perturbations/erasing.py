"""erasing: a few blocks of the picture are replaced by coloured noise.

RobustVLA, appendix A.4: "perturbed by random noise blocks with a maximum size of 0.1 of the original image". A
reconstruction: the size is read as area, of all blocks together, uniform in [0, area); 1 … 3 blocks of equal area and
of the aspect ratios of random erasing (Zhong et al. 2020, 0.3 to 3.3), anywhere inside; place held for the episode and
the same for all cameras; noise uniform in 0 … 255, new at every look. Severities go beyond the paper's value, which
policies hardly notice (96 % success).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from vlabench.perturbations._image import DrawnPerturbation, Units
from vlabench.seeding import Draws
from vlabench.types import Image

MOST = 8
"""Blocks that a draw has numbers for."""


class Erasing(DrawnPerturbation):
    """Blocks of noise in the picture."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"area": 0.025}, 2: {"area": 0.05}, 3: {"area": 0.1}, 4: {"area": 0.2}, 5: {"area": 0.4}
    }
    paper: ClassVar[int | None] = 3
    units: ClassVar[int] = 2 + 3 * MOST

    area: float = Field(
        default=0.1, ge=0, le=1,
        description="Largest area of all blocks together, as a share of the picture (RobustVLA, appendix A.4: 0.1); "
                    "0 draws none.")
    blocks: int = Field(
        default=3, ge=1, le=MOST, description="Largest number of blocks; the number is uniform in 1 … blocks.")
    ratio: float = Field(
        default=3.3, ge=1, le=20,
        description="Largest aspect ratio of a block, longer side by shorter (random erasing, Zhong et al. 2020: 3.3).")

    @property
    def neutral(self) -> bool:
        return self.area == 0

    def boxes(self, units: Units, height: int, width: int) -> list[tuple[int, int, int, int]]:
        """(x, y, width, height) of each block, in pixels; one pixel at least."""
        if self.neutral:
            return []
        number = 1 + int(self.blocks * units[0])
        pixels = self.area * float(units[1]) * height * width / number
        found = []
        for u_ratio, u_x, u_y in units[2:].reshape(MOST, 3)[:number].tolist():
            aspect = self.ratio ** (2 * u_ratio - 1)
            w = min(width, max(1, int(math.sqrt(pixels * aspect))))
            h = min(height, max(1, int(pixels / w)))
            found.append((int(u_x * (width - w + 1)), int(u_y * (height - h + 1)), w, h))
        return found

    def picture(self, image: Image, camera: str, step: int, rng: Draws) -> Image:
        boxes = self.boxes(self.drawn(image, camera, step, rng), *image.shape[:2])
        source = rng.at(step, "texture", *((camera,) if self.independent else ()))
        erased = image.copy()
        for x, y, w, h in boxes:
            erased[y : y + h, x : x + w] = source.integers(0, 256, (h, w, 3), dtype=np.uint8)
        return erased

    def describe(self, units: Units, height: int, width: int) -> Mapping[str, Any]:
        return {"blocks": [dict(zip(("x", "y", "width", "height"), box, strict=True))
                           for box in self.boxes(units, height, width)]}
