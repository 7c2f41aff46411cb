"""contrast against ImageNet-C's formula."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from vlabench.perturbations.contrast import Contrast
from vlabench.seeding import Draws
from vlabench.types import Image

PUBLISHED = {1: 0.4, 2: 0.3, 3: 0.2, 4: 0.1, 5: 0.05}
"""make_imagenet_c.py, contrast."""


@pytest.mark.parametrize("severity", PUBLISHED)
def test_is_the_published_formula(severity: int, picture: Image, draws: Callable[[int], Draws]) -> None:
    x = picture / 255.0
    means = np.mean(x, axis=(0, 1), keepdims=True)
    wanted = np.clip((x - means) * PUBLISHED[severity] + means, 0, 1) * 255
    assert np.abs(Contrast.at(severity).picture(picture, "wrist", 0, draws(0)) - wanted).max() <= 0.51
