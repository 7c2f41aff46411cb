"""Episodes begin on RL4VLA's grids, each its own way, and a held-out thing stands where training's would."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlabench.errors import OptionError
from vlabench.simulators.base import Variant
from vlabench.simulators.maniskill import catalogue, starts
from vlabench.types import EpisodeSpec, Task


def spec(number: int = 0, index: int = 0, task_set: str = "maniskill_put_on_plate", **more: bool) -> EpisodeSpec:
    return EpisodeSpec(Task("maniskill", task_set, number, "t", "t", 80), "clean", index, **more)


@given(st.integers(0, 15), st.integers(0, 10_000), st.sampled_from(sorted(starts.OTHERS)))
def test_a_start_keeps_its_distances_and_training_s_splits(number: int, index: int, task_set: str) -> None:
    start = starts.draw(spec(number, index, task_set))
    spots = [np.array(body.spot) for body in start.bodies]
    assert np.linalg.norm(spots[0] - spots[1]) > 0.0699
    assert start.object.number == number and start.receptacle.number == 0 and start.table < 16
    assert len(start.others) == starts.OTHERS[task_set]
    for other, spot in zip(start.others, spots[2:], strict=True):
        assert other.number != number and other.number < 16
        assert np.linalg.norm(spots[0] - spot) > 0.1499 and np.linalg.norm(spots[1] - spot) > 0.0699
    assert start.instruction == f"put {catalogue.OBJECTS[number].name} on plate"


def test_indices_spread_over_tables_yaws_and_spots() -> None:
    drawn = [starts.draw(spec(3, index)) for index in range(2000)]
    tables = Counter(start.table for start in drawn)
    assert set(tables) == set(range(16)) and max(tables.values()) < 1.5 * 2000 / 16
    assert {round(np.degrees(start.object.yaw)) for start in drawn} == {0, 45, 90, 135}
    assert len({(start.object.spot, start.receptacle.spot) for start in drawn}) > 650  # 723 expected of 784


def test_what_is_held_out_stands_where_training_s_does() -> None:
    for index in range(40):
        clean = starts.draw(spec(2, index))
        for variant in ((("objects", "test"),), (("receptacles", "test"),), (("tables", "test"),)):
            other = starts.draw(spec(2, index), variant)
            for ours, theirs in zip(other.bodies, clean.bodies, strict=True):
                assert (ours.spot, ours.yaw, ours.height) == (theirs.spot, theirs.yaw, theirs.height)
            same = {name: getattr(other, name) == getattr(clean, name) for name in ("object", "receptacle", "table")}
            assert {f"{name}s" for name, holds in same.items() if not holds} == {variant[0][0]}
    drawn = [starts.draw(spec(2, index), (("objects", "test"), ("receptacles", "test"), ("tables", "test")))
             for index in range(400)]
    assert {start.object.number for start in drawn} == set(range(16, 25))
    assert {start.receptacle.number for start in drawn} == set(range(1, 17))
    assert {start.table for start in drawn} == set(range(16, 21))
    assert drawn[0].instruction == (f"put {catalogue.OBJECTS[drawn[0].object.number].name} on "
                                    f"{catalogue.RECEPTACLES[drawn[0].receptacle.number].name}")


def test_with_a_held_out_object_the_other_one_is_held_out_and_another() -> None:
    drawn = [starts.draw(spec(1, index, "maniskill_pair"), (("objects", "test"),)) for index in range(300)]
    assert all(start.others[0].number != start.object.number for start in drawn)
    assert {start.others[0].number for start in drawn} == set(range(16, 25))


def test_training_s_starts_are_others_than_an_evaluation_s() -> None:
    assert [starts.draw(spec(0, index)) for index in range(20)] != [
        starts.draw(spec(0, index, sampled=True)) for index in range(20)]


@pytest.mark.parametrize(("variant", "said"), [
    ((("objects", "tests"),), "no variant objects = 'tests'; there are objects = training or test; .*others = 0 or 1 or 2"),
    ((("lamps", 3),), "no variant lamps = 3")])
def test_a_variant_that_there_is_not_is_refused_with_those_there_are(variant: Variant, said: str) -> None:
    with pytest.raises(OptionError, match=said):
        starts.draw(spec(), variant)
