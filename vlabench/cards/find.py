"""Names that stand alone on a command line → tasks of all simulators, and conditions of all suites."""

from __future__ import annotations

import contextlib
import fnmatch
from collections.abc import Sequence
from typing import TYPE_CHECKING

from vlabench import cards, registry
from vlabench.cards.conditions import CLEAN, Condition
from vlabench.cards.policy import PolicyCard
from vlabench.errors import MissingExtra, UnknownName, UnsupportedError, VlabenchError, near
from vlabench.util.messages import shown

if TYPE_CHECKING:
    from vlabench.simulators.base import Simulator
    from vlabench.types import Task


def all_tasks() -> list[Task]:
    """The tasks of every simulator that is here. Raises MissingExtra where all are of packages not installed."""
    return tasks_here()[0]


def tasks_here() -> tuple[list[Task], dict[str, MissingExtra]]:
    """The tasks of every simulator, and which has none to tell, because its package is not installed.

    Raises MissingExtra if none has any.
    """
    tasks: list[Task] = []
    absent: dict[str, MissingExtra] = {}
    for name in registry.names("simulator"):
        try:
            tasks += _tasks(_kind(name))
        except MissingExtra as error:
            absent[name] = error
    if absent and not tasks:
        raise next(iter(absent.values()))
    return tasks, absent


def find_task(key: str) -> Task:
    """The task `libero_spatial/3`. Raises UnknownName, MissingExtra."""
    task_set = key.rpartition("/")[0]
    kinds = [_kind(name) for name in registry.names("simulator")]
    homes = [kind for kind in kinds if task_set in kind.task_sets]  # another simulator's package may be absent
    tasks = {task.key: task for kind in homes or kinds for task in _tasks(kind)}
    if key not in tasks:
        raise UnknownName("task", key, tasks, fix="fix: vlabench list tasks")
    return tasks[key]


def find_tasks(simulators: str | Sequence[str], task_sets: Sequence[str] = (),
               patterns: Sequence[str] = ()) -> list[Task]:
    """The tasks of these task sets of a simulator, or of several (none: all), that match any of `patterns` (none: all).

    Raises UnknownName, MissingExtra.
    """
    kinds = [_kind(name) for name in ([simulators] if isinstance(simulators, str) else simulators)]
    known = [name for kind in kinds for name in kind.task_sets]
    for name in task_sets:
        if name not in known:
            raise UnknownName("task set", name, known, where="--task-set")
    asked = [kind for kind in kinds if not task_sets or set(task_sets) & set(kind.task_sets)]
    tasks = [task for kind in asked for task in _tasks(kind)]
    tasks = [task for task in tasks if not task_sets or task.task_set in task_sets]
    return matching(tasks, patterns, "--tasks") if patterns else tasks


def simulator_of(task_set: str) -> str | None:
    """The name of the simulator that has a task set; None if there is none."""
    return next((name for name in registry.names("simulator") if task_set in _kind(name).task_sets), None)


def _kind(simulator: str) -> type[Simulator]:
    from vlabench.simulators.base import find_simulator  # with NumPy, which a list of cards does without

    return find_simulator(simulator)


def _tasks(kind: type[Simulator]) -> list[Task]:
    simulator = kind(kind.packs[0])
    return [task for task_set in simulator.task_sets for task in simulator.tasks(task_set)]


def suites_with(condition: str, simulator: str | None = None) -> list[str]:
    """The suites that have a condition of this name or pattern; those that cannot be read have none."""
    found = []
    for name in cards.suite_names():
        with contextlib.suppress(VlabenchError):
            card = cards.load_suite(name)
            if simulator in (None, card.simulator) and fnmatch.filter(card.conditions, condition):
                found.append(name)
    return found


def played_on(suites_of: str, policies_of: str) -> str:
    """The choices of who has a policy of one simulator and a suite of another: suites of the first, policies of the
    second.
    """
    found: dict[str, list[str]] = {"--suite": [], "--policy": []}
    for name in cards.suite_names():
        with contextlib.suppress(VlabenchError):
            found["--suite"] += [name] * (cards.load_suite(name).simulator == suites_of)
    engine = _kind(policies_of)
    for name in cards.policy_names():
        with contextlib.suppress(VlabenchError):
            card = cards.load_policy(name)
            found["--policy"] += [name] * (not card.served and not misfit(card, policies_of, engine))
    choices = [f"{option} {' | '.join(names)}" for option, names in found.items() if names]
    return ", or ".join(choices) or "a suite and a policy of one simulator (vlabench list suites|policies)"


