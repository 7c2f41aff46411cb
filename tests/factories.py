"""Makes records, tasks, simulators, cards and installed plug-ins for tests."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

from vlabench.records.store import FORMAT
from vlabench.simulators.base import Scene, Simulator, Variant
from vlabench.types import EpisodeRecord, Task


def record(**changes: Any) -> EpisodeRecord:
    """A successful clean episode, with some fields changed."""
    fields: dict[str, Any] = {
        "task": "kitchen/0", "condition": "clean", "index": 0, "seed": 0, "status": "success", "success_once": True,
        "success_at_end": True, "steps": 93, "seconds": 1.25, "instruction": "pick up the “bowl”", "realised": {},
        "changed": {"images/wrist": 0.5}, "changed_first": ("images/wrist",), "frame": {"wrist": "ab12"},
        "state": "cd34", "policy": "random", "assets": "primitive", "policy_digest": "p", "condition_digest": "c",
        "versions": {"mujoco": "3.8.1"}, "finished": "2025-01-01T00:00:00+00:00",
    }  # fmt: skip
    if changes.get("status", "success") != "success":
        fields |= {"success_once": False, "success_at_end": False}
    return EpisodeRecord(**(fields | changes))


class Lighting(Protocol):
    """A capability."""


class Toy(Simulator):
    """A simulator that knows tasks and opens none: `kitchen` has three of 50 start states, `garage` one of 7."""

    task_sets: ClassVar[Sequence[str]] = ("kitchen", "garage")
    packs: ClassVar[Sequence[str]] = ("primitive", "official")
    cameras: ClassVar[Sequence[str]] = ("agentview", "wrist")
    offers: ClassVar[frozenset[type]] = frozenset({Lighting})

    def check(self, cameras: Sequence[str] = ()) -> None:
        return None

    def tasks(self, task_set: str) -> list[Task]:
        count, states = {"kitchen": (3, 50), "garage": (1, 7)}[task_set]
        return [Task("toy", task_set, n, f"{task_set} {n}", "do it", 100, states) for n in range(count)]

    def open(self, task: Task, batch: int = 1, cameras: Sequence[str] = (), image_size: int = 256,
             privileged: bool = False, variant: Variant = ()) -> Scene:
        raise AssertionError("a plan opens no scene")

    def versions(self) -> Mapping[str, str]:
        return {}


def install(site: Path, name: str, points: Mapping[str, Mapping[str, str]], files: Mapping[str, str]) -> None:
    """What pip leaves behind of a package: files, and metadata with entry points (group → name → value)."""
    for path, text in files.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text, encoding="utf-8")
    metadata = site / f"{name}-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in named.items()) for group, named in points.items()]
    (metadata / "entry_points.txt").write_text("\n".join(lines))


RUST = """
from vlabench.perturbations.base import Perturbation

class JointFriction:
    pass

class Rust(Perturbation):
    needs = frozenset({JointFriction})
    severities = {k: {"friction": k / 10} for k in range(1, 6)}
    friction: float = 0.3

    def channels(self, cameras):
        return frozenset({"scene"})
"""
"""The source of a plug-in's perturbation that asks for something no simulator here offers."""


def episodes(task: str, condition: str, outcomes: str, **changes: Any) -> list[EpisodeRecord]:
    """One record per letter: s(uccess), f(ailure), e(rror), or - for none; the letter's place is the index."""
    status = {"s": "success", "f": "failure", "e": "error"}
    return [record(task=task, condition=condition, index=index, status=status[letter], **changes)
            for index, letter in enumerate(outcomes) if letter != "-"]


def write_records(root: Path, records: Iterable[EpisodeRecord]) -> Path:
    """The results folder `root` with these records, as the store lays it out, without its patience."""
    for each in records:
        path = root / each.policy / each.assets / each.task.rpartition("/")[0] / f"{each.condition}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"format": FORMAT, **dataclasses.asdict(each)}) + "\n")
    return root
