"""jpeg against Pillow's encoder."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image as Pillow

from vlabench.perturbations.jpeg import Jpeg
from vlabench.seeding import Draws
from vlabench.types import Image


@pytest.mark.parametrize("quality", [7, 15, 25, 90])
def test_agrees_with_pillow(picture: Image, quality: int, draws: Callable[[int], Draws]) -> None:
    buffer = io.BytesIO()
    Pillow.fromarray(picture).save(buffer, "JPEG", quality=quality, subsampling="4:2:0")
    expected = np.asarray(Pillow.open(buffer)).astype(int)
    ours = Jpeg(quality=quality).picture(picture, "wrist", 0, draws(0))
    assert np.abs(ours - expected).mean() < 1  # a loss of 3 to 10 levels is common to both
    assert np.abs(picture - expected).mean() > 2 * np.abs(ours - expected).mean()


def test_colours_keep_their_order(draws: Callable[[int], Draws]) -> None:
    red = np.full((64, 64, 3), (220, 30, 10), np.uint8)
    assert np.abs(Jpeg().picture(red, "wrist", 0, draws(0)).astype(int) - red).max() < 25
