"""gaussian_blur: the picture is smoothed by a Gaussian, as by a lens that is out of focus or fogged up.

Nothing is drawn. Severities are ImageNet-C's (Hendrycks and Dietterich 2019; one of its four extra corruptions): σ of 1
to 6 pixels of a 224² picture, scaled to the picture; the kernel ends at 3 σ, and the edge is continued outwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from vlabench.perturbations._image import ImagePerturbation, smoothed
from vlabench.seeding import Draws
from vlabench.types import Image


class GaussianBlur(ImagePerturbation):
    """A Gaussian blur of every picture."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"sigma": 1.0}, 2: {"sigma": 2.0}, 3: {"sigma": 3.0}, 4: {"sigma": 4.0}, 5: {"sigma": 6.0}
    }
    dimension: ClassVar[str] = "sensor"

    sigma: float = Field(
        default=3.0, ge=0, le=50,
        description="Standard deviation of the Gaussian in pixels of a 224² picture (ImageNet-C's severities: 1 to 6).")

    @property
    def neutral(self) -> bool:
        return self.sigma == 0

    def picture(self, image: Image, camera: str, step: int, rng: Draws) -> Image:
        return smoothed(image, self.sigma)

    def realised(self) -> dict[str, Any]:
        return {"sigma": self.sigma}
