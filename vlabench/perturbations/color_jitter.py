"""color_jitter: saturation, brightness, contrast and sharpness of the picture are multiplied by random factors.

RobustVLA, appendix A.4: "saturation, brightness, contrast, and sharpness are randomly jittered with a maximum random
factor of 3". A reconstruction: each factor is uniform in [low, high), here [0, 3); one draw an episode for all cameras;
applied in the order in which the paper names them, each with the meaning that Pillow's ImageEnhance gives it: 0 takes
the property away (grey, black, flat, smooth), 1 leaves it, above 1 exaggerates it. `low = 0, high = 4` is torchvision's
ColorJitter(3), another reading. The additive variant adds a random offset to each colour channel instead.

Severities spread the factors around 1 by a fifth of the paper's range each, so that the same draw goes further.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator
from typing_extensions import Self

from vlabench.perturbations._image import DrawnPerturbation, Units, as_image
from vlabench.types import Image


class ColorJitter(DrawnPerturbation):
    """Random factors of a picture's saturation, brightness, contrast and sharpness, or offsets of its channels."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"low": 0.8, "high": 1.4, "offset": 0.06},
        2: {"low": 0.6, "high": 1.8, "offset": 0.12},
        3: {"low": 0.4, "high": 2.2, "offset": 0.18},
        4: {"low": 0.2, "high": 2.6, "offset": 0.24},
        5: {"low": 0.0, "high": 3.0, "offset": 0.3},
    }
    paper: ClassVar[int | None] = 5
    units: ClassVar[int] = 7

    variant: Literal["factors", "additive"] = Field(
        default="factors", description="`factors` reads `low` and `high`, `additive` reads `offset`.")
    low: float = Field(
        default=0.0, ge=0, le=10, description="Lower end of the range of the four factors; 1 changes nothing.")
    high: float = Field(
        default=3.0, ge=0, le=10, description="Upper end of the range of the factors (RobustVLA, appendix A.4: 3).")
    offset: float = Field(
        default=0.3, ge=0, le=1, description="Largest offset of a colour channel either way, as a share of 255.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low = {self.low} is above high = {self.high}")
        return self

    @property
    def neutral(self) -> bool:
        return self.offset == 0 if self.variant == "additive" else self.low == self.high == 1

    def factors(self, units: Units) -> tuple[float, float, float, float]:
        """Of saturation, brightness, contrast, sharpness."""
        saturation, brightness, contrast, sharpness = (self.low + (self.high - self.low) * units[:4]).tolist()
        return saturation, brightness, contrast, sharpness

    def offsets(self, units: Units) -> tuple[float, float, float]:
        """Of red, green, blue, in levels of 255."""
        red, green, blue = (255 * self.offset * (2 * units[4:] - 1)).tolist()
        return red, green, blue

    def apply(self, image: Image, units: Units) -> Image:
        if self.variant == "additive":
            return add(image, self.offsets(units))
        s, b, c, h = self.factors(units)
        return sharpness(contrast(brightness(saturation(image, s), b), c), h)

    def describe(self, units: Units, height: int, width: int) -> Mapping[str, Any]:
        if self.variant == "additive":
            return dict(zip(("red", "green", "blue"), np.round(self.offsets(units), 2).tolist(), strict=True))
        names = ("saturation", "brightness", "contrast", "sharpness")
        return dict(zip(names, np.round(self.factors(units), 4).tolist(), strict=True))


def saturation(image: Image, factor: float) -> Image:
    """Away from (or towards) the grey picture, as ImageEnhance.Color."""
    import cv2

    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return as_image(cv2.addWeighted(image, factor, grey, 1 - factor, 0))


def brightness(image: Image, factor: float) -> Image:
    """Away from (or towards) black, as ImageEnhance.Brightness."""
    import cv2

    return as_image(cv2.convertScaleAbs(image, alpha=factor))


def contrast(image: Image, factor: float) -> Image:
    """Away from (or towards) the mean of the grey picture, as ImageEnhance.Contrast."""
    import cv2

    mean = round(cv2.mean(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))[0])
    return as_image(cv2.addWeighted(image, factor, image, 0, (1 - factor) * mean))


def sharpness(image: Image, factor: float) -> Image:
    """Away from (or towards) a smoothed picture with the outermost pixels kept, as ImageEnhance.Sharpness."""
    import cv2

    kernel = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], np.float32) / 13
    smooth = image.copy()
    smooth[1:-1, 1:-1] = cv2.filter2D(image, -1, kernel)[1:-1, 1:-1]
    return as_image(cv2.addWeighted(image, factor, smooth, 1 - factor, 0))


def add(image: Image, offsets: tuple[float, float, float]) -> Image:
    """An offset to each channel, clipped to what a picture can hold."""
    import cv2

    return as_image(cv2.transform(image, np.column_stack([np.eye(3), offsets])))
