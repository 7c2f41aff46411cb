"""How large the object is: on a scene that takes notes, against independent drawing."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.stats import binomtest

from vlabench.errors import UnsupportedError
from vlabench.perturbations.object_size import ObjectSize
from vlabench.seeding import Draws
from vlabench.simulators.libero.interface import SPACE

MakeDraws = Callable[[int], Draws]
Fits = Callable[[float], bool]


class Table:
    """`fits` says how large its object can be."""

    def __init__(self, fits: Fits) -> None:
        self.size_fits = fits
        self.factors: list[float] = []

    def scale_object(self, factor: float) -> None:
        self.factors.append(factor)


def drawn(made: ObjectSize, rng: Draws, fits: Fits = lambda factor: True) -> float:
    """So many times as large."""
    table = Table(fits)
    made.begin(rng, 1, ("top",), SPACE)
    made.scene(cast(Any, table), rng)
    (factor,) = table.factors
    assert made.realised() == {"factor": pytest.approx(factor, abs=6e-5)}
    return factor


def test_half_are_larger_and_half_as_many_times_smaller(draws: MakeDraws) -> None:
    found = np.array([drawn(ObjectSize.at(5), draws(index)) for index in range(400)])
    assert {*found} == {1.25, 0.8}
    assert binomtest(int((found > 1).sum()), 400).pvalue > 1e-3
    turns = found[1:] != found[:-1]  # nor does an episode follow from the one before it
    assert binomtest(int(turns.sum()), 399).pvalue > 1e-3


def test_severities_share_the_direction_and_go_farther(draws: MakeDraws) -> None:
    for index in range(20):
        changes = np.log([drawn(ObjectSize.at(severity), draws(index)) for severity in range(1, 6)])
        assert len({*np.sign(changes)}) == 1 and (np.diff(np.abs(changes)) > 0.03).all()
        assert abs(changes[-1]) == pytest.approx(math.log(5 / 4))
    made = ObjectSize.at(1)
    assert made.channels(("top",)) == {"scene"} and made.in_state and made.from_start


def test_what_does_not_fit_one_way_goes_the_other(draws: MakeDraws) -> None:
    assert {drawn(ObjectSize.at(3), draws(index), lambda factor: factor < 1) for index in range(10)} == {1 / 1.15}
    assert {drawn(ObjectSize.at(3), draws(index), lambda factor: factor > 1) for index in range(10)} == {1.15}


def test_where_neither_fits_the_change_is_smaller(draws: MakeDraws) -> None:
    found = {drawn(ObjectSize.at(5), draws(index), lambda factor: 0.9 < factor < 1.1) for index in range(20)}
    assert {round(abs(math.log(factor)) / math.log(1.25), 6) for factor in found} == {0.4} and len(found) == 2
    with pytest.raises(UnsupportedError, match="even 1.046 times larger or smaller"):
        drawn(ObjectSize.at(5), draws(0), lambda factor: False)


@pytest.mark.parametrize("factor, message", [
    (1.0, "greater than 1"), (0.8, "greater than 1"), (1.6, "less than or equal to 1.5"), (math.inf, "finite")])
def test_no_other_sizes(factor: float, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ObjectSize(factor=factor)
