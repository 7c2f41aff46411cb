"""rotation: the picture turns counter-clockwise about its centre; size kept, corners black.

RobustVLA, appendix A.4: "randomly rotated counterclockwise with a maximum rotation angle of 30 degrees". A
reconstruction: the paper leaves open how the angle is drawn, how long it is held, whether cameras share it and what
fills the corners. Here the angle is uniform in [0, degrees); one draw an episode for all cameras; black; bilinear.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from vlabench.perturbations._image import DrawnPerturbation, Units, as_image
from vlabench.types import Image


class Rotation(DrawnPerturbation):
    """A random turn of the picture."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"degrees": 10.0}, 2: {"degrees": 20.0}, 3: {"degrees": 30.0}, 4: {"degrees": 45.0}, 5: {"degrees": 60.0}
    }
    paper: ClassVar[int | None] = 3
    units: ClassVar[int] = 1

    degrees: float = Field(
        default=30.0, ge=0, le=180,
        description="Largest angle in degrees, counter-clockwise as seen (RobustVLA, appendix A.4: 30).")

    @property
    def neutral(self) -> bool:
        return self.degrees == 0

    @property
    def certain(self) -> bool:
        """No: an angle below 0.005° moves no pixel at 256 pixels (1 draw in about 6,000 at 30°)."""
        return False

    def apply(self, image: Image, units: Units) -> Image:
        import cv2

        height, width = image.shape[:2]
        turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), self.degrees * float(units[0]), 1.0)
        return as_image(cv2.warpAffine(image, turn, (width, height), flags=cv2.INTER_LINEAR,
                                       borderMode=cv2.BORDER_CONSTANT, borderValue=(0, 0, 0)))

    def describe(self, units: Units, height: int, width: int) -> Mapping[str, Any]:
        return {"degrees": round(self.degrees * float(units[0]), 4)}
