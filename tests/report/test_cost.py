"""The benchmark's report is made of the records it says, and shows episodes that exist."""

from __future__ import annotations

from pathlib import Path

import pytest

from vlabench import cards, registry
from vlabench.gather import gather
from vlabench.report import _cost


def test_a_small_copy_of_the_benchmark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("libero", reason="needs the extra `libero`")
    assert (1 + len(_cost.OTHERS)) * _cost.CONDITIONS * 40 * _cost.INDICES == 30_000
    monkeypatch.setattr(_cost, "INDICES", 2)
    suite, simulator = cards.load_suite(_cost.SUITE), registry.simulator("libero")(_cost.PACK)
    tasks = {task.key: task for name in suite.task_sets for task in simulator.tasks(name)}
    chosen = {name: suite.conditions[name] for name in ("clean", "shift-s1", "jpeg-s2")}
    _cost._made_up(tmp_path, cards.load_policy(_cost.POLICY), chosen, tasks)
    found = gather([tmp_path]).records
    assert {owner.policy: len(records) for owner, records in found.items()} == dict.fromkeys(
        ("still", "made-up-1", "made-up-2"), 3 * 40 * 2)
    rates = [sum(each.status == "success" for each in records) for records in found.values()]
    assert rates[2] == 0 and rates[0] > 100 and rates[1] > 100
    specs = _cost._shown(tmp_path, tasks).specs
    assert sorted(spec.condition for spec in specs) == ["clean", "clean", "jpeg-s2", "shift-s1"]
    assert {spec.task.task_set for spec in specs} == {"libero_spatial"}  # the shortest
