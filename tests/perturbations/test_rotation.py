"""rotation against hand-placed dots and scipy.ndimage.rotate."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, rotate

from vlabench.perturbations.rotation import Rotation
from vlabench.types import Image


def test_a_dot_turns_counter_clockwise_about_the_centre() -> None:
    image = np.zeros((101, 101, 3), np.uint8)
    image[50, 80], image[50, 50] = (200, 100, 50), (10, 20, 30)
    turned = Rotation(degrees=180).apply(image, np.array([0.5]))  # a quarter turn: from right of the centre to above it
    assert turned[20, 50].tolist() == [200, 100, 50] and turned[50, 50].tolist() == [10, 20, 30]
    assert turned.sum() == image.sum()


@pytest.mark.parametrize("angle", [4.0, 17.0, 30.0, 59.0])
@pytest.mark.parametrize(("height", "width"), [(128, 128), (256, 256), (96, 128)])
def test_agrees_with_scipy(picture: Image, angle: float, height: int, width: int) -> None:
    smooth = gaussian_filter(picture, (3, 3, 0))[:height, :width]
    ours = Rotation(degrees=60).apply(smooth, np.array([angle / 60])).astype(float)
    scipys = rotate(smooth.astype(float), angle, reshape=False, order=1, mode="constant")
    inside = rotate(np.ones((height, width)), angle, reshape=False, order=1, mode="constant")
    assert np.abs(ours - scipys)[inside > 0.999].max() <= 3  # OpenCV interpolates in steps of 1/32 pixel
    outside = rotate(np.ones((height + 8, width + 8)), angle, reshape=False, order=1, mode="constant")[4:-4, 4:-4] == 0
    assert outside.any() and not ours[outside].any()


def test_angle_is_the_share_drawn() -> None:
    for severity, largest in {1: 10, 2: 20, 3: 30, 4: 45, 5: 60}.items():
        described = Rotation.at(severity).describe(np.array([0.25]), 64, 64)
        assert described == {"degrees": largest / 4}
    assert Rotation.severities[3] == {"degrees": 30.0} and Rotation.paper == 3
