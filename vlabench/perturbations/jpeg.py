"""jpeg: every picture goes through lossy JPEG compression, as on a narrow link between camera and policy.

Nothing is drawn. Severities are ImageNet-C's qualities (Hendrycks and Dietterich 2019); colour is stored at half
resolution, the encoder's default.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from vlabench.perturbations._image import ImagePerturbation, as_image
from vlabench.seeding import Draws
from vlabench.types import Image


class Jpeg(ImagePerturbation):
    """Lossy compression of every picture."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"quality": 25}, 2: {"quality": 18}, 3: {"quality": 15}, 4: {"quality": 10}, 5: {"quality": 7}
    }
    dimension: ClassVar[str] = "sensor"

    quality: int = Field(
        default=15, ge=1, le=100,
        description="Quality setting of the JPEG encoder, 1 the worst (ImageNet-C's severities: 25 to 7).")

    def picture(self, image: Image, camera: str, step: int, rng: Draws) -> Image:
        import cv2

        done, code = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR),
                                  [cv2.IMWRITE_JPEG_QUALITY, self.quality])
        decoded = cv2.imdecode(code, cv2.IMREAD_COLOR) if done else None
        if decoded is None:
            raise RuntimeError(f"OpenCV could not compress a picture of shape {image.shape}")
        return as_image(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB))

    def realised(self) -> dict[str, Any]:
        return {"quality": self.quality}
