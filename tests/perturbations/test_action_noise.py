"""action_noise against the normal distribution."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.stats import kstest

from vlabench.perturbations.action_noise import ActionNoise
from vlabench.seeding import Draws
from vlabench.simulators.libero.interface import SPACE

STILL = np.zeros(7, np.float64)


def noise(rng: Draws, steps: int = 1500, **parameters: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    perturbation = ActionNoise(**parameters)
    perturbation.begin(rng, 8, (), SPACE)
    return np.stack([perturbation.action(STILL, step, rng) for step in range(steps)])


def test_is_normal_in_every_dimension_and_independent(draws: Callable[[int], Draws]) -> None:
    drawn = noise(draws(0), sigma=0.2)
    for dimension in drawn.T:
        assert kstest(dimension / 0.2, "norm").pvalue > 1e-3
    assert np.abs(np.corrcoef(drawn.T) - np.eye(7)).max() < 0.1
    assert abs(np.corrcoef(drawn[:-1].ravel(), drawn[1:].ravel())[0, 1]) < 0.05


def test_levels_share_their_draws(draws: Callable[[int], Draws]) -> None:
    unit = noise(draws(0), 20, sigma=1, clip=False)
    for severity, sigma in {1: 0.05, 2: 0.1, 3: 0.15, 4: 0.2, 5: 0.3}.items():
        assert ActionNoise.severities[severity] == {"sigma": sigma}
        assert np.allclose(noise(draws(0), 20, sigma=sigma, clip=False), sigma * unit, rtol=0, atol=1e-12)


def test_clipped_unless_told_otherwise(draws: Callable[[int], Draws]) -> None:
    free = noise(draws(0), 200, sigma=1, clip=False)
    assert np.abs(free).max() > 2
    assert np.array_equal(noise(draws(0), 200, sigma=1), free.clip(-1, 1))


def test_gripper_can_be_left_alone(draws: Callable[[int], Draws]) -> None:
    with_gripper, without = noise(draws(0), 50), noise(draws(0), 50, gripper=False)
    assert not without[:, -1].any() and with_gripper[:, -1].all()
    assert np.array_equal(without[:, :-1], with_gripper[:, :-1])
