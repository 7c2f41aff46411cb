"""zoom_blur against ImageNet-C's formula with scipy's zoom."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from scipy.ndimage import zoom

from vlabench.perturbations.zoom_blur import ZoomBlur
from vlabench.seeding import Draws
from vlabench.types import Image

PUBLISHED = {1: np.arange(1, 1.11, 0.01), 2: np.arange(1, 1.16, 0.01), 3: np.arange(1, 1.21, 0.02),
             4: np.arange(1, 1.26, 0.02), 5: np.arange(1, 1.31, 0.03)}
"""make_imagenet_c.py, zoom_blur: the factors."""


def enlarged(image: npt.NDArray[np.float64], factor: float) -> npt.NDArray[np.float64]:
    """The middle of a picture, enlarged to its size."""
    side = len(image)
    part = math.ceil(side / factor)
    top = (side - part) // 2
    large = zoom(image[top : top + part, top : top + part], (factor, factor, 1), order=1)
    top = (len(large) - side) // 2
    return np.asarray(large[top : top + side, top : top + side])


@pytest.mark.parametrize("severity", PUBLISHED)
def test_is_the_published_formula(severity: int, picture: Image, draws: Callable[[int], Draws]) -> None:
    factors, blur, image = PUBLISHED[severity], ZoomBlur.at(severity), picture[:224, :224]
    assert len(factors) == blur.copies and factors[-1] == pytest.approx(blur.zoom)
    wanted = sum((enlarged(image.astype(float), factor) for factor in factors.tolist()), image.astype(float))
    ours = blur.picture(image, "wrist", 0, draws(0))
    off = np.abs(ours - wanted / (len(factors) + 1))
    assert off.max() <= 2 and off.mean() < 0.3  # rounding is 0.25 of it; OpenCV maps the middles of pixels, not corners


def test_the_middle_stays_and_the_border_is_smeared(picture: Image, draws: Callable[[int], Draws]) -> None:
    changed = np.abs(ZoomBlur.at(5).picture(picture, "wrist", 0, draws(0)).astype(float) - picture).mean(-1)
    y, x = np.indices(changed.shape) - 127.5
    distance = np.hypot(y, x)
    assert changed[distance < 10].mean() < changed[(distance > 30) & (distance < 100)].mean()
