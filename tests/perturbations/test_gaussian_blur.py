"""gaussian_blur against scipy's filter."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from vlabench.perturbations.gaussian_blur import GaussianBlur
from vlabench.seeding import Draws
from vlabench.types import Image

PUBLISHED = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6}
"""make_imagenet_c.py, gaussian_blur: σ."""


@pytest.mark.parametrize(("size", "severity"), [*((224, severity) for severity in PUBLISHED), (256, 3), (128, 5)])
def test_is_a_gaussian_of_the_published_width(size: int, severity: int, picture: Image,
                                              draws: Callable[[int], Draws]) -> None:
    sigma, image = PUBLISHED[severity] * size / 224, picture[:size, :size]
    wanted = gaussian_filter(image.astype(float), (sigma, sigma, 0), mode="nearest", truncate=4.0)
    assert np.abs(GaussianBlur.at(severity).picture(image, "wrist", 0, draws(0)) - wanted).max() <= 1.2
