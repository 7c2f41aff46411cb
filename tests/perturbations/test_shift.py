"""shift against numpy slicing and a uniform law."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
from scipy.stats import chisquare

from vlabench.perturbations.shift import Shift
from vlabench.seeding import Draws
from vlabench.simulators.libero.interface import SPACE
from vlabench.types import Image, Observation


def test_moves_left_and_up_and_leaves_black(draws: Callable[[int], Draws], look: Callable[..., Observation]) -> None:
    for index in range(10):
        shift, rng, obs = Shift(), draws(index), look(0, 96, 128)
        shift.begin(rng, 8, ("agentview", "wrist"), SPACE)
        seen = shift.observation(obs, 0, rng)
        left, up = shift.realised()["left"], shift.realised()["up"]
        for camera, image in obs.images.items():
            expected = np.zeros_like(image)
            expected[:, : 96 - up, : 128 - left] = image[:, up:, left:]
            assert np.array_equal(seen.images[camera], expected)


def test_draws_every_whole_pixel_equally_often() -> None:
    draw = np.random.Generator(np.random.Philox(key=1)).random((6000, 2))
    left, up = zip(*(Shift(fraction=0.3).pixels(units, 40, 60) for units in draw), strict=True)
    assert (set(left), set(up)) == (set(range(19)), set(range(13)))  # 0.3 · 60 and 0.3 · 40
    assert chisquare(list(Counter(left).values())).pvalue > 1e-3
    assert chisquare(list(Counter(up).values())).pvalue > 1e-3


def test_scales_with_the_picture(picture: Image) -> None:
    units = np.array([0.5, 0.999])
    assert Shift().pixels(units, 256, 256) == (38, 76)
    assert Shift().pixels(units, 128, 128) == (19, 38)
    assert np.array_equal(Shift().apply(picture, units)[:180, :218], picture[76:, 38:])
