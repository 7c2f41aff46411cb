"""motion_blur against scipy's filters and the line that a dot becomes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.ndimage import convolve, gaussian_filter, uniform_filter1d

from vlabench.perturbations.motion_blur import MotionBlur
from vlabench.types import Image


def test_horizontal_is_a_moving_mean(picture: Image) -> None:
    blur = MotionBlur(length=14, angle=0)
    assert blur.taps(256, 256) == 17  # 14 · 256 / 224 = 16, the next odd number
    expected = uniform_filter1d(picture.astype(float), 17, axis=1, mode="nearest")
    assert np.abs(blur.apply(picture, np.array([0.3])) - expected).max() <= 0.5 + 1e-6


@pytest.mark.parametrize("degrees", [-45, -30, -7, 12, 30, 45])
def test_a_dot_becomes_a_line(degrees: float) -> None:
    image = np.zeros((224, 224, 3), np.uint8)
    image[100, 120] = 231
    blurred = MotionBlur(length=21).apply(image, np.array([(degrees + 45) / 90]))[..., 0]
    y, x = np.nonzero(blurred)
    assert set(x) == set(range(110, 131)) and len(x) == 21  # one pixel a column
    assert (blurred[y, x] == 11).all()  # 231 / 21
    rise = -np.tan(math.radians(degrees)) * (x - 120)  # rows count downwards, the angle upwards
    assert np.abs(y - 100 - rise).max() <= 1


@pytest.mark.parametrize("degrees", [-38, 20, 45])
def test_agrees_with_a_line_kernel(picture: Image, degrees: float) -> None:
    smooth = gaussian_filter(picture, (4, 4, 0))
    kernel = np.zeros((19, 19, 1))
    for column in range(-9, 10):
        row = -column * math.tan(math.radians(degrees))
        low = math.floor(row)
        kernel[9 + low, 9 + column] += 1 - (row - low)
        if row > low:
            kernel[10 + low, 9 + column] += row - low
    expected = convolve(smooth.astype(float), kernel[::-1, ::-1] / kernel.sum(), mode="nearest")
    ours = MotionBlur(length=19 * 224 / 256).apply(smooth, np.array([(degrees + 45) / 90]))
    assert np.abs(ours - expected)[20:-20, 20:-20].max() <= 8  # at edges: the line is laid on whole pixels
    assert np.abs(ours - expected)[20:-20, 20:-20].mean() < 0.5


def test_length_scales_with_the_picture_and_never_vanishes() -> None:
    assert [MotionBlur(length=28).taps(size, size) for size in (64, 128, 224, 256)] == [9, 17, 29, 33]
    assert MotionBlur(length=1).taps(64, 64) == 3
    assert MotionBlur(length=0).taps(64, 64) == 1
