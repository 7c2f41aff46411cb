"""Which episodes are compared, and the rates over them, by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.factories import episodes, record
from tests.reports.tables.conftest import agresti_coull
from vlabench.errors import OptionError
from vlabench.records.frame import Loaded, loaded_of
from vlabench.records.read import Origin, PolicyOnAssets
from vlabench.reports.tables.outcomes import Side
from vlabench.reports.tables.paired import block, drop, engines, mean_rate, rate, rules, sides
from vlabench.types import EpisodeRecord, Success

LEAF = ("clean", "kitchen")


def loaded(*records: EpisodeRecord) -> Loaded:
    owners = sorted({PolicyOnAssets(each.policy, each.assets) for each in records})
    return Loaded({owner: loaded_of([each for each in records if (each.policy, each.assets) == owner], Path())
                     .records[owner] for owner in owners}, ())  # fmt: skip


def side(*records: EpisodeRecord) -> Side:
    ((found,), _) = sides(loaded(*records))
    return found


def test_policies_have_their_own_episodes_unless_they_are_to_be_compared() -> None:
    both = loaded(*episodes("kitchen/0", "clean", "ssfse", policy="hero"),
                    *episodes("kitchen/0", "clean", "fs-ss", policy="rival"))  # fmt: skip
    (hero, rival), notes = sides(both)
    assert [list(each.outcomes[LEAF].values()) for each in (hero, rival)] == [
        [True, True, False, True], [False, True, True, True]]
    assert notes == ["Ended in errors, which enter no rate: 1 of hero on primitive."]
    (hero, rival), notes = sides(both, together=True)
    assert hero.outcomes[LEAF] == {("kitchen/0", i, 0): True for i in (0, 1, 3)}
    assert list(rival.outcomes[LEAF].values()) == [False, True, True]
    assert hero.errors == {LEAF: 1}
    assert notes == [
        "Policies of one pack are compared on the same episodes. Left out, because another one has no outcome for "
        "them: 1 of hero on primitive, 1 of rival on primitive (--policies chooses who takes part).",
        "Ended in errors, which enter no rate: 1 of hero on primitive.",
    ]


def test_outcomes_come_in_the_order_of_the_records_and_an_error_is_in_none() -> None:
    one = side(*episodes("kitchen/0", "far", "e"), *episodes("kitchen/1", "clean", "fs"),
               *episodes("kitchen/1", "far", "s", changed={}), *episodes("garage/0", "near", "e"))  # fmt: skip
    far, near = ("far", "kitchen"), ("near", "garage")
    assert list(one.outcomes.items()) == [
        (LEAF, {("kitchen/1", 0, 0): False, ("kitchen/1", 1, 0): True}), (far, {("kitchen/1", 0, 0): True})]
    assert list(one.errors.items()) == [(far, 1), (near, 1)]
    assert one.failed == {far: {("kitchen/0", 0, 0)}, near: {("garage/0", 0, 0)}}
    assert one.idle == {far: {("kitchen/1", 0, 0)}}
    assert {type(good) for outcomes in one.outcomes.values() for good in outcomes.values()} == {bool}


def test_packs_and_absent_conditions_do_not_cut_each_other() -> None:
    (hero, rival, away), notes = sides(loaded(
        *episodes("kitchen/0", "clean", "ss", policy="hero"), *episodes("kitchen/0", "clean", "s", assets="official"),
        *episodes("kitchen/0", "joint", "fff", policy="rival"), *episodes("garage/0", "clean", "s", policy="rival"),
    ), together=True)  # fmt: skip
    assert [*map(str, (hero.owner, rival.owner, away.owner))] == [
        "hero on primitive", "random on official", "rival on primitive"]
    assert [len(each) for each in hero.outcomes.values()] == [2]
    assert [len(each) for each in rival.outcomes.values()] == [1]
    assert [len(each) for each in away.outcomes.values()] == [3, 1]
    assert notes == []


def test_the_policy_that_leaves_nothing_in_common_is_named() -> None:
    played = [*episodes("kitchen/0", "clean", "ssss", policy="hero"),
              *episodes("kitchen/0", "clean", "ss", policy="rival"),
              *episodes("kitchen/0", "clean", "sss", policy="stranger", seed=1)]  # fmt: skip
    with pytest.raises(OptionError) as caught:
        sides(loaded(*played), together=True)
    assert str(caught.value) == (
        "no episode of hero, rival, stranger on primitive assets is left that all policies there have an outcome for; "
        "without stranger (3 episodes): 2 episodes in common\n  fix: --policies hero,rival")
    assert len(sides(loaded(*played))[0]) == 3
    assert "without rival (2 episodes): 3 episodes in common" in str(pytest.raises(
        OptionError, sides, loaded(*played[4:]), together=True).value)


def test_a_condition_without_a_common_episode_is_named() -> None:
    records = [each for policy, far in (("hero", "ss--"), ("rival", "--ss"))
               for name, letters in (("clean", "ss"), ("far", far))
               for each in episodes("kitchen/0", name, letters, policy=policy)]
    both, notes = sides(loaded(*records), together=True)
    assert [each.conditions for each in both] == [["clean"], ["clean"]]
    assert notes[-1] == ("No episode in common, and so no figure; in brackets who has to be left out for one: "
                         "far on kitchen (hero or rival).")


def test_figures_know_whether_they_stand_on_the_same_episodes_but_for_errors() -> None:
    made = {"hero": "ssss", "broken": "fsse", "short": "sss", "late": "-ssss"}
    found, _ = sides(loaded(*(each for policy, letters in made.items()
                                for each in episodes("kitchen/0", "clean", letters, policy=policy))))
    stands = {side.owner.policy: cell.played for side in found if (cell := rate(side, [LEAF]))}
    assert stands["hero"] == stands["broken"] and len(set(stands.values())) == 3


def test_versions_of_the_physics_are_told_where_they_differ() -> None:
    def origin(*versions: str) -> Origin:
        return Origin(Path("/nowhere/x/y"), "p", {}, {"mujoco": versions})

    played = loaded(*(record(policy=policy, assets=assets) for policy in ("hero", "rival")
                        for assets in ("primitive", "official")))  # fmt: skip
    owners = sorted(played.records)
    mixed = [origin("3.3.0"), origin("3.3.0", "3.8.1"), origin("3.3.0"), origin("3.8.1")]
    with_origins = replace(played, origins=dict(zip(owners, mixed, strict=True)))
    assert [str(owner) for owner in owners][:2] == ["hero on official", "hero on primitive"]
    assert engines(with_origins) == [
        "On primitive assets not all was played with one version of MuJoCo, to which part of a difference may be due: "
        "hero with 3.3.0 and 3.8.1; rival with 3.8.1."]
    assert sides(with_origins)[1] == engines(with_origins)


def test_each_engine_is_compared_with_itself() -> None:
    """LIBERO's policies and ManiSkill's in one table."""
    played = loaded(*(record(policy=policy) for policy in ("a", "b", "c")))
    versions = [{"mujoco": ["3.3.7"]}, {"sapien": ["3.0.3"]}, {"sapien": ["3.0.4"]}]
    origins = {owner: Origin(Path("/nowhere/x/y"), "p", {}, each)
               for owner, each in zip(played.records, versions, strict=True)}
    assert engines(replace(played, origins=origins)) == [
        "On primitive assets not all was played with one version of sapien, to which part of a difference may be due: "
        "b with 3.0.3; c with 3.0.4."]


@pytest.mark.parametrize(("counts", "said"), [
    (None, ["In maniskill_put_on_plate success has to hold at the end of the episode."]),
    ("once", ["In maniskill_put_on_plate success at any step counts."]),
    ("end", ["Success has to hold at the end of the episode."])])
def test_what_counts_as_success_is_said_where_episodes_do_not_end_with_it(
        counts: Success | None, said: list[str]) -> None:
    found, _ = sides(loaded(record(), record(task="maniskill_put_on_plate/0")), counts)
    assert rules(counts, found) == said
    assert rules(None, sides(loaded(record(task="libero_goal/0")))[0]) == []


def test_success_at_the_end_is_another_outcome() -> None:
    fell = record(index=1, success_at_end=False)
    (once,), _ = sides(loaded(record(), fell))
    (at_end,), _ = sides(loaded(record(), fell), counts="end")
    found = [list(each.outcomes["clean", "kitchen"].values()) for each in (once, at_end)]
    assert found == [[True, True], [True, False]]


def test_a_single_rate_is_agresti_and_coulls() -> None:
    found = rate(side(*episodes("kitchen/0", "clean", "sssffe")), [("clean", "kitchen")])
    assert found is not None
    assert (found.value, found.n, found.errors) == (0.6, 5, 1)
    assert (found.low, found.high) == pytest.approx(agresti_coull(0.6, 5))


def test_tasks_weigh_the_same_and_conditions_of_an_episode_count_once() -> None:
    one = side(*episodes("kitchen/0", "clean", "ssss"), *episodes("garage/0", "clean", "sf"),
               *episodes("kitchen/0", "joint", "ssff"), *episodes("garage/0", "joint", "ff"))  # fmt: skip
    over_sets = rate(one, [("clean", "kitchen"), ("clean", "garage")])
    assert over_sets is not None and over_sets.value == pytest.approx((1 + 0.5) / 2)
    # n0 = 2² / (1/4 + 1/2) = 16/3; W = (0 + 0.5/2) / 2² = 1/16 by tasks
    n0 = 16 / 3
    worth = n0 / ((n0**2 / 16 + 2) / (n0 * 0.75 * 0.25 + 2))
    expected = agresti_coull(0.75, n0 / min(1, n0 / worth))
    assert over_sets.n == 6 and over_sets.tasks == 2
    assert (over_sets.low, over_sets.high) == pytest.approx(expected)
    both = rate(one, [("clean", "kitchen"), ("joint", "kitchen")])
    # scores 1, 1, ½, ½: their variance, (1/4)² · 4/3, is less than that of four bits
    assert both is not None and (both.value, both.n, both.tasks) == (0.75, 4, 1)
    half = agresti_coull(0.75, 4 * (4 * 0.1875 + 2) / (16 * 0.0625 / 3 + 2))
    assert (both.low, both.high) == pytest.approx(half)
    assert rate(one, [("clean", "kitchen"), ("clean", "attic")]) is None
    assert rate(one, []) is None


def test_one_task_says_nothing_about_tasks_like_it() -> None:
    ((alone,), _) = sides(loaded(*episodes("kitchen/0", "clean", "sf")), tasks_as="sample")
    found = rate(alone, [LEAF])
    assert found is not None and found.value == 0.5 and math.isnan(found.low) and math.isnan(found.high)


def test_a_drop_pairs_episodes() -> None:
    one = side(*episodes("kitchen/0", "clean", "sssf-"), *episodes("kitchen/1", "clean", "ss"),
               *episodes("kitchen/0", "joint", "sff-s"), *episodes("kitchen/1", "joint", "fs"))  # fmt: skip
    found = drop(one, "joint", ["kitchen"])  # sss against sff, ss against fs
    assert found is not None and (found.n, found.tasks) == (5, 2)
    assert found.value == pytest.approx((-2 / 3 - 1 / 2) / 2)
    assert drop(one, "clean", ["kitchen"]) is None
    assert drop(one, "attic", ["kitchen"]) is None


def test_a_block_has_all_episodes_and_says_which_outcomes_are_missing() -> None:
    one = side(*episodes("kitchen/0", "clean", "sf"), *episodes("kitchen/1", "clean", "s"),
               *episodes("kitchen/0", "joint", "-sf"))  # fmt: skip
    tasks, outcomes = block(one, ["clean", "joint"], ["kitchen"])
    assert tasks == ["kitchen/0", "kitchen/0", "kitchen/1", "kitchen/0"]
    np.testing.assert_array_equal(outcomes, [[1, 0, 1, math.nan], [math.nan, 1, math.nan, 0]])


def test_the_mean_of_trainings_has_their_spread_and_no_narrower_interval_than_its_episodes() -> None:
    """Three of four, and two of four: 62.5 ± 17.7; the scores of the episodes are 1, 1, ½, 0. Where trainings and
    episodes do not vary there is an interval still."""
    found, _ = sides(loaded(*episodes("kitchen/0", "clean", "sssf", policy="a"),
                              *episodes("kitchen/0", "clean", "ssff", policy="b")))  # fmt: skip
    cell = mean_rate(found, [LEAF])
    assert cell is not None and cell.value == 0.625 and cell.spread == pytest.approx(0.25 / math.sqrt(2))
    squares = (2 * 0.375**2 + 0.125**2 + 0.625**2) / 3  # ddof 1
    worth = 4 * (4 * 0.625 * 0.375 + 2) / (4 * squares + 2)
    low, high = agresti_coull(0.625, max(4, worth))
    assert 0 <= cell.low < low and high < cell.high <= 1
    always, _ = sides(loaded(*episodes("kitchen/0", "clean", "ssss", policy="a"),
                             *episodes("kitchen/0", "clean", "ssss", policy="b")))  # fmt: skip
    cell = mean_rate(always, [LEAF])
    assert cell is not None and (cell.low, cell.high) == pytest.approx(agresti_coull(1.0, 4))
    assert mean_rate(found[:1], [LEAF]) is None and mean_rate(found, [("far", "kitchen")]) is None


def test_those_who_empty_a_condition_are_named() -> None:
    far = {"hero": "ss--", "rival": "sf--", "stranger": "--ss"}
    records = [each for policy, letters in far.items() for name, outcomes in (("clean", "ss"), ("far", letters))
               for each in episodes("kitchen/0", name, outcomes, policy=policy)]
    assert "far on kitchen (stranger)." in sides(loaded(*records), together=True)[1][-1]
    more = [*records, *episodes("kitchen/0", "clean", "ss", policy="far-off"),
            *episodes("kitchen/0", "far", "----s", policy="far-off")]
    note = sides(loaded(*more), together=True)[1][-1]
    assert "far on kitchen (" in note and " and " in note.split("(")[1] and "stranger" in note and "far-off" in note


def test_versus_cuts_each_to_what_it_shares_with_one_policy() -> None:
    made = {"base": "ssss", "long": "sfssss", "short": "s", "late": "---fs"}
    found, notes = sides(loaded(*(each for policy, letters in made.items()
                                    for each in episodes("kitchen/0", "clean", letters, policy=policy))), versus="base")
    assert {each.owner.policy: [index for _, index, _ in each.outcomes[LEAF]] for each in found} == {
        "base": [0, 1, 2, 3], "long": [0, 1, 2, 3], "short": [0], "late": [3]}
    assert notes == ["Each policy is compared with base on the episodes that the two share. Left out, because base has "
                     "no outcome for them: 1 of late on primitive, 2 of long on primitive."]
    stands = {each.owner.policy: each.played[LEAF] for each in found}
    assert stands["base"] == stands["long"] and len(set(stands.values())) == 3


def test_versus_tells_which_condition_a_policy_does_not_share() -> None:
    made = [("base", "kitchen/0", "clean", "ss"), ("base", "kitchen/0", "far", "ss"),
            ("base", "garage/0", "clean", "s"), ("hero", "kitchen/0", "clean", "ss"),
            ("hero", "kitchen/0", "far", "--ss"), ("hero", "attic/0", "clean", "s"),
            ("whole", "kitchen/0", "clean", "ss")]
    records = [each for policy, task, name, letters in made for each in episodes(task, name, letters, policy=policy)]
    _, notes = sides(loaded(*records), versus="base")
    assert notes[1:] == ["No episode shared with base, and so no figure: hero under far, clean on attic."]


@pytest.mark.parametrize(("records", "said"), [
    ([*episodes("kitchen/0", "clean", "ee", policy="base"), *episodes("kitchen/0", "clean", "ss", policy="hero")],
     "--versus base: base has no outcome here, and nothing to compare with\n  base on primitive: 2 episodes ended in "
     "errors\n  fix: vlabench run --policy base --suite S plays them; or name another policy with --versus"),
    ([*episodes("kitchen/0", "clean", "ss", policy="base"), *episodes("kitchen/0", "clean", "ss", policy="hero"),
      *episodes("kitchen/0", "clean", "ss", policy="other", seed=1)],
     "--versus base: no episode that base has an outcome for is on record of other on primitive\n"
     "  fix: --policies base,hero"),
    ([*episodes("kitchen/0", "clean", "ss", policy="base"), *episodes("kitchen/0", "clean", "ss", policy="hero"),
      *episodes("kitchen/0", "clean", "ss", policy="hero", assets="official")],
     "--versus base: no episode that base has an outcome for is on record of hero on official\n"
     "  fix: --assets primitive"),
    ([*episodes("kitchen/0", "clean", "ss", policy="base"), *episodes("garage/0", "clean", "ss", policy="hero")],
     "--versus base: no episode that base has an outcome for is on record of hero on primitive\n"
     "  fix: name another policy with --versus"),
])  # fmt: skip
def test_versus_nothing_is_explained(records: list[EpisodeRecord], said: str) -> None:
    with pytest.raises(OptionError) as caught:
        sides(loaded(*records), versus="base")
    assert str(caught.value) == said
