"""shift: the picture moves left and up by whole pixels; what comes into view is black.

RobustVLA, appendix A.4: "randomly shifted to the upper left, with a maximum translation rate of 0.3 relative to the
image size". A reconstruction: the paper does not say how the rate is drawn, how long a draw is held, whether the
cameras share it or what fills the gap. Here both shifts are whole pixels, uniform in [0, fraction · size], each for
itself; one draw an episode for all cameras; black. Severities go up to the paper's value in steps of a fifth, the
step by which its curriculum raises the observation noise (table 6).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from vlabench.perturbations._image import DrawnPerturbation, Units, as_image
from vlabench.types import Image


class Shift(DrawnPerturbation):
    """A random shift to the left and up."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"fraction": 0.06}, 2: {"fraction": 0.12}, 3: {"fraction": 0.18}, 4: {"fraction": 0.24}, 5: {"fraction": 0.3}
    }
    paper: ClassVar[int | None] = 5
    units: ClassVar[int] = 2

    fraction: float = Field(
        default=0.3, ge=0, lt=1,
        description="Largest shift, as a share of the picture's width and height (RobustVLA, appendix A.4: 0.3).")

    @property
    def neutral(self) -> bool:
        return self.fraction == 0

    @property
    def certain(self) -> bool:
        """No: zero pixels both ways is a possible draw (1 in 5,929 at 0.3 and 256 pixels)."""
        return False

    def pixels(self, units: Units, height: int, width: int) -> tuple[int, int]:
        """(left, up), each uniform over 0 … floor(fraction · size)."""
        left, up = (int(u * (int(self.fraction * size) + 1)) for u, size in zip(units, (width, height), strict=True))
        return left, up

    def apply(self, image: Image, units: Units) -> Image:
        import cv2

        left, up = self.pixels(units, *image.shape[:2])
        return as_image(cv2.copyMakeBorder(image[up:, left:], 0, up, 0, left, cv2.BORDER_CONSTANT, value=(0, 0, 0)))

    def describe(self, units: Units, height: int, width: int) -> Mapping[str, Any]:
        left, up = self.pixels(units, height, width)
        return {"left": left, "up": up}
