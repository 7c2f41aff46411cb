"""Episodes begin on RL4VLA's grids, each its own way, and a held-out thing stands where training's would."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from vlabench.errors import OptionError
from vlabench.simulators.base import Variant
from vlabench.simulators.maniskill import catalogue, spots, starts
from vlabench.types import EpisodeSpec, Task

WIDER = tuple(round(-0.265 + 0.03 * k, 3) for k in range(8))
SIDEWAYS = tuple(round(-0.105 + 0.03 * k, 3) for k in range(8))
"""x and y (m) of training's square and a step around it, from RL4VLA's text."""
GRID = set(itertools.product(WIDER[1:-1], SIDEWAYS[1:-1]))


def rounded(spot: spots.Spot) -> spots.Spot:
    x, y = spot
    return round(x, 3), round(y, 3) + 0.0


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


@pytest.mark.parametrize(("positions", "grid", "yaws"), [
    ("training", GRID, (0.0, 45.0, 90.0, 135.0)),
    ("outer", set(itertools.product(WIDER, SIDEWAYS)) - GRID, (-22.5, -67.5, -112.5, -157.5))])
def test_tables_yaws_and_pairs_of_spots_come_equally_often(
    positions: str, grid: set[spots.Spot], yaws: tuple[float, ...]
) -> None:
    pairs = [(a, b) for a, b in itertools.permutations(sorted(grid), 2) if math.dist(a, b) > 0.07]
    assert len(pairs) == {"training": 784, "outer": 628}[positions]
    drawn = [starts.draw(spec(3, index), variant(positions=positions)) for index in range(6 * len(pairs))]
    for found, expected in (
            ([start.table for start in drawn], list(range(16))),
            ([round(math.degrees(start.object.yaw), 1) for start in drawn], yaws),
            ([(rounded(start.object.spot), rounded(start.receptacle.spot)) for start in drawn], pairs)):
        counts = Counter[Any](found)
        assert set(counts) <= set(expected)
        assert chisquare([counts[each] for each in expected]).pvalue > 1e-3


def test_triples_of_spots_come_equally_often_in_scenes_of_three() -> None:
    triples = [(a, b, c) for a, b, c in itertools.permutations(sorted(GRID), 3)
               if math.dist(a, b) > 0.07 and math.dist(b, c) > 0.07 and math.dist(a, c) > 0.15 - 1e-9]
    close = {(a, b, c) for a, b, c in triples if math.dist(a, c) < 0.15 + 1e-9}
    for task_set, said in (("maniskill_pair", {}), ("maniskill_put_on_plate", {"others": 1})):
        drawn = Counter[Any](tuple(rounded(body.spot) for body in starts.draw(
            spec(3, index, task_set), variant(**said)).bodies) for index in range(2500))
        assert set(drawn) <= set(triples)
        sure = [drawn[triple] for triple in triples if triple not in close]  # 2104 with those that rounding lets in
        assert len(sure) < 2104 < len(triples)
        assert chisquare([*sure, 2500 - sum(sure)], [2500 / 2104] * len(sure) + [
            2500 * (1 - len(sure) / 2104)]).pvalue > 1e-3


def test_what_is_held_out_stands_where_training_s_does() -> None:
    for index in range(40):
        clean = starts.draw(spec(2, index))
        for variant in ((("objects", "test"),), (("receptacles", "test"),)):
            other = starts.draw(spec(2, index), variant)
            for ours, theirs in zip(other.bodies, clean.bodies, strict=True):
                assert (ours.spot, ours.yaw, ours.height) == (theirs.spot, theirs.yaw, theirs.height)
            same = {name: getattr(other, name) == getattr(clean, name) for name in ("object", "receptacle", "table")}
            assert {f"{name}s" for name, holds in same.items() if not holds} == {variant[0][0]}
    drawn = [starts.draw(spec(2, index), (("objects", "test"), ("receptacles", "test"))) for index in range(400)]
    for numbers, held_out in (([start.object.number for start in drawn], range(16, 25)),
                              ([start.receptacle.number for start in drawn], range(1, 17))):
        assert set(numbers) == set(held_out)
        assert chisquare([numbers.count(number) for number in held_out]).pvalue > 1e-3
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
    ((("objects", "tests"),), "no variant objects = 'tests'; there are objects = training or test; .*others = 0 or 1"),
    ((("lamps", 3),), "no variant lamps = 3")])
def test_a_variant_that_there_is_not_is_refused_with_those_there_are(variant: Variant, said: str) -> None:
    with pytest.raises(OptionError, match=said):
        starts.draw(spec(), variant)


def variant(**said: object) -> Variant:
    return tuple(sorted(said.items()))


def test_distractors_are_half_held_out_and_never_the_object_nor_twice_the_same() -> None:
    for number, count in itertools.product((0, 7, 15), (2, 4, 6, 8)):
        for index in range(6):
            clean = starts.draw(spec(number, index, "maniskill_pair"))
            start = starts.draw(spec(number, index, "maniskill_pair"), variant(others=count, other_objects="mixed"))
            numbers = [body.number for body in start.others]
            assert len(numbers) == len(set(numbers)) == count and number not in numbers
            assert sum(other >= 16 for other in numbers) == count / 2
            more = starts.draw(spec(number, index, "maniskill_pair"), variant(others=8, other_objects="mixed"))
            assert start.others == more.others[:count]  # fewer are among more
            assert (start.object, start.receptacle, start.table) == (clean.object, clean.receptacle, clean.table)
            assert start.others[0] == clean.others[0]
    drawn = Counter(body.number for index in range(150) for body in starts.draw(
        spec(3, index, "maniskill_pair"), variant(others=8, other_objects="mixed")).others)
    assert set(drawn) == set(range(25)) - {3}
    for split in (range(16), range(16, 25)):
        assert chisquare([drawn[k] for k in split if k != 3]).pvalue > 1e-3


def test_distractors_leave_room_around_object_and_receptacle() -> None:
    near = Counter[bool]()
    for number, index in itertools.product(range(16), range(4)):
        start = starts.draw(spec(number, index, "maniskill_pair"), variant(others=8, other_objects="mixed"))
        for body in start.others[1:]:
            x, y = np.subtract(body.spot, start.object.spot)
            turn, size = start.object.yaw, np.add(body.thing.half[:2], start.object.thing.half[:2])
            gap = max(abs(math.cos(turn) * x + math.sin(turn) * y) - size[0],
                      abs(math.cos(turn) * y - math.sin(turn) * x) - size[1])
            near[gap < 0.0399] += 1
            assert np.linalg.norm(np.subtract(body.spot, start.receptacle.spot)) > 0.055 + min(body.thing.half[:2])
    assert near[True] <= 0.02 * near.total()


def test_the_object_alone_around_the_grid_leaves_all_else_where_it_is() -> None:
    for number, index in itertools.product(range(16), range(20)):
        clean = starts.draw(spec(number, index, "maniskill_pair"))
        outer = starts.draw(spec(number, index, "maniskill_pair"), variant(positions="object outer"))
        assert (outer.receptacle, outer.others, outer.table) == (clean.receptacle, clean.others, clean.table)
        assert outer.object.spot in spots.outer() and outer.object.number == number
        assert np.linalg.norm(np.subtract(outer.object.spot, outer.receptacle.spot)) > 0.07
        assert np.linalg.norm(np.subtract(outer.object.spot, outer.others[0].spot)) > 0.1499
    for _, on, beside in spots.triples():
        assert any(spots.apart(spot, on) > 0.07 and spots.apart(spot, beside) > 0.15 for spot in spots.outer())


def test_a_second_receptacle_is_another_held_out_one_far_from_the_first_and_the_table_training_s() -> None:
    for receptacles, first in (("training", {0}), ("test", set(range(1, 17)))):
        drawn = [starts.draw(spec(5, index), variant(receptacles=receptacles, other_receptacles=1))
                 for index in range(400)]
        assert {start.receptacle.number for start in drawn} == first
        assert {start.others[0].number for start in drawn} == set(range(1, 17))
        for index, start in enumerate(drawn):
            (other,) = start.others
            assert other.sort == "receptacle" and other.number != start.receptacle.number
            assert np.linalg.norm(np.subtract(other.spot, start.receptacle.spot)) > 0.1499
            assert np.linalg.norm(np.subtract(other.spot, start.object.spot)) > 0.07
            clean = starts.draw(spec(5, index))
            assert (start.table, start.object.yaw, start.object.number) == (clean.table, clean.object.yaw, 5)
        kept = [start.object.spot == starts.draw(spec(5, index)).object.spot for index, start in enumerate(drawn)]
        assert 0.5 < np.mean(kept) < 0.72


def test_a_start_that_an_object_can_be_moved_from_has_a_spot_to_move_it_to() -> None:
    for index in range(300):
        start = starts.draw(spec(2, index), variant(positions="movable"))
        assert (start.object.spot, start.receptacle.spot) in spots.thirds()
        free = {spot for spot in spots.grid() if start.is_free(spot) and spots.apart(spot, start.object.spot) > 0.15}
        assert free == set(spots.thirds()[start.object.spot, start.receptacle.spot])


@given(st.integers(0, 15), st.integers(0, 1000), st.sampled_from(sorted(starts.OTHERS)))
def test_the_other_object_is_asked_for_where_all_stands_as_it_did(number: int, index: int, task_set: str) -> None:
    others = 4 if task_set == "maniskill_put_on_plate" else 1
    clean, other = (starts.draw(spec(number, index, task_set), variant(others=others, target=target))
                    for target in ("own", "other"))
    assert (other.object, other.others[0]) == (clean.others[0], clean.object)
    assert (other.receptacle, other.others[1:], other.table) == (clean.receptacle, clean.others[1:], clean.table)
    assert other.instruction == f"put {clean.others[0].thing.name} on plate" != clean.instruction


def test_alone_an_object_is_the_only_one_that_can_be_asked_for() -> None:
    with pytest.raises(OptionError, match="no other object stands .*\n  fix: the task set maniskill_pair, or dist"):
        starts.draw(spec(), variant(target="other"))


def test_what_has_no_published_spots_is_refused() -> None:
    with pytest.raises(OptionError, match="others = 1 and positions = 'outer' in maniskill_pair"):
        starts.draw(spec(0, 0, "maniskill_pair"), variant(positions="outer"))
