"""The generated pictures: the same bytes everywhere, and a table that lies where things lie."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vlabench.simulators.maniskill.catalogue import TABLES
from vlabench.simulators.maniskill.primitive.pictures import table, texture

RECORDED = "aba0628ec765b7be0d6ad6c2592d2139a130696057c1f0cbb2b57add6c91e76f"


def test_every_picture_has_the_pixels_that_it_always_had(folder: Path) -> None:
    """As an image library reads them from the pack's folder. Textures have contrast."""
    total, seen = hashlib.sha256(), set()
    for file in sorted(folder.glob("t*/*.png")):
        picture = np.asarray(Image.open(file).convert("RGB"))
        assert picture.shape == (480, 640, 3)
        assert file.parent.name == "tables" or picture[::4, ::4].mean(2).std() > 5, file
        total.update(picture.tobytes())
        seen.add(picture.tobytes())
    assert total.hexdigest() == RECORDED
    assert len(seen) == 2 * len(TABLES)


def test_a_picture_is_painted_alike_again(folder: Path) -> None:
    for sort, paint in (("tables", table), ("textures", texture)):
        for number in (0, 13, 20):
            first = paint(number)
            assert first.dtype == np.uint8 and np.array_equal(first, paint(number))
            assert np.array_equal(first, np.asarray(Image.open(folder / sort / f"{number + 1:03d}.png")))


def projected(x: float, y: float, z: float) -> tuple[int, int]:
    """Row and column at which the scene's camera sees a place, by turning the place into the camera's frame."""
    w, a, b, c = 0.8992917, -0.09263245, 0.35892478, 0.23209205
    turn = np.array([[1 - 2 * (b * b + c * c), 2 * (a * b - w * c), 2 * (a * c + w * b)],
                     [2 * (a * b + w * c), 1 - 2 * (a * a + c * c), 2 * (b * c - w * a)],
                     [2 * (a * c - w * b), 2 * (b * c + w * a), 1 - 2 * (a * a + b * b)]])
    base = np.array([0.147 - x, 0.028 - y, z - 0.870])  # the robot's base is turned half around
    ahead, left, up = turn.T @ (base - [0, -0.16, 0.36])
    return round(239.545 - 623.588 * up / ahead), round(319.501 - 623.588 * left / ahead)


@pytest.mark.parametrize("number", [1, 6, 11, 18])
def test_things_are_put_on_the_table_of_the_picture(number: int) -> None:
    """The corners of all places for things, outermost ones included, have the table's colour; places off it do not."""
    picture = table(number).astype(int)
    middle = picture[projected(-0.16, 0.0, 0.87)]
    for x in (-0.265, -0.16, -0.055):
        for y in (-0.105, 0.0, 0.105):
            assert np.abs(picture[projected(x, y, 0.87)] - middle).max() < 60
    assert np.abs(picture[projected(-0.38, 0.0, 0.87)] - middle).max() > 60
    assert np.abs(picture[projected(-0.25, -0.34, 0.87)] - middle).max() > 60
