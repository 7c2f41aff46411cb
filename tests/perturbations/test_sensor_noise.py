"""sensor_noise against the moments of the normal distribution."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.stats import kurtosis, skew

from vlabench.perturbations.sensor_noise import SensorNoise
from vlabench.seeding import Draws
from vlabench.simulators.libero.interface import SPACE
from vlabench.types import Image, Observation


def disturbed(rng: Draws, level: int, step: int = 0, size: int = 256, **parameters: Any) -> Image:
    perturbation = SensorNoise(**parameters)
    perturbation.begin(rng, 1, ("wrist",), SPACE)
    grey = np.full((1, size, size, 3), level, np.uint8)
    obs = Observation.now({"wrist": grey}, np.zeros((1, 8), np.float32), ("",), step)
    noisy: Image = perturbation.observation(obs, step, rng).images["wrist"][0]
    return noisy


@pytest.mark.parametrize("sigma", [2.0, 12.0, 25.0])
def test_moments(sigma: float, draws: Callable[[int], Draws]) -> None:
    noise = disturbed(draws(0), 128, sigma=sigma).astype(float) - 128
    assert abs(noise.mean()) < 0.01 * sigma
    assert noise.std() == pytest.approx(np.sqrt(sigma**2 + 1 / 12), rel=0.01)  # 1/12: rounding to whole levels
    assert abs(skew(noise.ravel())) < 0.03 and abs(kurtosis(noise.ravel())) < 0.05
    for shifted in (np.roll(noise, 1, 0), np.roll(noise, 1, 1), np.roll(noise, 1, 2)):
        assert abs(np.corrcoef(noise.ravel(), shifted.ravel())[0, 1]) < 0.01


def test_saturates_instead_of_wrapping(draws: Callable[[int], Draws]) -> None:
    dark, light = disturbed(draws(0), 0, sigma=70), disturbed(draws(0), 255, sigma=70)
    for share in ((dark == 0).mean(), (light == 255).mean()):
        assert share == pytest.approx(0.5, abs=0.01)
    assert (dark < 210).mean() > 0.99 and (light > 45).mean() > 0.99  # three sigma


def test_levels_share_their_draws(draws: Callable[[int], Draws]) -> None:
    weak = disturbed(draws(0), 128, sigma=10).astype(float) - 128
    strong = disturbed(draws(0), 128, sigma=30).astype(float) - 128
    assert np.abs(strong - 3 * weak).max() <= 2  # a half level of each, one of them tripled


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_salt_and_pepper(share: float, draws: Callable[[int], Draws]) -> None:
    image = disturbed(draws(0), 128, sigma=0, salt_pepper=share)
    assert (image == image[..., :1]).all()  # whole pixels
    assert set(np.unique(image)) == {0, 128, 255}
    assert (image[..., 0] == 0).mean() == pytest.approx(share / 2, abs=0.01)
    assert (image[..., 0] == 255).mean() == pytest.approx(share / 2, abs=0.01)


def test_new_at_every_look_or_a_fixed_pattern(draws: Callable[[int], Draws]) -> None:
    now, then = (disturbed(draws(0), 128, step).astype(float).ravel() for step in (0, 1))
    assert abs(np.corrcoef(now, then)[0, 1]) < 0.01
    now, then = (disturbed(draws(0), 128, step, draw="episode").astype(float).ravel() for step in (0, 1))
    assert np.array_equal(now, then)
