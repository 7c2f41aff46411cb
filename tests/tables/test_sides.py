"""Which episodes are compared, and the rates over them, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.factories import episodes, record
from vlabench import stats
from vlabench.gather import Gathered, Owner, Played
from vlabench.tables.sides import Side, block, drop, rate, sides
from vlabench.types import EpisodeRecord


def gathered(*records: EpisodeRecord) -> Gathered:
    owners = sorted({Owner(each.policy, each.assets) for each in records})
    return Gathered({owner: [Played.of(each) for each in records if (each.policy, each.assets) == owner]
                     for owner in owners}, ())  # fmt: skip


def side(*records: EpisodeRecord) -> Side:
    ((found,), _) = sides(gathered(*records))
    return found


def test_policies_of_a_pack_are_cut_to_the_episodes_that_both_have() -> None:
    (hero, rival), notes = sides(gathered(
        *episodes("kitchen/0", "clean", "ssfse", policy="hero"),
        *episodes("kitchen/0", "clean", "fs-ss", policy="rival"),
    ))  # fmt: skip
    leaf = ("clean", "kitchen")
    assert hero.outcomes[leaf] == {("kitchen/0", i, 0): True for i in (0, 1, 3)}
    assert list(rival.outcomes[leaf].values()) == [False, True, True]
    assert hero.errors == {leaf: 1}
    assert notes == [
        "Policies of one pack are compared on the same episodes. Left out, because another one has no outcome for "
        "them: 1 of hero on primitive, 1 of rival on primitive (--policies chooses who takes part).",
        "Ended in errors, which enter no rate: 1 of hero on primitive.",
    ]


def test_packs_seeds_and_absent_conditions_do_not_cut_each_other() -> None:
    (hero, rival, away), notes = sides(gathered(
        *episodes("kitchen/0", "clean", "ss", policy="hero"), *episodes("kitchen/0", "clean", "s", assets="official"),
        *episodes("kitchen/0", "joint", "fff", policy="rival"), *episodes("garage/0", "clean", "s", policy="rival"),
    ))  # fmt: skip
    assert [*map(str, (hero.owner, rival.owner, away.owner))] == [
        "hero on primitive", "random on official", "rival on primitive"]
    assert [len(each) for each in hero.outcomes.values()] == [2]
    assert [len(each) for each in rival.outcomes.values()] == [1]
    assert [len(each) for each in away.outcomes.values()] == [3, 1]
    assert notes == []
    other = gathered(record(policy="hero"), record(policy="rival", seed=1))
    assert [each.outcomes for each in sides(other)[0]] == [{}, {}]


def test_success_at_the_end_is_another_outcome() -> None:
    fell = record(index=1, success_at_end=False)
    (once,), _ = sides(gathered(record(), fell))
    (at_end,), _ = sides(gathered(record(), fell), counts="end")
    found = [list(each.outcomes["clean", "kitchen"].values()) for each in (once, at_end)]
    assert found == [[True, True], [True, False]]


def test_a_single_rate_is_wilsons() -> None:
    found = rate(side(*episodes("kitchen/0", "clean", "sssffe")), [("clean", "kitchen")])
    assert found is not None
    assert (found.value, found.n, found.errors) == (0.6, 5, 1)
    assert (found.low, found.high) == pytest.approx(stats.wilson(3, 5))


def test_task_sets_weigh_the_same_and_conditions_of_an_episode_count_once() -> None:
    one = side(*episodes("kitchen/0", "clean", "ssss"), *episodes("garage/0", "clean", "sf"),
               *episodes("kitchen/0", "joint", "ssff"), *episodes("garage/0", "joint", "ff"))  # fmt: skip
    over_sets = rate(one, [("clean", "kitchen"), ("clean", "garage")])
    assert over_sets is not None and over_sets.value == pytest.approx((1 + 0.5) / 2)
    # Kish: 1 / (4 · (1/8)² + 2 · (1/4)²) = 16/3 of 6 episodes
    assert over_sets.n == 6 and over_sets.low == pytest.approx(stats.wilson(0.75 * 16 / 3, 16 / 3)[0])
    both = rate(one, [("clean", "kitchen"), ("joint", "kitchen")])
    assert both is not None and (both.value, both.n) == (0.75, 4)
    assert (both.low, both.high) == pytest.approx(stats.wilson(3, 4))
    assert rate(one, [("clean", "kitchen"), ("clean", "attic")]) is None
    assert rate(one, []) is None


def test_a_drop_pairs_episodes() -> None:
    one = side(*episodes("kitchen/0", "clean", "sssf-"), *episodes("kitchen/1", "clean", "ss"),
               *episodes("kitchen/0", "joint", "sff-s"), *episodes("kitchen/1", "joint", "fs"))  # fmt: skip
    found = drop(one, "joint", ["kitchen"])
    assert found is not None and found.n == 5 and found.value == pytest.approx(-3 / 5)
    assert found.p == pytest.approx(2 * 0.5**3)
    assert drop(one, "clean", ["kitchen"]) is None
    assert drop(one, "attic", ["kitchen"]) is None


def test_a_block_has_all_episodes_and_says_which_outcomes_are_missing() -> None:
    one = side(*episodes("kitchen/0", "clean", "sf"), *episodes("kitchen/1", "clean", "s"),
               *episodes("kitchen/0", "joint", "-sf"))  # fmt: skip
    tasks, outcomes = block(one, ["clean", "joint"], ["kitchen"])
    assert tasks == ["kitchen/0", "kitchen/0", "kitchen/1", "kitchen/0"]
    np.testing.assert_array_equal(outcomes, [[1, 0, 1, math.nan], [math.nan, 1, math.nan, 0]])
