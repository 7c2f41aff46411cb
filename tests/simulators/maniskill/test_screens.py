"""The green screens of many environments at once show what `screen`'s functions make of each picture alone."""

from __future__ import annotations

import numpy as np
import pytest

from vlabench.simulators._values import Crop
from vlabench.simulators.maniskill import packs
from vlabench.simulators.maniskill.drawing import screen
from vlabench.simulators.maniskill.looks import Cover, Looks

SIZE = (80, 60)


def crop(step: int) -> Crop:
    return Crop(0.5 + 0.1 * step, 0.3, 0.8)


def test_each_environment_has_its_own_background_and_texture() -> None:
    torch = pytest.importorskip("torch")
    from vlabench.simulators.maniskill.screens import Screens

    pack, rng = packs.pack("primitive"), np.random.default_rng(0)
    looks = [Looks(3), Looks(4, other=17, mix=0.5), Looks(5, cover=Cover(2, 0.3, False, crop)),
             Looks(6, cover=Cover(9, 0.5, True, crop)), Looks(7, cover=Cover(2, 0.5, False, lambda step: crop(0)))]
    drawn = rng.integers(0, 256, (5, SIZE[1], SIZE[0], 3), dtype=np.uint8)
    kept = rng.random((5, SIZE[1], SIZE[0], 1)) < 0.4
    screens = Screens(pack, SIZE, torch.device("cpu"))
    screens.place(looks)
    for step in (0, 2):
        shown = screens.shown(torch.as_tensor(drawn), torch.as_tensor(kept), step).numpy()
        assert shown.dtype == np.uint8
        for rgb, ids, look, found in zip(drawn, kept[..., 0].astype(int), looks, shown, strict=True):
            behind, cover = screen.background(pack.table(look.table), SIZE), look.cover
            if look.other is not None:
                behind = screen.blend(behind, screen.background(pack.table(look.other), SIZE), look.mix)
            texture = None
            if cover is not None:
                due = cover.crop(step)
                texture = screen.cropped(screen.background(pack.texture(cover.texture), screen.FULL), due.edge,
                                         due.left, due.top, SIZE)
            if cover is not None and texture is not None and not cover.whole:
                rgb = screen.blend(rgb, texture, cover.mix)
            expected = screen.green_screen(rgb, ids, {1}, behind)
            if cover is not None and texture is not None and cover.whole:
                expected = screen.blend(expected, texture, cover.mix)
            assert np.abs(found.astype(int) - expected).max() <= (0 if cover is None else 1)  # of rounding
    screens.place(looks[::-1])
    assert (screens.shown(torch.as_tensor(drawn[::-1].copy()), torch.as_tensor(kept[::-1].copy()), 2).numpy()[::-1]
            == shown).all()
