"""The settings that change what stands where: they arrive, they leave all else as in the clean twin, they are solvable.

Each on the primitive pack, physics alone.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from tests.factories import record
from vlabench import cards
from vlabench.adapters.base import Policy
from vlabench.cards.conditions import Condition, Part, named
from vlabench.episode.chain import variant_of
from vlabench.episode.loop import Attempt, play
from vlabench.episode.played import Played
from vlabench.errors import UnsupportedError
from vlabench.evaluation.audit import audit
from vlabench.evaluation.plan import check_offered
from vlabench.simulators.maniskill import starts
from vlabench.simulators.maniskill.scene import PlateScene
from vlabench.simulators.maniskill.simulator import Maniskill
from vlabench.simulators.maniskill.world import World, dynamics
from vlabench.types import EpisodeSpec, Floats

PLATE, PAIR = Maniskill.task_sets
SUITES = ("maniskill-semantic", "maniskill-execution", "maniskill-reading", "pair-pose", "pair-clutter")
SETTINGS = [(suite, name) for suite in SUITES for name in cards.load_suite(suite).conditions if name != "clean"]
EVERY = [(suite.name, name) for suite in map(cards.load_suite, cards.suite_names())
         if suite.simulator == "maniskill" and not suite.include for name in suite.conditions if name != "clean"]
MAKER = Maniskill("primitive")
THREE = {"object's spot", "receptacle's spot", "others", "first other"}
"""Most pairs of spots are kept, not all of them."""
CHANGED: Mapping[tuple[str, str], Collection[str]] = {
    ("unseen_object", "held_out"): {"object"}, ("unseen_object_table", "held_out"): {"object"},
    ("multi_object_ood", "held_out"): {"object"},
    **{(name, "held_out"): {"receptacle"} for name in (
        "unseen_receptacle", "multi_receptacle", "both_receptacles_named")},
    (PLATE, "distractors"): THREE, (PAIR, "distractors"): {"others"},
    **{(PLATE, name): {*THREE, "heights"} for name in ("distractor_receptacle", "both_receptacles_named")},
    (PLATE, "outer_position"): {"object's spot", "receptacle's spot", "yaw"},
    (PAIR, "outer_position"): {"object's spot", "yaw"},
    (PAIR, "other_target"): {"object", "object's spot", "others", "first other", "heights"},
    (PLATE, "object_reposition"): {"object's spot", "receptacle's spot"}}
"""Task set or condition, and perturbation → what of the start it changes; all others nothing."""


def condition(suite: str, name: str) -> Condition:
    return cards.load_suite(suite).conditions[name]


def episodes(suite: str, numbers: Sequence[int], index: int = 0) -> list[EpisodeSpec]:
    (task_set,) = cards.load_suite(suite).task_sets
    return [EpisodeSpec(MAKER.tasks(task_set)[number], "c", index) for number in numbers]


@pytest.mark.parametrize(("task_set", "names", "instead"), [
    (PAIR, ("distractors", "distractor_receptacle"), "in maniskill_pair, where another object stands in any case, "
     "others = 1 to 8 and positions = 'training' or 'object outer'; for the rest the task set maniskill_put_on_plate"),
    (PLATE, ("distractors", "distractor_receptacle"), "one of them alone"),
    (PAIR, ("distractor_receptacle",), "in maniskill_pair, where another object stands in any case"),
    (PLATE, ("object_reposition", "distractors"), "one of them alone")])
def test_more_than_there_are_spots_for_is_refused_before_a_scene_is_opened(task_set: str, names: Sequence[str],
                                                                         instead: str) -> None:
    what = Condition("crowd", "maniskill", tuple(Part(perturbation=name) for name in names))
    with pytest.raises(UnsupportedError, match=f"condition 'crowd', {' and '.join(names)}: .* there are no published "
                                               f"spots for that\n  fix: {instead}"):
        check_offered(what, MAKER, [task_set])


def opened(specs: Sequence[EpisodeSpec], what: Condition, **more: Any) -> PlateScene:
    scene = MAKER.open(specs[0].task, len(specs), variant=variant_of(named(what)), **more)
    assert isinstance(scene, PlateScene)
    return scene


def begun(specs: Sequence[EpisodeSpec], what: Condition) -> tuple[Attempt, list[World]]:
    """The episodes, settled."""
    scene = opened(specs, what)
    attempt = Attempt(scene, specs, [named(what)] * len(specs), replan=1, cameras=(), success="end")
    attempt.start()
    return attempt, scene.worlds


def lying(world: World) -> dict[str, Floats]:
    """Body → its state."""
    return {body.name: np.concatenate([body.pose.p, body.pose.q, dynamics(body).linear_velocity])
            for body in world.bodies}


def short(spec: EpisodeSpec, what: Condition, steps: int = 1) -> Played:
    """A few steps of a robot that stays where it is."""
    cut = dataclasses.replace(spec, task=dataclasses.replace(spec.task, step_limit=steps))
    (played,) = play(opened([cut], what), policy("still"), [cut], [named(what)], replan=1, cameras=(), success="end")
    return played


def policy(name: str) -> Policy:
    made = cards.load_policy(name).make()
    made.configure(MAKER.action_space)
    return made


def findings(what: Condition, played: Sequence[Played]) -> list[str]:
    kept = [record(task=each.spec.task.key, condition=what.name, index=each.spec.index, changed=each.changed,
                   changed_first=each.changed_first, frame={}) for each in played]
    return list(map(str, audit(kept, {what.name: what}, ())))


def drawn(condition: Condition, task_set: str, index: int) -> dict[str, Any]:
    """All that an episode's start is made of."""
    start = starts.draw(EpisodeSpec(MAKER.tasks(task_set)[index % 16], "c", index), variant_of(named(condition)))
    return {"object": start.object.number, "object's spot": start.object.spot, "yaw": start.object.yaw,
            "receptacle": start.receptacle.number, "receptacle's spot": start.receptacle.spot, "table": start.table,
            "heights": [start.object.height, start.receptacle.height], "others": start.others,
            "first other": start.others[:1]}


