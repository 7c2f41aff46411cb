"""exposure against ImageNet-C's brightness with the colours of the standard library."""

from __future__ import annotations

import colorsys
from collections.abc import Callable

import numpy as np
import pytest

from vlabench.perturbations.exposure import Exposure
from vlabench.seeding import Draws

PUBLISHED = {1: 0.1, 2: 0.2, 3: 0.3, 4: 0.4, 5: 0.5}
"""make_imagenet_c.py, brightness: what is added to the value of HSV."""


@pytest.mark.parametrize("severity", PUBLISHED)
def test_is_the_published_formula(severity: int, draws: Callable[[int], Draws]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    image[0, :4] = [[0, 0, 0], [255, 255, 255], [0, 0, 1], [255, 0, 0]]
    ours = Exposure.at(severity).picture(image, "wrist", 0, draws(0))
    for pixel, changed in zip(image.reshape(-1, 3), ours.reshape(-1, 3), strict=True):
        hue, saturation, value = colorsys.rgb_to_hsv(*(pixel / 255.0).tolist())
        wanted = colorsys.hsv_to_rgb(hue, saturation, min(value + PUBLISHED[severity], 1.0))
        assert np.abs(changed - 255 * np.array(wanted)).max() <= 0.51
