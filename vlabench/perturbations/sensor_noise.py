"""sensor_noise: every pixel of every look is disturbed by Gaussian noise, and by salt and pepper where asked.

Peers: σ = 12 levels of 255 (LIBERO-PRO) and σ = 70 (arXiv 2510.00037), both among the severities; salt and pepper with
p = 0.1 (arXiv 2510.00037). Noise is rounded to whole levels and the sum clipped to 0 … 255. It is new at every look
unless `draw` is `episode` (a fixed pattern), and the same for all cameras unless they are `independent`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from vlabench.perturbations._image import LEVELS, FieldPerturbation, uniform_bits
from vlabench.seeding import Draws
from vlabench.types import Image


class SensorNoise(FieldPerturbation):
    """Noise on every pixel."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"sigma": 6.0}, 2: {"sigma": 12.0}, 3: {"sigma": 25.0}, 4: {"sigma": 45.0}, 5: {"sigma": 70.0}
    }
    dimension: ClassVar[str] = "sensor"
    stream: ClassVar[tuple[str, ...]] = ("gaussian",)

    draw: Literal["episode", "step"] = Field(
        default="step", description="`step` draws new noise at every look, `episode` holds one pattern.")
    sigma: float = Field(
        default=25.0, ge=0, le=255, description="Standard deviation of the Gaussian noise, in levels of 255.")
    salt_pepper: float = Field(
        default=0.0, ge=0, le=1,
        description="Share of the pixels that turn black or white, half each (arXiv 2510.00037: 0.1).")

    @property
    def neutral(self) -> bool:
        return self.sigma == 0 and self.salt_pepper == 0

    def picture(self, image: Image, camera: str, step: int, rng: Draws) -> Image:
        import cv2

        noisy = image.copy()
        if self.sigma:
            cv2.add(image, self.field(image, camera, step, rng), dst=noisy, dtype=cv2.CV_8U)  # saturates
        if self.salt_pepper:
            bits = uniform_bits(self.generator(rng, camera, step, "salt"), (image.shape[0] * image.shape[1],))
            half, pixels = round(self.salt_pepper * LEVELS / 2), noisy.reshape(-1, 3)
            pixels[np.flatnonzero(bits < half)] = 0
            pixels[np.flatnonzero(bits >= LEVELS - half)] = 255
        return noisy

    def make(self, shape: tuple[int, ...], source: np.random.Generator) -> npt.NDArray[np.int16]:
        """Noise in whole levels."""
        noise: npt.NDArray[np.int16] = np.take(quantiles(self.sigma), uniform_bits(source, shape))
        return noise

    def realised(self) -> dict[str, Any]:
        return {"sigma": self.sigma, "salt_pepper": self.salt_pepper}


@functools.lru_cache(maxsize=16)
def quantiles(sigma: float) -> npt.NDArray[np.int16]:
    """The normal distribution's 65,536 quantiles in whole levels: indexed by uniform bits they are Gaussian noise."""
    from scipy.special import ndtri

    table: npt.NDArray[np.int16] = np.rint(sigma * ndtri((np.arange(LEVELS) + 0.5) / LEVELS)).astype(np.int16)
    table.flags.writeable = False
    return table
