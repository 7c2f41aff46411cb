"""occlusion: number, size and place of the black blocks stay within what the paper says."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vlabench.perturbations.occlusion import Occlusion
from vlabench.types import Image

seeds = st.integers(0, 2**32)


def units(seed: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.random.Generator(np.random.Philox(key=seed)).random(Occlusion.units)


@given(seed=seeds, side=st.sampled_from([20.0, 40.0, 80.0]), size=st.sampled_from([64, 128, 224, 256, 448]))
def test_blocks_are_inside_and_no_longer_than_asked(seed: int, side: float, size: int) -> None:
    boxes = Occlusion(side=side).boxes(units(seed), size, size)
    assert 1 <= len(boxes) <= 3
    for x, y, w, h in boxes:
        assert 1 <= w <= round(side * size / 224) and 1 <= h <= round(side * size / 224)
        assert 0 <= x <= size - w and 0 <= y <= size - h


def test_numbers_and_sides_reach_their_ends() -> None:
    drawn = [Occlusion().boxes(units(seed), 224, 224) for seed in range(600)]
    assert {len(boxes) for boxes in drawn} == {1, 2, 3}
    assert {w for boxes in drawn for _, _, w, _ in boxes} == set(range(1, 21))
    assert {h for boxes in drawn for _, _, _, h in boxes} == set(range(1, 21))


def test_blocks_are_black_and_the_rest_is_untouched(picture: Image) -> None:
    bright = np.maximum(picture, 1)  # no channel is 0 of itself
    covered = Occlusion(side=80).apply(bright, units(3))
    expected = np.zeros((256, 256), bool)
    for x, y, w, h in Occlusion(side=80).boxes(units(3), 256, 256):
        for row in range(y, y + h):
            expected[row, x : x + w] = True
    assert np.array_equal((covered == 0).all(axis=-1), expected)
    assert np.array_equal(covered[~expected], bright[~expected])


def test_number_of_blocks_is_the_same_at_all_severities() -> None:
    for seed in range(20):
        assert len({len(Occlusion.at(s).boxes(units(seed), 128, 128)) for s in range(1, 6)}) == 1