@pytest.mark.parametrize(("suite", "name"), EVERY)
def test_the_clean_twin_shares_every_draw_of_the_start_that_a_setting_leaves_alone(suite: str, name: str) -> None:
    (task_set,) = cards.load_suite(suite).task_sets
    what, clean = condition(suite, name), Condition("clean", "maniskill")
    differ = {part for index in range(24) for part, value in drawn(what, task_set, index).items()
              if value != drawn(clean, task_set, index)[part]}
    assert differ == set().union(*(CHANGED.get((task_set, part.perturbation), CHANGED.get((name, part.perturbation), (
        ))) for part in what.parts))


def test_the_severities_of_the_seven_kinds_are_35_conditions_each_further_than_the_one_before() -> None:
    suite = cards.load_suite("maniskill-severity")
    assert len(suite.conditions) == 1 + 35 and len(suite.sweep) == 7
    for name in suite.sweep:
        (first, *more) = (condition("maniskill-severity", f"{name}-s{k}").perturbations[0] for k in range(1, 6))
        numbers = [{field: value for field, value in made.model_dump().items() if type(value) in (int, float)}
                   for made in (first, *more)]
        steps = [{field: after[field] - before[field] for field in before}
                 for before, after in itertools.pairwise(numbers)]
        assert all(min(step.values()) >= 0 < max(step.values()) for step in steps), name


@pytest.mark.parametrize(("suite", "name"), SETTINGS)
def test_a_setting_arrives_and_would_be_found_out_if_it_did_not(suite: str, name: str) -> None:
    what, (spec,) = condition(suite, name), episodes(suite, (9,))
    played = short(spec, what, 6 if name == "object_reposition" else 1)
    assert not findings(what, [played])
    assert findings(what, [dataclasses.replace(played, changed={}, changed_first=())])
    assert all(played.realised.values())
    renamed = {"instruction", "unseen_object", "unseen_receptacle", "multi_object_ood", "multi_receptacle",
               "both_receptacles_named", "other_target"}
    assert (played.instruction != spec.task.instruction) == (name in renamed)


