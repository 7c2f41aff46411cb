"""Where things are: a minibatch's parts add up to it, however what is known is spread over them."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vlabench.training.objectives.base import Batch, Forward
from vlabench.training.objectives.locating import MAPS, Locating, LocatingOptions
from vlabench.types import Observation

CELLS = 4


def minibatch(size: int, seed: int) -> tuple[Batch, dict[str, torch.Tensor]]:
    """Points of which some are unknown, of some of which only the picture's place is; and a network's answers."""
    draws = np.random.default_rng(seed)
    points, pixels = draws.normal(size=(size, 3, 3)), draws.uniform(-1.5, 1.5, (size, 1, 3, 2))
    points[draws.random((size, 3)) < 0.4] = np.nan
    pixels[draws.random((size, 1, 3)) < 0.3] = np.nan
    obs = Observation.now({"top": np.zeros((size, 2, 2, 3), np.uint8)}, np.zeros((size, 1), np.float32),
                          ("go",) * size, 0)
    ones = torch.ones(size, 1)
    batch = Batch(obs, ones[..., None], ones.bool(), ones, float(size), float(size),
                  extras={"points": torch.from_numpy(points), "pixels": torch.from_numpy(pixels)},
                  named=("thing", "place", "waypoint"))
    found = {"points": torch.from_numpy(draws.normal(size=(size, 3, 3))),
             MAPS + "top": torch.from_numpy(draws.normal(size=(size, 3, CELLS**2))).log_softmax(-1)}
    return batch, found


@pytest.mark.parametrize(("network", "data"), [(2, 3), (3, 2)])
def test_of_points_that_one_side_lacks_none_counts(network: int, data: int) -> None:
    """As with a policy of before a simulator told more of them."""
    batch, found = minibatch(6, 1)
    cut = {"points": found["points"][:, :network], MAPS + "top": found[MAPS + "top"][:, :network]}
    extras = {"points": batch["points"][:, :data], "pixels": batch["pixels"][:, :, :data]}
    both = {name: each[:, :2] if name == "points" else each[:, :, :2] for name, each in extras.items()}

    def loss(encoded: dict[str, torch.Tensor], told: dict[str, torch.Tensor]) -> Any:
        return Locating(LocatingOptions()).loss(replace(batch, extras=told),
                                                cast(Forward, SimpleNamespace(encoded=encoded)))

    few = loss({name: each[:, :2] for name, each in cut.items()}, both)
    whole = loss(cut, extras)
    assert float(whole.term) == float(few.term)
    assert whole.shown.keys() == {"points", "pixels", "thing_cm", "place_cm"}


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 9), st.integers(0, 99), st.data())
def test_parts_add_up_to_the_minibatch(size: int, seed: int, data: Any) -> None:
    batch, found = minibatch(size, seed)
    cut = data.draw(st.integers(1, size - 1))

    def loss(rows: range) -> Any:
        part = {name: each[rows.start : rows.stop] for name, each in found.items()}
        return Locating(LocatingOptions()).loss(batch.rows(rows), cast(Forward, SimpleNamespace(encoded=part)))

    whole, *parts = (loss(rows) for rows in (range(size), range(cut), range(cut, size)))
    assert float(whole.term) == pytest.approx(sum(float(part.term) for part in parts), abs=1e-9)
    for name, value in whole.shown.items():
        assert float(value) == pytest.approx(sum(float(part.shown[name]) for part in parts), abs=1e-9), name
