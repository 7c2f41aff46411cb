"""Runs of LIBERO with real worker processes: the same records whatever the order, the workers and what came before."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from vlabench import cards
from vlabench.episode.chain import ASKED
from vlabench.evaluation import plan
from vlabench.evaluation.plan import Plan, RunOptions
from vlabench.evaluation.run import run
from vlabench.records.store import Store
from vlabench.simulators.base import find_simulator
from vlabench.types import EpisodeRecord

TASKS = ("libero_goal/7", "libero_10/3")  # a stove that glows, and a cabinet with drawers
STEPS = 24
LATER = ("object_dropped", "proprio_stuck")
"""What may begin later than the episodes end here."""


def short() -> Plan:
    """Two episodes of two tasks under two conditions, cut off after STEPS steps."""
    return cut(plan.make(cards.load_suite("libero-joint"), cards.load_policy("random"), find_simulator("libero")(
        "primitive"), RunOptions(episodes=2, tasks=TASKS)))


def cut(made: Plan) -> Plan:
    """Its episodes end after STEPS steps."""
    tasks = {task: dataclasses.replace(task, step_limit=STEPS) for task in made.tasks}
    return dataclasses.replace(made, tasks=tuple(tasks.values()), specs=tuple(
        dataclasses.replace(spec, task=tasks[spec.task]) for spec in made.specs))


def played(results: Path, todo: Plan, workers: int) -> dict[tuple[str, str, int, int], EpisodeRecord]:
    """The records of a run, without what may differ from one to the next."""
    store = Store(results, "random", "primitive")
    summary = run(todo, cards.load_policy("random"), find_simulator("libero")("primitive"), store, workers=workers)
    assert (summary.played, summary.errors) == (len(todo.specs), 0), summary
    reading = store.read({task.task_set for task in todo.tasks}, {n: c.digest for n, c in todo.conditions.items()})
    return {k: dataclasses.replace(r, seconds=0.0, finished="") for k, r in reading.records.items()}


@pytest.mark.long
@pytest.mark.slow
def test_two_workers_in_reverse_order_make_the_records_of_one(tmp_path: Path) -> None:
    todo = short()
    one = played(tmp_path / "one", todo, workers=1)
    two = played(tmp_path / "two", dataclasses.replace(todo, specs=todo.specs[::-1]), workers=2)
    assert one == two and len(one) == 8
    for (task, condition, index, seed), record in one.items():
        assert record.steps == STEPS and set(record.frame) == {"agentview", "wrist"}
        assert record.frame == one[task, "clean", index, seed].frame  # the twins start from the same picture
        other = one[task, condition, 1 - index, seed]
        assert record.frame != other.frame and record.state != other.state


@pytest.mark.long
def test_with_and_without_distractors_in_turn_makes_the_records_of_each_after_the_other(tmp_path: Path) -> None:
    """In one worker, which opens another scene before every episode."""
    todo = cut(plan.make(cards.load_suite("libero-clutter"), cards.load_policy("random"), find_simulator("libero")(
        "primitive"), RunOptions(episodes=2, tasks=TASKS[:1], conditions=("distractors-s2",))))
    in_turn = dataclasses.replace(todo, specs=tuple(sorted(todo.specs, key=lambda spec: (spec.index, spec.condition))))
    assert [spec.condition for spec in in_turn.specs] == ["clean", "distractors-s2"] * 2
    one, other = (played(tmp_path / name, each, workers=1) for name, each in (("one", todo), ("other", in_turn)))
    assert one == other and len(one) == 4
    for (_, condition, _, _), record in one.items():
        assert condition == "clean" or len(record.realised["distractors"]["others"]) == 2


@pytest.mark.slow
def test_every_kind_of_change_passes_the_audit(tmp_path: Path) -> None:
    """The first steps of an episode under each; the run itself judges what reached policy, robot and scene."""
    policy, simulator = cards.load_policy("random"), find_simulator("libero")("primitive")
    suite = cards.load_suite("libero-scene")
    todo = cut(plan.make(suite, policy, simulator, RunOptions(episodes=1, tasks=("libero_object/2",))))
    summary = run(todo, policy, simulator, Store(tmp_path, "random", "primitive"), workers=2)
    assert (summary.errors, summary.played) == (0, len(suite.conditions))
    for record in summary.records:
        found = {channel for channel, share in record.changed.items() if share and channel != ASKED}
        assert bool(found) == (record.condition != "clean") or record.condition.startswith(LATER), record.condition


FIRST = {"layout": "libero_object/0", "plate-grid": "libero_spatial/6"}
"""A task of the suites that do not have libero_spatial/0."""


@pytest.mark.long
@pytest.mark.parametrize("suite, changed", [
    ("camera", {"look"}), ("light", {"look"}), ("looks", {"look"}), ("clutter", {"scene"}),
    ("robot", {"scene"}), ("physics", {"scene"}),
    ("events", {"look", "scene", "action"}), ("layout", {"scene"}), ("plate-grid", {"scene"}),
    ("proprioception", {"proprio"}), ("language", {"instruction"}),
    ("corruptions", {"images/agentview", "images/wrist"})])
def test_what_changes_in_the_world_passes_the_audit(suite: str, changed: set[str], tmp_path: Path) -> None:
    """Episodes of one task, cut off; the run itself judges what reached the policy, the robot and the scene."""
    policy, simulator = cards.load_policy("random"), find_simulator("libero")("primitive")
    made = plan.make(cards.load_suite(f"libero-{suite}"), policy, simulator,
                     RunOptions(episodes=2, tasks=(FIRST.get(suite, "libero_spatial/0"),)))
    todo = cut(made)
    (task,) = todo.tasks
    store = Store(tmp_path, "random", "primitive")
    summary = run(todo, policy, simulator, store, workers=1)
    assert summary.errors == 0 and summary.played == 2 * len(made.conditions)
    reading = store.read({task.task_set}, {name: each.digest for name, each in todo.conditions.items()})
    for (_, condition, _, _), record in reading.records.items():
        found = {channel for channel, share in record.changed.items() if share and channel != ASKED}
        assert found <= changed, (condition, record.changed)
        sure = all(each.certain for each in made.conditions[condition].perturbations)
        if condition == "clean" or (sure and not condition.startswith(LATER)):
            assert bool(found) == (condition != "clean"), condition
