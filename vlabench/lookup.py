"""Names that stand alone on a command line → tasks of all simulators, and conditions of all suites."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vlabench import cards, registry
from vlabench.conditions import Condition
from vlabench.errors import UnknownName

if TYPE_CHECKING:
    from vlabench.simulators.base import Simulator
    from vlabench.types import Task


def all_tasks() -> list[Task]:
    """The tasks of every simulator. Raises MissingExtra where they are files of a package that is not installed."""
    return [task for name in registry.names("simulator") for task in _tasks(registry.simulator(name))]


def find_task(key: str) -> Task:
    """The task `libero_spatial/3`. Raises UnknownName, MissingExtra."""
    task_set = key.rpartition("/")[0]
    kinds = [registry.simulator(name) for name in registry.names("simulator")]
    homes = [kind for kind in kinds if task_set in kind.task_sets]  # another simulator's package may be absent
    tasks = {task.key: task for kind in homes or kinds for task in _tasks(kind)}
    if key not in tasks:
        raise UnknownName("task", key, tasks, mend="mend: vlabench list tasks")
    return tasks[key]


def find_tasks(simulator: str, task_sets: Sequence[str] = (), patterns: Sequence[str] = ()) -> list[Task]:
    """The tasks of these task sets of a simulator (none: all) that match any of `patterns` (none: all).

    Raises UnknownName, MissingExtra.
    """
    from vlabench.plan import matching

    kind = registry.simulator(simulator)
    tasks = _tasks(kind)
    for name in task_sets:
        if name not in kind.task_sets:
            raise UnknownName("task set", name, kind.task_sets, where="--task-set")
    tasks = [task for task in tasks if not task_sets or task.task_set in task_sets]
    return matching(tasks, patterns, "--tasks") if patterns else tasks


def _tasks(kind: type[Simulator]) -> list[Task]:
    simulator = kind(kind.packs[0])
    return [task for task_set in simulator.task_sets for task in simulator.tasks(task_set)]


def find_condition(name: str, simulator: str, suite: str | None = None) -> Condition:
    """The condition of that name, in a suite or in any suite for a simulator: a name means the same in all of them.

    Raises UnknownName, CardError.
    """
    names = cards.suite_names() if suite is None else [suite]
    conditions: dict[str, Condition] = {}
    for card in map(cards.load_suite, names):
        if card.simulator == simulator:
            conditions = {**card.conditions, **conditions}
    if name not in conditions:
        where = f"suite {suite!r}" if suite else "any suite"
        raise UnknownName("condition", name, conditions, where=where, mend="mend: vlabench show SUITE lists its own")
    return conditions[name]
