"""Shards of a run on many machines: whose episodes are which, where their records lie, and whether one has ended.

A shard is a run of its own: with a folder of its own, where it goes on after a kill, and with an audit of its own. An
episode's conditions are in one shard, beside their clean twin; in which, depends on the run's tasks and nothing else.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vlabench.errors import OptionError
from vlabench.records.store import Writer, runs_of
from vlabench.types import EpisodeSpec
from vlabench.util.text import counted, short


@dataclass(frozen=True, order=True)
class Shard:
    """One of so many; number: from 1 on."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    @classmethod
    def named(cls, text: str) -> Shard:
        """`3/8`. Raises OptionError."""
        found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
        shard = cls(int(found[1]), int(found[2])) if found else cls(0, 0)
        if not 1 <= shard.number <= shard.of:
            raise OptionError(f"--shard {short(text)!r}: no shard: the first of eight is 1/8, the last 8/8\n"
                              f"  fix: --shard $SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT in a job with --array=1-8")
        return shard

    @property
    def folder(self) -> str:
        """`shard-3-of-8`: its results folder, in that of the run."""
        return f"shard-{self.number}-of-{self.of}"

    def part(self, specs: Sequence[EpisodeSpec]) -> tuple[EpisodeSpec, ...]:
        """Its episodes of a run, in their order: starts are dealt out in turn, the first of every task, the second, …

        Raises OptionError if there are fewer starts than shards.
        """
        places = {task: place for place, task in enumerate(dict.fromkeys(spec.task for spec in specs))}
        turns = [spec.index * len(places) + places[spec.task] for spec in specs]
        starts = len(set(turns))
        if starts < self.of:
            raise OptionError(f"--shard {self}: this run has {counted(starts, 'start')} to deal out, as an episode has "
                              f"all its conditions in one shard\n  fix: --shard 1/{starts} to {starts}/{starts}")
        return tuple(spec for spec, turn in zip(specs, turns, strict=True) if turn % self.of == self.number - 1)


def folders(results: Path) -> list[Path]:
    """The folders of shards in a results folder, in the order of their numbers; of those that have begun."""
    found = {path: re.fullmatch(r"shard-(\d+)-of-(\d+)", path.name) for path in results.glob("shard-*-of-*")}
    begun = {path: (int(name[2]), int(name[1])) for path, name in found.items()
             if name and any(path.glob("*/*/*/*.jsonl"))}
    return sorted(begun, key=begun.__getitem__)


def note(writer: Writer, shard: Shard, digest: str, left: int) -> None:
    """Put on record how many episodes a shard of a policy's version has yet to play. Raises StoreError."""
    writer.note_run({"shard": str(shard), "policy_digest": digest, "left": left})


def noted(folder: Path, digest: str) -> Mapping[Shard, int]:
    """What `note` was told last, in a folder of task sets: shard → episodes left. Raises StoreError."""
    found = {}
    for line in runs_of(folder):
        if line.get("policy_digest") == digest and isinstance(line.get("left"), int):
            with contextlib.suppress(OptionError):
                found[Shard.named(str(line.get("shard")))] = line["left"]
    return found
