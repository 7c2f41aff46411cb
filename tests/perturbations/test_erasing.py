"""erasing: area bounded, place held, texture new and uniform, everything else untouched."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from vlabench.perturbations.erasing import Erasing
from vlabench.seeding import Draws
from vlabench.simulators.libero.interface import SPACE
from vlabench.types import Observation


@given(seed=st.integers(0, 2**32), area=st.sampled_from([0.025, 0.1, 0.4, 1.0]),
       height=st.integers(32, 260), width=st.integers(32, 260), blocks=st.integers(1, 8))
def test_area_is_bounded_and_blocks_are_inside(seed: int, area: float, height: int, width: int, blocks: int) -> None:
    units = np.random.Generator(np.random.Philox(key=seed)).random(Erasing.units)
    boxes = Erasing(area=area, blocks=blocks).boxes(units, height, width)
    assert 1 <= len(boxes) <= blocks
    assert sum(w * h for _, _, w, h in boxes) <= area * height * width
    for x, y, w, h in boxes:
        assert w >= 1 and h >= 1 and 0 <= x <= width - w and 0 <= y <= height - h


def test_area_is_close_to_what_was_drawn() -> None:
    units = np.full(Erasing.units, 0.5)
    assert sum(w * h for _, _, w, h in Erasing(area=0.1).boxes(units, 256, 256)) > 0.95 * 0.05 * 256**2


def test_place_is_held_and_texture_is_new(draws: Callable[[int], Draws], look: Callable[..., Observation]) -> None:
    erasing, rng, obs = Erasing.at(5), draws(2), look(0, 256, 256)
    erasing.begin(rng, 1, ("agentview", "wrist"), SPACE)
    inside = np.zeros((256, 256), bool)
    seen = [erasing.observation(obs, step, rng).images["wrist"][0] for step in range(6)]
    for block in erasing.realised()["blocks"]:
        inside[block["y"] : block["y"] + block["height"], block["x"] : block["x"] + block["width"]] = True
    for image in seen:
        assert np.array_equal(image[~inside], obs.images["wrist"][0][~inside])
    noise = np.stack([image[inside] for image in seen])
    assert inside.any() and (noise[0] == noise[1]).mean() < 0.02  # 1 in 256 by chance
    assert chisquare(np.bincount(noise.ravel(), minlength=256)).pvalue > 1e-3
