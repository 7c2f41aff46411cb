"""color_jitter against Pillow's ImageEnhance, and its severities against hand-worked factors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageEnhance
from pydantic import ValidationError

from vlabench.perturbations import color_jitter
from vlabench.perturbations.color_jitter import ColorJitter
from vlabench.types import Image

Enhancer = Callable[[Pillow.Image], ImageEnhance._Enhance]
PAIRS: list[tuple[Callable[[Image, float], Image], Enhancer]] = [
    (color_jitter.saturation, ImageEnhance.Color), (color_jitter.brightness, ImageEnhance.Brightness),
    (color_jitter.contrast, ImageEnhance.Contrast), (color_jitter.sharpness, ImageEnhance.Sharpness),
]


@pytest.mark.parametrize("factor", [0.0, 0.3, 1.0, 1.7, 3.0])
@pytest.mark.parametrize(("ours", "pillows"), PAIRS)
def test_each_property_agrees_with_pillow(
    picture: Image, ours: Callable[[Image, float], Image], pillows: Enhancer, factor: float
) -> None:
    expected = np.asarray(pillows(Pillow.fromarray(picture)).enhance(factor)).astype(int)
    # Pillow cuts decimals off (1) where OpenCV rounds (1/2); the grey or smooth picture, which is scaled, differs by 1.
    assert np.abs(ours(picture, factor) - expected).max() <= 1.5 + abs(1 - factor)


def test_all_together_agree_with_pillow(picture: Image) -> None:
    units = np.array([0.2, 0.6, 0.3, 0.7, 0, 0, 0])
    expected = Pillow.fromarray(picture)
    for (_, pillows), factor in zip(PAIRS, (0.6, 1.8, 0.9, 2.1), strict=True):
        expected = pillows(expected).enhance(factor)
    assert np.abs(ColorJitter().apply(picture, units) - np.asarray(expected).astype(int)).mean() < 2


def test_paper_range_and_spread_around_one() -> None:
    low, high = np.zeros(7), np.full(7, 1.0)
    assert ColorJitter.paper == 5
    assert ColorJitter.at(5).factors(low) == (0, 0, 0, 0) and ColorJitter.at(5).factors(high) == (3, 3, 3, 3)
    for severity in range(1, 6):  # the draw that leaves the picture alone does so at every severity
        assert ColorJitter.at(severity).factors(np.full(7, 1 / 3)) == pytest.approx((1, 1, 1, 1))


def test_additive_variant_adds_an_offset_to_each_channel(picture: Image) -> None:
    jitter = ColorJitter(variant="additive", offset=0.2)
    units = np.array([0, 0, 0, 0, 1.0, 0.5, 0.25])
    offsets = [51.0, 0.0, -25.5]
    assert jitter.describe(units, 256, 256) == {"red": 51.0, "green": 0.0, "blue": -25.5}
    assert np.abs(jitter.apply(picture, units) - (picture + offsets).clip(0, 255)).max() <= 0.5


def test_range_must_be_ordered() -> None:
    with pytest.raises(ValidationError, match="low = 2.0 is above high = 1.0"):
        ColorJitter(low=2, high=1)
