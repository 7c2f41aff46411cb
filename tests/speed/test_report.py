"""The benchmark's report is made of the records it says, and shows episodes that exist."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.speed import report
from vlabench import cards
from vlabench.records.frame import load_records
from vlabench.simulators.base import find_simulator


def test_a_small_copy_of_the_benchmark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("libero", reason="needs the extra `libero`")
    assert (1 + len(report.OTHERS)) * report.CONDITIONS * 40 * report.INDICES == 30_000
    monkeypatch.setattr(report, "INDICES", 2)
    suite, simulator = cards.load_suite(report.SUITE), find_simulator("libero")(report.PACK)
    tasks = {task.key: task for name in suite.task_sets for task in simulator.tasks(name)}
    chosen = {name: suite.conditions[name] for name in ("clean", "shift-s1", "jpeg-s2")}
    report._made_up(tmp_path, cards.load_policy(report.POLICY), chosen, tasks)
    found = load_records([tmp_path]).records
    assert {owner.policy: len(records) for owner, records in found.items()} == dict.fromkeys(
        ("still", "made-up-1", "made-up-2"), 3 * 40 * 2)
    rates = [sum(records.status == "success") for records in found.values()]
    assert rates[2] == 0 and rates[0] > 100 and rates[1] > 100
    specs = report._shown(tmp_path, tasks).specs
    assert sorted(spec.condition for spec in specs) == ["clean", "clean", "jpeg-s2", "shift-s1"]
    assert {spec.task.task_set for spec in specs} == {"libero_spatial"}  # the shortest
