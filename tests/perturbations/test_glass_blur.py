"""glass_blur against ImageNet-C's double loop over pixels, and scipy's filter."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from tests.perturbations.conftest import CAMERAS
from vlabench.perturbations.glass_blur import GlassBlur
from vlabench.seeding import Draws
from vlabench.simulators.libero.interface import SPACE
from vlabench.types import Image

PUBLISHED = {1: (0.7, 1, 2), 2: (0.9, 2, 1), 3: (1.0, 2, 3), 4: (1.1, 3, 2), 5: (1.5, 4, 2)}
"""make_imagenet_c.py, glass_blur: σ, largest distance, rounds."""


@pytest.mark.parametrize("severity", [2, 5])
def test_is_the_published_double_loop(severity: int, picture: Image, draws: Callable[[int], Draws]) -> None:
    sigma, reach, rounds = PUBLISHED[severity]
    glass, rng, image = GlassBlur.at(severity), draws(1), picture[:224, :224]
    assert (glass.sigma, glass.reach, glass.times) == PUBLISHED[severity]
    glass.begin(rng, 1, CAMERAS, SPACE)
    x = gaussian_filter(image.astype(float), (sigma, sigma, 0), mode="nearest").round().astype(np.uint8)
    source = rng.episode()
    for _ in range(rounds):
        down, right = (np.minimum(2 * reach * source.random((2, 224, 224)), 2 * reach).astype(int) - reach).tolist()
        for h in range(224 - reach, reach, -1):
            for w in range(224 - reach, reach, -1):
                x[h, w] = x[h + down[h][w], w + right[h][w]]
    wanted = gaussian_filter(x.astype(float), (sigma, sigma, 0), mode="nearest")
    changed = np.abs(glass.picture(image, "wrist", 0, rng) - wanted)
    assert changed.mean() < 0.5 and changed.max() <= 3  # two roundings, and OpenCV's kernel in 8 bits


@pytest.mark.parametrize("reach", [1, 4])
def test_the_border_stays_and_all_else_is_replaced(reach: int, draws: Callable[[int], Draws]) -> None:
    places = GlassBlur(reach=reach, times=1).make((224, 224, 3), draws(0).episode()).astype(int)
    by = places - np.stack(np.meshgrid(np.arange(224), np.arange(224)), axis=-1)
    inner = np.zeros((224, 224), bool)
    inner[reach + 1 : 225 - reach, reach + 1 : 225 - reach] = True
    assert not by[~inner].any()
    assert by[inner].any(axis=-1).mean() > 1 - 2 / (2 * reach) ** 2
    assert set(by[inner].ravel().tolist()) >= set(range(-reach, reach))


@pytest.mark.parametrize("size", [224, 256])
def test_a_higher_severity_scatters_further(size: int, draws: Callable[[int], Draws]) -> None:
    distances = []
    for severity in PUBLISHED:
        places = GlassBlur.at(severity).make((size, size, 3), draws(0).episode()).astype(int)
        distances.append(float(np.square(places - np.stack(np.meshgrid(*[np.arange(size)] * 2), axis=-1)).mean()))
    assert distances == sorted(distances) and distances[4] > 4 * distances[0]


def test_small_and_large_pictures_are_scattered_alike(draws: Callable[[int], Draws]) -> None:
    moved = []
    for size in (64, 128, 224, 448):
        places = GlassBlur.at(4).make((size, size, 3), draws(0).episode()).astype(int)
        by = places - np.stack(np.meshgrid(np.arange(size), np.arange(size)), axis=-1)
        moved.append(float(np.abs(by).mean()) / size)
    assert max(moved) < 1.5 * min(moved)