def where_to(condition: str, simulator: str) -> str:
    """The end of a message about a condition that a suite lacks: the first suite that has it, or ""."""
    suites = suites_with(condition, simulator)
    return f"fix: --suite {suites[0]}, which has it" if suites else ""


def find_condition(name: str, simulator: str, suite: str | None = None) -> Condition:
    """The condition of that name, in a suite or in any suite for a simulator: a name means the same in all of them.
    `clean` needs no suite.

    Raises UnknownName, CardError.
    """
    names = cards.suite_names() if suite is None else [suite]
    conditions = {CLEAN: Condition(CLEAN, simulator)} if suite is None else dict[str, Condition]()
    for card in map(cards.load_suite, names):
        if card.simulator == simulator:
            conditions = {**card.conditions, **conditions}
    if name not in conditions:
        where = f"suite {suite!r}" if suite else "any suite"
        fix = where_to(name, simulator) or "fix: vlabench show SUITE lists its own"
        raise UnknownName("condition", name, conditions, where=where, fix=fix)
    return conditions[name]


def fits(name: str, patterns: Sequence[str]) -> bool:
    """Whether a name matches any of some patterns, or one is the task set of a task's (`libero_goal` of
    `libero_goal/open_the_drawer`); or there are none.
    """
    return not patterns or any(pattern == name.rpartition("/")[0] or fnmatch.fnmatchcase(name, pattern)
                               for pattern in patterns)


def matching(tasks: Sequence[Task], patterns: Sequence[str], where: str) -> list[Task]:
    """The tasks that match any of `patterns`, or whose task set one names. Raises UnknownName, which says `where`."""
    chosen: set[str] = set()
    for pattern in patterns:
        found = [task.key for task in tasks if fits(task.key, [pattern])]
        if not found:
            known = {task.key for task in tasks} | {task.task_set for task in tasks}
            raise UnknownName("task", pattern, known, where=where, fix="fix: vlabench list tasks")
        chosen.update(found)
    return [task for task in tasks if task.key in chosen]


def check_simulator(policy: PolicyCard, name: str, kind: type[Simulator], fix: str = "") -> None:
    """Raises UnsupportedError unless the policy can act in the simulator of this name: see `misfit`. Raises UnknownName
    if its card names one that is not there. fix: what to do where it names another; by default, suites and policies.
    """
    wrong = misfit(policy, name, kind)
    if policy.engine is not None and policy.simulator is not None and policy.simulator != name:
        wrong += f"\n  fix: {fix or played_on(policy.simulator, name)}"
    if wrong:
        raise UnsupportedError(wrong)


def misfit(policy: PolicyCard, name: str, kind: type[Simulator]) -> str:
    """Why a policy cannot act in the simulator of this name, or "": it must be the one that the card names, if it names
    any, and have the cameras and one of the packs.
    """
    if policy.simulator not in (None, name):
        return f"policy {policy.name!r} is for simulator {policy.simulator!r}, not for {name!r}"
    blind = [camera for camera in policy.cameras if camera not in kind.cameras]
    if blind:
        return (f"policy {policy.name!r} looks at camera {blind[0]!r}, which simulator {kind.__name__} has not: "
                f"{near(blind[0], kind.cameras)}")
    if set(policy.assets).isdisjoint(kind.packs):
        return (f"policy {policy.name!r} runs on the assets {', '.join(policy.assets)}, of which simulator "
                f"{kind.__name__} has none: {near(policy.assets[0], kind.packs)}")
    return ""


def simulators_for(card: PolicyCard) -> list[str]:
    """The simulators that a policy can act in: the one that its card names, or all that have its cameras and packs.

    Raises UnsupportedError if there is none, UnknownName if the card names one that is not there.
    """
    if card.simulator is not None and card.engine is not None:
        check_simulator(card, card.simulator, card.engine)
        return [card.simulator]
    kinds = {name: _kind(name) for name in registry.names("simulator")}
    fit = [name for name, kind in kinds.items() if not misfit(card, name, kind)]
    if not fit:
        views = {camera for kind in kinds.values() for camera in kind.cameras}
        blind = next((camera for camera in card.cameras if camera not in views), "")
        raise UnsupportedError(
            f"{shown(card.path)}: cameras: no simulator has {blind!r}: {near(blind, views)}" if blind else
            f"{shown(card.path)}: no simulator has all of {', '.join([*card.cameras, *card.assets])}")
    return fit