def test_held_out_things_are_named_in_other_words_too() -> None:
    what = Condition("c", "maniskill", (Part(perturbation="held_out"), Part(perturbation="instruction_template")))
    played = short(episodes("maniskill-semantic", (0,))[0], what)
    thing, *_ = played.realised["held_out"]["object"]
    assert thing in played.instruction and played.instruction != f"put {thing} on plate"
    assert played.changed["instruction"] == 1


def test_both_receptacles_are_named_the_goal_first_and_all_stands_as_with_the_second_unnamed() -> None:
    (spec,) = episodes("maniskill-semantic", (4,))
    named_too, unnamed = (short(spec, condition("maniskill-semantic", name)) for name in (
        "both_receptacles_named", "multi_receptacle"))
    stands = named_too.realised["held_out"]
    assert stands == unnamed.realised["held_out"] and named_too.frame == unnamed.frame
    assert named_too.state == unnamed.state
    goal, (other,) = stands["receptacle"][0], stands["others"]
    assert unnamed.instruction == f"put 7up can on {goal}"
    assert named_too.instruction == f"put 7up can on {goal}, not on {other[0]}" and goal != other[0]
    assert named_too.changed["instruction"] == 1 and "instruction" not in unnamed.changed


def test_another_target_lies_where_it_did_and_so_does_all_else() -> None:
    specs = episodes("maniskill-reading", (0, 7))
    (_, asked), (_, clean) = (begun(specs, condition("maniskill-reading", name)) for name in ("other_target", "clean"))
    for world, twin in zip(asked, clean, strict=True):
        assert world.object.name == twin.bodies[2].name and world.bodies[2].name == twin.object.name
        for name, state in lying(world).items():
            assert state == pytest.approx(lying(twin)[name], abs=2e-3)


def test_another_posture_leaves_the_things_as_they_are() -> None:
    specs = episodes("maniskill-execution", (0, 4))
    (_, posed), (_, clean) = (begun(specs, condition("maniskill-execution", name)) for name in ("robot_pose", "clean"))
    for one, other in zip(posed, clean, strict=True):
        assert all(np.array_equal(state, lying(other)[name]) for name, state in lying(one).items())
        turned = one.robot.posture - other.robot.posture
        assert 0.07 < np.abs(turned).max() < 0.61 and not turned[6:].any()


def standing_still(attempt: Attempt, worlds: Sequence[World], steps: int) -> Iterator[tuple[int, list[float]]]:
    """The steps of a robot that does nothing, and how far (m) each world's object is from where it began after each."""
    before = [world.object.pose.p[:2].copy() for world in worlds]
    still = np.stack([attempt.scene.null_action] * len(worlds))
    for step in range(steps):
        attempt.look()
        attempt.step(still)
        yield step, [float(np.linalg.norm(world.object.pose.p[:2] - was))
                     for world, was in zip(worlds, before, strict=True)]


def test_a_repositioned_object_is_where_it_was_until_the_fifth_step_and_far_from_it_then() -> None:
    attempt, worlds = begun(episodes("maniskill-execution", (2, 9), index=1),
                            condition("maniskill-execution", "object_reposition"))
    for step, moved in standing_still(attempt, worlds, 8):
        assert max(moved) < 0.01 if step < 4 else min(moved) > 0.12
        for world in worlds:
            assert np.linalg.norm(world.object.pose.p[:2] - world.receptacle.pose.p[:2]) > 0.055
    assert all(0.87 < world.object.pose.p[2] < 0.92 for world in worlds)


