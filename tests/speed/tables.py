"""What a table of many records costs, for the benchmark."""

from __future__ import annotations

import dataclasses
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vlabench.cards.conditions import CLEAN
from vlabench.records.store import FORMAT
from vlabench.reports.tables.layouts import Choice, make
from vlabench.reports.tables.render import rendered
from vlabench.types import EpisodeRecord

POLICIES, CONDITIONS, TASK_SETS, TASKS, EPISODES = 2, 25, 4, 10, 50
"""Together 100,000 episodes."""


def table_seconds(repetitions: int = 3) -> float:
    """Wall-clock time to read 100,000 records from files and make the suite's table of them; the best of several."""
    with tempfile.TemporaryDirectory(prefix="vlabench-bench-") as folder:
        for path, records in _files(Path(folder)):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(json.dumps({"format": FORMAT, **each}) + "\n" for each in records))
        return min(_once(Path(folder)) for _ in range(repetitions))


def made_up(**known: Any) -> EpisodeRecord:
    """The record of an episode that nobody played, as long as a real one."""
    versions = {name: "1.2.3" for name in ("vlabench", "hf-libero", "robosuite", "mujoco", "numpy", "scipy", "opencv")}
    fields: dict[str, Any] = {
        "task": "", "condition": CLEAN, "index": 0, "seed": 0, "status": "failure", "success_once": False,
        "success_at_end": False, "steps": 220, "seconds": 4.2, "instruction": "put the bowl on the plate",
        "realised": {"condition": {"degrees": 12.34}}, "changed": {"images/agentview": 1.0, "images/wrist": 1.0},
        "changed_first": ("images/agentview",), "frame": {"agentview": "0123456789abcdef"}, "state": "0123456789abcdef",
        "policy": "", "assets": "primitive", "policy_digest": "0" * 64, "condition_digest": "0" * 64,
        "versions": versions, "finished": "2025-01-01T00:00:00+00:00",
    }  # fmt: skip
    return EpisodeRecord(**fields | known)


def _once(folder: Path) -> float:
    start = time.perf_counter()
    rendered(make([folder], Choice()), "md")
    return time.perf_counter() - start


def _files(folder: Path) -> Iterator[tuple[Path, list[dict[str, object]]]]:
    """Each file and its records, success falling with the condition's number."""
    for p in range(POLICIES):
        for c in range(CONDITIONS):
            for s in range(TASK_SETS):
                name = f"condition-{c:02}" if c else CLEAN
                won = [(7 * p + 11 * t + 13 * i + c) % 100 > 20 + 2 * c for t in range(TASKS) for i in range(EPISODES)]
                record = made_up(condition=name, policy=f"policy-{p}", condition_digest=f"{c:064}")
                same = dataclasses.asdict(record)
                yield folder / record.policy / record.assets / f"set_{s}" / f"{name}.jsonl", [
                    {**same, "task": f"set_{s}/{k // EPISODES}", "index": k % EPISODES, "success_once": ok,
                     "success_at_end": ok, "status": "success" if ok else "failure"} for k, ok in enumerate(won)]
