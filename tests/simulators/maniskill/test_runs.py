"""Runs of ManiSkill with real worker processes: the same records whatever the order, the workers and the batches."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from vlabench import cards
from vlabench.errors import RenderingError
from vlabench.evaluation import plan
from vlabench.evaluation.plan import Plan, RunOptions
from vlabench.evaluation.run import run
from vlabench.records.store import Store
from vlabench.simulators.base import find_simulator
from vlabench.simulators.maniskill.simulator import Maniskill
from vlabench.types import EpisodeRecord

TASKS = ("maniskill_put_on_plate/2", "maniskill_put_on_plate/13")
STEPS = 12


@pytest.fixture(autouse=True)
def drawing() -> None:
    try:
        Maniskill("primitive").check(Maniskill.cameras)
    except RenderingError as error:
        pytest.skip(str(error))


def short() -> Plan:
    """Two episodes of two tasks under four conditions, cut off after STEPS steps."""
    asked = RunOptions(episodes=2, tasks=TASKS, conditions=("action_noise-0.3", "texture-strong", "joint"))
    suites = [cards.load_suite(f"maniskill-{kind}") for kind in ("vision", "action", "joint")]
    together = {name: condition for suite in suites for name, condition in suite.conditions.items()}
    made = plan.make(dataclasses.replace(suites[0], conditions=together), cards.load_policy("maniskill-random"),
                     Maniskill("primitive"), asked)
    tasks = {task: dataclasses.replace(task, step_limit=STEPS) for task in made.tasks}
    return dataclasses.replace(made, tasks=tuple(tasks.values()), specs=tuple(
        dataclasses.replace(spec, task=tasks[spec.task]) for spec in made.specs))


def played(results: Path, todo: Plan, workers: int) -> dict[tuple[str, str, int, int], EpisodeRecord]:
    """The records of a run, without what may differ from one to the next."""
    store = Store(results, "maniskill-random", "primitive")
    summary = run(todo, cards.load_policy("maniskill-random"), find_simulator("maniskill")("primitive"), store,
                  workers=workers)
    assert (summary.played, summary.errors) == (len(todo.specs), 0), summary
    reading = store.read({task.task_set for task in todo.tasks}, {n: c.digest for n, c in todo.conditions.items()})
    return {k: dataclasses.replace(r, seconds=0.0, finished="") for k, r in reading.records.items()}


@pytest.mark.slow
def test_workers_order_and_batches_leave_no_trace_in_the_records(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    todo = short()
    one = played(tmp_path / "one", todo, workers=1)  # all side by side
    two = played(tmp_path / "two", dataclasses.replace(todo, specs=todo.specs[::-1]), workers=2)
    assert one == two and len(one) == 16
    monkeypatch.setattr(Maniskill, "max_batch", 3)
    assert played(tmp_path / "three", todo, workers=1) == one
    for (task, condition, index, seed), record in one.items():
        assert record.steps == STEPS and set(record.frame) == {"third_person"} and record.status == "failure"
        # The twins start from the same picture, where none of it looks different.
        assert (record.frame == one[task, "clean", index, seed].frame) == (condition != "texture-strong")
        assert set(record.milestones) == {"grasped", "grasped_5"}
        clean, moved = one[task, "clean", index, seed], condition in ("action_noise-0.3", "joint")
        assert (record.state != clean.state) == moved
        assert record.frame != one[task, condition, 1 - index, seed].frame
        assert set(record.changed) >= {"action"} if moved else "action" not in record.changed
