"""occlusion: a few black blocks cover parts of the picture.

RobustVLA, appendix A.4: "randomly occluded with a random number of occlusion blocks ranging from 1 to 3 and a maximum
length of 20". A reconstruction: sides are whole pixels, uniform in 1 … 20 at 224 pixels and scaled to the picture;
blocks lie wholly inside it, anywhere; black; place and number held for the episode, the same for all cameras. At the
paper's size policies hardly notice (95 % success), so the severities go beyond it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from vlabench.perturbations._image import DrawnPerturbation, Units, scaled
from vlabench.types import Image

MOST = 8
"""Blocks that a draw has numbers for."""


class Occlusion(DrawnPerturbation):
    """Black blocks in the picture."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"side": 10.0}, 2: {"side": 20.0}, 3: {"side": 40.0}, 4: {"side": 60.0}, 5: {"side": 80.0}
    }
    paper: ClassVar[int | None] = 2
    units: ClassVar[int] = 1 + 4 * MOST

    blocks: int = Field(
        default=3, ge=1, le=MOST,
        description="Largest number of blocks; the number is uniform in 1 … blocks (RobustVLA, appendix A.4: 3).")
    side: float = Field(
        default=20.0, ge=0, le=224,
        description="Longest side of a block in pixels of a 224² picture (RobustVLA, appendix A.4: 20); 0 draws none.")

    @property
    def neutral(self) -> bool:
        return self.side == 0

    @property
    def certain(self) -> bool:
        """No: a small block may fall on what is black already."""
        return False

    def boxes(self, units: Units, height: int, width: int) -> list[tuple[int, int, int, int]]:
        """(x, y, width, height) of each block, in pixels."""
        if self.neutral:
            return []
        longest = max(1, round(scaled(self.side, height, width)))
        found = []
        for u_width, u_height, u_x, u_y in units[1:].reshape(MOST, 4)[: 1 + int(self.blocks * units[0])].tolist():
            w, h = min(width, 1 + int(longest * u_width)), min(height, 1 + int(longest * u_height))
            found.append((int(u_x * (width - w + 1)), int(u_y * (height - h + 1)), w, h))
        return found

    def apply(self, image: Image, units: Units) -> Image:
        covered = image.copy()
        for x, y, w, h in self.boxes(units, *image.shape[:2]):
            covered[y : y + h, x : x + w] = 0
        return covered

    def describe(self, units: Units, height: int, width: int) -> Mapping[str, Any]:
        return {"blocks": [dict(zip(("x", "y", "width", "height"), box, strict=True))
                           for box in self.boxes(units, height, width)]}
