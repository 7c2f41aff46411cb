"""The benchmark's table is made of the records it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from vlabench.gather import gather
from vlabench.tables import _cost


def test_a_small_copy_of_the_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _cost.POLICIES * _cost.CONDITIONS * _cost.TASK_SETS * _cost.TASKS * _cost.EPISODES == 100_000
    monkeypatch.setattr(_cost, "CONDITIONS", 3)
    monkeypatch.setattr(_cost, "EPISODES", 2)
    seen = []

    def once(folder: Path) -> float:
        seen.append(sum(len(records) for records in gather([folder]).records.values()))
        return 3.0 - len(seen)

    monkeypatch.setattr(_cost, "_once", once)
    assert _cost.table_seconds(repetitions=2) == 1.0
    assert seen == [2 * 3 * 4 * 10 * 2] * 2
