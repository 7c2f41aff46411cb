"""Runs of ManiSkill with real worker processes: the same records whatever the order, workers, batches, and who dies."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.places import ROOT
from vlabench import cards
from vlabench.episode.child import Process
from vlabench.episode.player import Batch
from vlabench.episode.worker import Worker
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
Records = dict[tuple[str, str, int, int], EpisodeRecord]


@pytest.fixture(autouse=True, scope="module")
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


def played(results: Path, todo: Plan, workers: int) -> Records:
    """The records of a run, without what may differ from one to the next."""
    held = len(kept(results, todo))
    summary = run(todo, cards.load_policy("maniskill-random"), find_simulator("maniskill")("primitive"),
                  store(results), workers=workers)
    assert (summary.held, summary.played, summary.errors) == (held, len(todo.specs) - held, 0), summary
    return kept(results, todo)


def kept(results: Path, todo: Plan) -> Records:
    """What is on record, in the same way."""
    reading = store(results).read({task.task_set for task in todo.tasks},
                                  {name: condition.digest for name, condition in todo.conditions.items()})
    return {key: dataclasses.replace(record, seconds=0.0, finished="") for key, record in reading.records.items()}


def store(results: Path) -> Store:
    return Store(results, "maniskill-random", "primitive")


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Records:
    """The records of one undisturbed run, all episodes side by side."""
    return played(tmp_path_factory.mktemp("unbroken"), short(), workers=1)


@pytest.mark.slow
def test_workers_order_and_batches_leave_no_trace_in_the_records(
        unbroken: Records, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    todo, one = short(), unbroken
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


@pytest.mark.long
def test_kills_leave_no_trace_in_the_records(
        unbroken: Records, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """kill -9: of a run with two workers in its midst, then of a worker while the rest is played."""
    todo = short()
    driver = ("import sys; from pathlib import Path; from tests.simulators.maniskill import test_runs as runs; "
              "runs.Maniskill.max_batch = 2; runs.played(Path(sys.argv[1]), runs.short(), workers=2)")
    with subprocess.Popen([sys.executable, "-c", driver, str(tmp_path)], cwd=ROOT,
                          env={**os.environ, "PYTHONPATH": str(ROOT)}) as process:
        while process.poll() is None and not kept(tmp_path, todo):
            time.sleep(0.02)
        process.kill()
    assert 0 < len(kept(tmp_path, todo)) < len(todo.specs), "it was not killed in its midst"
    killed: list[Batch] = []

    class Mortal(Worker):
        def give(self, *given: Any) -> None:
            super().give(*given)
            if not killed:
                killed.append(self.batch)
                assert isinstance(self._life, Process)
                os.kill(self._life.pid, signal.SIGKILL)

    monkeypatch.setattr("vlabench.episode.pool.Worker", Mortal)
    assert played(tmp_path, todo, workers=2) == unbroken
    assert len(killed) == 1 and len(killed[0]) > 1  # of mates in a batch none is to blame: each is played again