@pytest.mark.parametrize("severity", [2, 5])
def test_an_object_that_jumps_does_so_at_its_step_as_far_as_it_says_and_alone(severity: int) -> None:
    jump = Condition("c", "maniskill", (Part(perturbation="object_moved", severity=severity, step=3),))
    attempt, worlds = begun(episodes("maniskill-execution", (2, 9), index=1), jump)
    before = [lying(world) for world in worlds]
    for step, moved in standing_still(attempt, worlds, 7):
        assert max(moved) < 0.01 if step < 2 else min(moved) > 0.01
    for world, was, slot in zip(worlds, before, attempt.slots, strict=True):
        told = slot.realised()["object_moved"]
        assert told["step"] == 3
        assert world.object.pose.p[:2] - was[world.object.name][:2] == pytest.approx(told["by"], abs=0.015)
        for name, state in lying(world).items():
            assert name == world.object.name or state == pytest.approx(was[name], abs=2e-3)


@pytest.mark.parametrize("severity", [1, 5])
def test_a_shifted_object_begins_beside_its_place_and_nothing_else_moves(severity: int) -> None:
    shift = Condition("c", "maniskill", (Part(perturbation="object_shift", severity=severity),))
    specs = episodes("maniskill-semantic", (2, 13))
    (attempt, shifted), (_, clean) = (begun(specs, what) for what in (shift, dataclasses.replace(shift, parts=())))
    for world, twin, slot in zip(shifted, clean, attempt.slots, strict=True):
        by = slot.realised()["object_shift"]["by"]
        assert np.linalg.norm(by) == pytest.approx({1: 0.01, 5: 0.08}[severity], abs=1e-4)
        assert world.object.pose.p[:2] - twin.object.pose.p[:2] == pytest.approx(by, abs=0.01)
        assert np.linalg.norm(world.object.pose.p[:2] - world.receptacle.pose.p[:2]) > 0.055
        assert world.receptacle.pose.p == pytest.approx(twin.receptacle.pose.p, abs=1e-3)


def test_an_object_that_begins_elsewhere_jumps_from_there() -> None:
    both = Condition("c", "maniskill", (Part(perturbation="object_shift", severity=5),
                                        Part(perturbation="object_moved", step=3, distance=0.1)))
    attempt, worlds = begun(episodes("maniskill-semantic", (2, 13)), both)
    before = [world.object.pose.p[:2].copy() for world in worlds]
    list(standing_still(attempt, worlds, 7))
    for world, was, slot in zip(worlds, before, attempt.slots, strict=True):
        assert world.object.pose.p[:2] - was == pytest.approx(slot.realised()["object_moved"]["by"], abs=0.015)


@pytest.mark.parametrize("count", [4, 8])
def test_clutter_rests_around_object_and_receptacle(count: int) -> None:
    attempt, worlds = begun(episodes("pair-clutter", (0, 5, 11)), condition("pair-clutter", f"clutter-{count}"))
    for world in worlds:
        assert len(world.bodies) == 2 + count
        place, thing = world.receptacle.pose.p, world.object.pose.p
        for body in world.bodies[2:]:
            assert np.linalg.norm(body.pose.p[:2] - place[:2]) > 0.055 and 0.86 < body.pose.p[2] < 0.95
            assert np.linalg.norm(body.pose.p[:2] - thing[:2]) > 0.03
        assert np.linalg.norm(dynamics(world.object).linear_velocity) < 0.02
    assert all(len(slot.realised()["distractors"]["others"]) == count for slot in attempt.slots)


@pytest.mark.slow
@pytest.mark.parametrize(("suite", "name"), [
    pytest.param(*each, marks=() if number % 8 == 0 else pytest.mark.long) for number, each in enumerate(SETTINGS)])
def test_the_expert_succeeds_mostly(suite: str, name: str) -> None:
    specs, what = episodes(suite, (0, 6, 13), index=2), condition(suite, name)
    played = play(opened(specs, what, privileged=True), policy("expert"), specs, [named(what)] * 3, replan=1,
                  cameras=(), success="end")
    assert sum(each.success_at_end for each in played) >= 2
