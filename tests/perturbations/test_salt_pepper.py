"""salt_pepper against the shares that it is asked for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.perturbations.conftest import CAMERAS
from vlabench.perturbations.salt_pepper import SaltPepper
from vlabench.seeding import Draws
from vlabench.simulators.libero.interface import SPACE
from vlabench.types import Image

PUBLISHED = {1: 0.03, 2: 0.06, 3: 0.09, 4: 0.17, 5: 0.27}
"""make_imagenet_c.py, impulse_noise: the amount of scikit-image's `s&p`."""


def specked(rng: Draws, severity: int, step: int = 0, **parameters: object) -> Image:
    noise = SaltPepper.at(severity, **parameters)
    noise.begin(rng, 1, CAMERAS, SPACE)
    return noise.picture(np.full((256, 256, 3), 128, np.uint8), "wrist", step, rng)


@pytest.mark.parametrize("severity", PUBLISHED)
def test_each_value_turns_for_itself(severity: int, draws: Callable[[int], Draws]) -> None:
    image, p = specked(draws(0), severity), PUBLISHED[severity]
    assert set(np.unique(image)) == {0, 128, 255}
    spread = np.sqrt(p / 2 / image.size)
    assert abs((image == 0).mean() - p / 2) < 4 * spread and abs((image == 255).mean() - p / 2) < 4 * spread
    hit = image != 128
    both = (hit[..., 0] & hit[..., 1]).mean()  # colours are independent
    assert abs(both - p * p) < 4 * p / 256


def test_a_higher_severity_hits_the_same_values_and_more(draws: Callable[[int], Draws]) -> None:
    mild, severe = specked(draws(0), 1), specked(draws(0), 5)
    assert (severe[mild != 128] == mild[mild != 128]).all()


def test_new_at_every_look_or_held(draws: Callable[[int], Draws]) -> None:
    assert not np.array_equal(specked(draws(0), 3), specked(draws(0), 3, step=1))
    assert np.array_equal(specked(draws(0), 3, draw="episode"), specked(draws(0), 3, step=1, draw="episode"))
