"""The green screen against loops over single pixels."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlabench.errors import AssetsError
from vlabench.simulators.maniskill.drawing import screen


@given(st.integers(0, 2**32 - 1), st.sets(st.integers(0, 40)), st.sampled_from([3, 20, 300]))
def test_only_what_is_kept_stays(seed: int, kept: set[int], most: int) -> None:
    rng = np.random.default_rng(seed)
    rgb, back = rng.integers(0, 256, (2, 5, 7, 3), dtype=np.uint8)
    ids = rng.integers(0, most, (5, 7), dtype=np.uint32)
    before = back.copy()
    found = screen.green_screen(rgb, ids, kept, back)
    for row in range(5):
        for column in range(7):
            assert (found[row, column] == (rgb if ids[row, column] in kept else back)[row, column]).all()
    assert found.dtype == np.uint8 and (back == before).all()


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.3, 0.5, 1.0]))
def test_a_texture_is_blended_over_a_picture(seed: int, mix: float) -> None:
    rng = np.random.default_rng(seed)
    rgb, texture = rng.integers(0, 256, (2, 5, 7, 3), dtype=np.uint8)
    found = screen.blend(rgb, texture, mix)
    for row in range(5):
        for column in range(7):
            exact = rgb[row, column].astype(float) * (1 - mix) + texture[row, column] * mix
            assert ((exact - 1 - 1e-3 <= found[row, column]) & (found[row, column] <= exact + 1e-3)).all()
    assert mix != 0 or (found == rgb).all()


def test_a_part_of_a_picture_fills_another() -> None:
    picture = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)
    assert (screen.cropped(picture, 0.5, 0.0, 1.0, (4, 3)) == picture[3:, :4]).all()
    assert (screen.cropped(picture, 0.5, 1.0, 0.0, (4, 3)) == picture[:3, 4:]).all()
    assert (screen.cropped(picture, 1.0, 0.3, 0.7, (8, 6)) == picture).all()
    assert screen.cropped(picture, 0.01, 0.0, 0.0, (5, 5)).shape == (5, 5, 3)


def test_a_background_is_resized_bilinearly_and_read_once(tmp_path: Path) -> None:
    path = tmp_path / "table.png"
    steps = np.tile(np.array([[0, 100], [200, 255]], np.uint8)[..., None], (1, 1, 3)) * np.array([1, 0, 0], np.uint8)
    cv2.imwrite(str(path), steps[..., ::-1])
    found = screen.background(path, (4, 4), full=(2, 2))
    assert found.shape == (4, 4, 3) and not found[..., 1:].any() and not found.flags.writeable
    assert found[0, :, 0].tolist() == [0, 25, 75, 100]
    path.unlink()
    assert screen.background(path, (4, 4), full=(2, 2)) is found
    with pytest.raises(AssetsError, match="cannot read the picture .*table.png"):
        screen.background(path, (8, 8))
