"""proprio_noise and proprio_bias against the normal distribution: one is new at every look, the other held."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import kstest

from vlabench.perturbations._proprio import GaussianProprio
from vlabench.perturbations.proprio_bias import ProprioBias
from vlabench.perturbations.proprio_noise import ProprioNoise
from vlabench.seeding import Draws
from vlabench.simulators.libero.interface import SPACE
from vlabench.types import Observation

PUBLISHED = 0.005
"""Robust-Gymnasium, configs/robust_setting.py: noise_sigma and noise_shift."""
MakeDraws = Callable[[int], Draws]


def added(kind: GaussianProprio, rng: Draws, steps: int, numbers: int = 8) -> npt.NDArray[np.float64]:
    """What was added at each look, [steps, numbers]."""
    kind.begin(rng, 1, (), SPACE)
    true = np.linspace(-1, 3, numbers, dtype=np.float32)[np.newaxis]
    felt = [kind.observation(Observation.now({}, true, ("",), step), step, rng).proprio for step in range(steps)]
    assert all(each.dtype == np.float32 and each.shape == true.shape for each in felt)
    return np.concatenate(felt).astype(float) - true


def test_noise_is_gaussian_and_of_one_look_and_number_alone(draws: MakeDraws) -> None:
    by = added(ProprioNoise.at(1), draws(0), 400) / PUBLISHED
    assert kstest(by.ravel(), "norm").pvalue > 0.01
    assert np.abs(np.corrcoef(by.T) - np.eye(8)).max() < 0.2
    assert abs(np.corrcoef(by[1:].ravel(), by[:-1].ravel())[0, 1]) < 0.06


def test_a_bias_is_gaussian_over_episodes_and_stays_in_one(draws: MakeDraws) -> None:
    offsets = []
    for index in range(120):
        by = added(ProprioBias.at(1), draws(index), 2)
        assert np.abs(by - by[0]).max() < 1e-6  # float32
        offsets.append(by[0] / PUBLISHED)
    assert kstest(np.ravel(offsets), "norm").pvalue > 0.01


@pytest.mark.parametrize("kind", [ProprioNoise, ProprioBias])
def test_severities_are_the_same_draw_further_and_further(kind: type[GaussianProprio], draws: MakeDraws) -> None:
    levels = [added(kind.at(severity), draws(2), 5) for severity in range(1, 6)]
    sizes = [kind.at(severity).sigma for severity in range(1, 6)]
    assert sizes == sorted(set(sizes)) and sizes[0] == PUBLISHED and kind.paper == 1
    for level, size in zip(levels, sizes, strict=True):
        assert np.allclose(level / size, levels[4] / sizes[4], atol=1e-3)


def test_a_vector_of_another_robot_gets_as_many_numbers(draws: MakeDraws) -> None:
    assert added(ProprioNoise(), draws(0), 3, numbers=14).all()


def test_realised_is_what_was_added(draws: MakeDraws) -> None:
    bias = ProprioBias.at(3)
    assert np.allclose(added(bias, draws(5), 1)[0], bias.realised()["by"], atol=1e-5)
