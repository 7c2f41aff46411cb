"""fog against ImageNet-C's formula, with clouds grown point by point."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from tests.perturbations.conftest import CAMERAS
from vlabench.perturbations.fog import Fog, plasma
from vlabench.seeding import Draws
from vlabench.simulators.libero.interface import SPACE
from vlabench.types import Image

PUBLISHED = {1: (1.5, 2), 2: (2, 2), 3: (2.5, 1.7), 4: (2.5, 1.5), 5: (3, 1.4)}
"""make_imagenet_c.py, fog: (brightness of the clouds, decay of the roughness)."""


def grown(units: npt.NDArray[np.float64], side: int, decay: float) -> npt.NDArray[np.float64]:
    """The diamond-square algorithm of Fournier, Fussell and Carpenter, one point after another."""
    height, numbers, rough, step = np.zeros((side, side)), iter(units.tolist()), 100.0, side
    while step > 1:
        half, grid = step // 2, list(itertools.product(range(0, side, step), repeat=2))
        for y0, x0, around in ((half, half, ((-half, -half), (-half, half), (half, -half), (half, half))),
                               (0, half, ((-half, 0), (half, 0), (0, -half), (0, half))),
                               (half, 0, ((-half, 0), (half, 0), (0, -half), (0, half)))):
            for y, x in ((y + y0, x + x0) for y, x in grid):
                mean = sum(height[(y + dy) % side, (x + dx) % side] for dy, dx in around) / 4
                height[y, x] = mean + rough * (-rough + 2 * rough * next(numbers))
        step, rough = half, rough / decay
    assert next(numbers, None) is None
    return np.asarray((height - height.min()) / (height.max() - height.min()))


@pytest.mark.parametrize("decay", [1.4, 2.0])
def test_clouds_grow_by_diamonds_and_squares(decay: float) -> None:
    units = np.random.default_rng(3).random(32 * 32 - 1)
    assert np.allclose(plasma(units, 32, decay), grown(units, 32, decay), atol=1e-12)


@pytest.mark.parametrize("severity", PUBLISHED)
def test_is_the_published_formula_on_224_pixels(severity: int, picture: Image, draws: Callable[[int], Draws]) -> None:
    fog, rng, image = Fog.at(severity), draws(0), picture[:224, :224]
    density, decay = PUBLISHED[severity]
    fog.begin(rng, 1, CAMERAS, SPACE)
    clouds = plasma(rng.episode().random(256 * 256 - 1), 256, decay)[:224, :224, np.newaxis]
    x = image / 255.0
    wanted = np.clip((x + density * clouds) * x.max() / (x.max() + density), 0, 1) * 255
    assert np.abs(fog.picture(image, "wrist", 0, rng) - wanted).max() <= 0.51


def test_clouds_scale_with_the_picture_and_are_held(picture: Image, draws: Callable[[int], Draws]) -> None:
    def seen(size: int, step: int, **parameters: object) -> Image:
        fog = Fog.at(3, **parameters)
        fog.begin(draws(0), 1, CAMERAS, SPACE)
        return fog.picture(np.full((size, size, 3), 128, np.uint8), "wrist", step, draws(0))

    large, small = seen(224, 0), seen(112, 0)
    assert np.abs(large.reshape(112, 2, 112, 2, 3).mean((1, 3)) - small).mean() < 3
    assert np.array_equal(large, seen(224, 7)) and not np.array_equal(large, seen(224, 7, draw="step"))
    assert seen(224, 0).min() >= 21 and 100 < seen(224, 0).max() <= 128  # of its brightest level, 1 of 6 to all


def test_severities_share_their_clouds(draws: Callable[[int], Draws]) -> None:
    clouds = []
    for severity in (1, 2, 5):
        fog = Fog.at(severity, decay=2.0)
        fog.begin(draws(4), 1, CAMERAS, SPACE)
        clouds.append(fog.field(np.zeros((64, 64, 3), np.uint8), "wrist", 0, draws(4)))
    assert all(np.array_equal(each, clouds[0]) for each in clouds)
    assert clouds[0].min() >= 0 and clouds[0].max() <= 1
