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
from pydantic import Field, PrivateAttr

from vlabench.perturbations._image import DrawnPerturbation
from vlabench.seeding import Draws
from vlabench.types import Image

LEVELS = 1 << 16


class SensorNoise(DrawnPerturbation):
    """Noise on every pixel."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"sigma": 6.0}, 2: {"sigma": 12.0}, 3: {"sigma": 25.0}, 4: {"sigma": 45.0}, 5: {"sigma": 70.0}
    }
    group: ClassVar[str] = "sensor"

    draw: Literal["episode", "step"] = Field(
        default="step", description="`step` draws new noise at every look, `episode` holds one pattern.")
    sigma: float = Field(
        default=25.0, ge=0, le=255, description="Standard deviation of the Gaussian noise, in levels of 255.")
    salt_pepper: float = Field(
        default=0.0, ge=0, le=1,
        description="Share of the pixels that turn black or white, half each (arXiv 2510.00037: 0.1).")

    _noise: tuple[Any, npt.NDArray[np.int16] | None] = PrivateAttr(default=(None, None))

    @property
    def neutral(self) -> bool:
        return self.sigma == 0 and self.salt_pepper == 0

    def picture(self, image: Image, camera: str, step: int, rng: Draws) -> Image:
        import cv2

        noisy = image.copy()
        if self.sigma:
            noise = self.gaussian(image.shape, camera, step, rng)
            cv2.add(image, noise, dst=noisy, dtype=cv2.CV_8U)  # saturates
        if self.salt_pepper:
            bits = uniform_bits(self.generator(rng, camera, step, "salt"), (image.shape[0] * image.shape[1],))
            half, pixels = round(self.salt_pepper * LEVELS / 2), noisy.reshape(-1, 3)
            pixels[np.flatnonzero(bits < half)] = 0
            pixels[np.flatnonzero(bits >= LEVELS - half)] = 255
        return noisy

    def gaussian(self, shape: tuple[int, ...], camera: str, step: int, rng: Draws) -> npt.NDArray[np.int16]:
        """Noise in whole levels; made once where looks or cameras share it."""
        key = (shape, camera if self.independent else None, step if self.draw == "step" else None)
        if self._noise[0] != key or self._noise[1] is None:
            bits = uniform_bits(self.generator(rng, camera, step, "gaussian"), shape)
            self._noise = (key, np.take(quantiles(self.sigma), bits))
        noise = self._noise[1]
        assert noise is not None
        return noise

    def realised(self) -> dict[str, Any]:
        return {"sigma": self.sigma, "salt_pepper": self.salt_pepper}


def uniform_bits(source: np.random.Generator, shape: tuple[int, ...]) -> npt.NDArray[np.uint16]:
    """Uniform in 0 … 65,535, straight from the generator's words: a tenth of the time of normal numbers."""
    number = int(np.prod(shape))
    words = source.bit_generator.random_raw(-(-number // 4))
    return words.view(np.uint16)[:number].reshape(shape)


@functools.lru_cache(maxsize=16)
def quantiles(sigma: float) -> npt.NDArray[np.int16]:
    """The normal distribution's 65,536 quantiles in whole levels: indexed by uniform bits they are Gaussian noise."""
    from scipy.special import ndtri

    table: npt.NDArray[np.int16] = np.rint(sigma * ndtri((np.arange(LEVELS) + 0.5) / LEVELS)).astype(np.int16)
    table.flags.writeable = False
    return table
