"""What a report of many records costs, for the benchmark."""

from __future__ import annotations

import dataclasses
import json
import tempfile
import time
from pathlib import Path

from tests.speed.tables import made_up
from vlabench import cards
from vlabench.cards.conditions import Condition
from vlabench.cards.policy import PolicyCard
from vlabench.evaluation import plan, run
from vlabench.evaluation.plan import Plan, RunOptions
from vlabench.records.store import FORMAT, Store
from vlabench.reports import plots
from vlabench.reports.page.build import EPISODES, Choice, write
from vlabench.reports.page.selection import conditions_of, pairs
from vlabench.reports.page.verdicts import standing
from vlabench.simulators.base import find_simulator
from vlabench.types import Task

POLICY, SUITE, PACK = "still", "libero-severity", "primitive"
"""The policy whose episodes are played again, up to their step limit, since it never succeeds."""
OTHERS = ("made-up-1", "made-up-2")
CONDITIONS, INDICES = 25, 10
"""With 3 policies and 40 tasks, 30,000 episodes."""


def report_seconds() -> tuple[float, int]:
    """Wall-clock seconds of a report with pictures and episodes on the primitive pack, and the bytes of its page.

    30,000 records are made up; those of the episodes that the page shows are then replaced by real ones.
    """
    suite, policy = cards.load_suite(SUITE), cards.load_policy(POLICY)
    conditions = dict(list(suite.conditions.items())[:CONDITIONS])
    simulator = find_simulator(suite.simulator)(PACK)
    tasks = {task.key: task for name in suite.task_sets for task in simulator.tasks(name)}
    with tempfile.TemporaryDirectory(prefix="vlabench-bench-") as folder:
        results, real = Path(folder) / "results", Path(folder) / "real"
        _made_up(results, policy, conditions, tasks)
        run.run(_shown(results, tasks), policy, simulator, Store(real, POLICY, PACK))
        for file in real.glob("*/*/*/*.jsonl"):
            with (results / file.relative_to(real)).open("a") as records:
                records.write(file.read_text())
        start = time.perf_counter()
        size = write([results], Path(folder) / "report.html", Choice(versus=POLICY))
        return time.perf_counter() - start, size


def _shown(results: Path, tasks: dict[str, Task]) -> Plan:
    """The plan of the episodes that the page will show."""
    data, suite = plots.load([results], policies=[POLICY]), cards.load_suite(SUITE)
    found = standing(data, data.sides[0])
    owner = found.side.owner
    origin = data.origins[owner]
    chosen = pairs(found, data.records[owner], conditions_of(origin, suite.simulator), tasks, origin.folder, EPISODES)
    specs = tuple(spec for pair in chosen for spec in pair.specs)
    options = RunOptions(1, tuple({spec.task.key for spec in specs}), tuple({spec.condition for spec in specs}))
    whole = plan.make(suite, cards.load_policy(POLICY), find_simulator(suite.simulator)(PACK), options)
    return dataclasses.replace(whole, specs=specs)


def _made_up(results: Path, policy: PolicyCard, conditions: dict[str, Condition], tasks: dict[str, Task]) -> None:
    """Records of POLICY, which always fails, and of others that fail the more often the further down a condition is."""
    for seed, name in enumerate((POLICY, *OTHERS)):
        known = {"policy": name, "policy_digest": policy.digest if name == POLICY else "0" * 64, "assets": PACK}
        for rank, condition in enumerate(conditions.values()):
            known |= {"condition": condition.name, "condition_digest": condition.digest}
            lines: dict[Path, list[str]] = {}
            for task in tasks.values():
                file = results / name / PACK / task.task_set / f"{condition.name}.jsonl"
                for index in range(INDICES):
                    luck = (7 * seed + 11 * task.number + 13 * index + rank) % 100
                    won = name != POLICY and luck > 20 + 2 * rank
                    lines.setdefault(file, []).append(_line(task, index, won, known))
            for file, content in lines.items():
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text("".join(content))


def _line(task: Task, index: int, won: bool, known: dict[str, str]) -> str:
    record = made_up(**known, task=task.key, index=index, status="success" if won else "failure", success_once=won,
                     success_at_end=won, steps=90 + 5 * index if won else task.step_limit)
    return json.dumps({"format": FORMAT, **dataclasses.asdict(record)}) + "\n"
