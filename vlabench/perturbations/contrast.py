"""contrast: every colour is drawn towards its mean over the picture, as in haze, backlight or a badly set camera.

Nothing is drawn. Severities are ImageNet-C's (Hendrycks and Dietterich 2019): 0.4 to 0.05 of the contrast are left.
Each colour channel has its own mean; `color_jitter` changes contrast around one mean of all, and up as well as down.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from vlabench.perturbations._image import ImagePerturbation, as_image
from vlabench.seeding import Draws
from vlabench.types import Image


class Contrast(ImagePerturbation):
    """Less contrast in every picture."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"left": 0.4}, 2: {"left": 0.3}, 3: {"left": 0.2}, 4: {"left": 0.1}, 5: {"left": 0.05}
    }
    dimension: ClassVar[str] = "sensor"

    left: float = Field(
        default=0.2, ge=0, le=1,
        description="Share of the contrast that is left; 1 leaves all (ImageNet-C's severities: 0.4 to 0.05).")

    @property
    def neutral(self) -> bool:
        return self.left == 1

    def picture(self, image: Image, camera: str, step: int, rng: Draws) -> Image:
        import cv2

        means = (1 - self.left) * np.array(cv2.mean(image)[:3])
        return as_image(cv2.transform(image, np.column_stack([self.left * np.eye(3), means])))

    def realised(self) -> dict[str, Any]:
        return {"left": self.left}
