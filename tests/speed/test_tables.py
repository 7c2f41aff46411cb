"""The benchmark's table is made of the records it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.speed import tables
from vlabench.records.frame import load_records


def test_a_small_copy_of_the_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    assert tables.POLICIES * tables.CONDITIONS * tables.TASK_SETS * tables.TASKS * tables.EPISODES == 100_000
    monkeypatch.setattr(tables, "CONDITIONS", 3)
    monkeypatch.setattr(tables, "EPISODES", 2)
    seen = []

    def once(folder: Path) -> float:
        seen.append(sum(len(records) for records in load_records([folder]).records.values()))
        return 3.0 - len(seen)

    monkeypatch.setattr(tables, "_once", once)
    assert tables.table_seconds(repetitions=2) == 1.0
    assert seen == [2 * 3 * 4 * 10 * 2] * 2
