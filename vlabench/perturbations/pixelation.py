"""pixelation: the picture has fewer pixels, as of a cheaper camera or a narrow link, and is blown up to its old size.

Nothing is drawn. Severities are ImageNet-C's (Hendrycks and Dietterich 2019): sides of 0.6 to 0.25 of the picture's;
each of the few pixels is the mean of those that it stands for, and shows as a block.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from vlabench.perturbations._image import ImagePerturbation, as_image
from vlabench.seeding import Draws
from vlabench.types import Image


class Pixelation(ImagePerturbation):
    """Pictures of few pixels."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"share": 0.6}, 2: {"share": 0.5}, 3: {"share": 0.4}, 4: {"share": 0.3}, 5: {"share": 0.25}
    }
    dimension: ClassVar[str] = "sensor"

    share: float = Field(
        default=0.4, gt=0, le=1,
        description="Side of the small picture, as a share of the picture's (ImageNet-C's severities: 0.6 to 0.25).")

    @property
    def neutral(self) -> bool:
        return self.share == 1

    def picture(self, image: Image, camera: str, step: int, rng: Draws) -> Image:
        from PIL import Image as Pillow

        height, width = image.shape[:2]
        small = max(1, int(width * self.share)), max(1, int(height * self.share))
        few = Pillow.fromarray(image).resize(small, Pillow.Resampling.BOX)
        return as_image(np.asarray(few.resize((width, height), Pillow.Resampling.BOX)))

    def realised(self) -> dict[str, Any]:
        return {"share": self.share}
