"""pixelation against means over blocks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from vlabench.perturbations.pixelation import Pixelation
from vlabench.seeding import Draws
from vlabench.types import Image

PUBLISHED = {1: 0.6, 2: 0.5, 3: 0.4, 4: 0.3, 5: 0.25}
"""make_imagenet_c.py, pixelate."""


@pytest.mark.parametrize(("severity", "block"), [(2, 2), (5, 4)])
def test_blocks_are_the_means_of_what_they_cover(severity: int, block: int, picture: Image,
                                                 draws: Callable[[int], Draws]) -> None:
    few = 256 // block
    means = picture.astype(float).reshape(few, block, few, block, 3).mean((1, 3))
    wanted = means.repeat(block, 0).repeat(block, 1)
    assert np.abs(Pixelation.at(severity).picture(picture, "wrist", 0, draws(0)) - wanted).max() <= 1


@pytest.mark.parametrize("severity", PUBLISHED)
def test_has_as_many_pixels_as_the_published_one(severity: int, draws: Callable[[int], Draws]) -> None:
    ramp = np.repeat(np.linspace(0, 255, 224).astype(np.uint8)[np.newaxis, :, np.newaxis], 224, 0).repeat(3, 2)
    row = Pixelation.at(severity).picture(ramp, "wrist", 0, draws(0))[0, :, 0]
    assert len(np.unique(row)) == int(224 * PUBLISHED[severity])
