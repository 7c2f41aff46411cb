"""One side of a gate that plays: what it has on record, and how it gets more."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from vlabench import registry, runner
from vlabench.gate.sides import Side
from vlabench.plan import Plan
from vlabench.progress import Progress
from vlabench.types import EpisodeRecord, won


class Interrupted(Exception):
    """Ctrl-C in mid-run; what was played stays on record."""


class Player:
    """Knows episodes by condition and round, the index that they have in every task.

    own: the plan by which this side can play, None if it has only what is on record. common: the plan of what is
    compared; both sides play its tasks and conditions. played: episodes so far.
    """

    def __init__(self, side: Side, own: Plan | None, common: Plan, seed: int) -> None:
        self.side, self.played = side, 0
        self._own, self._common, self._seed = own, common, seed
        self._digests = {name: condition.digest for name, condition in common.conditions.items()}
        self._refresh()

    def rounds(self, condition: str) -> int:
        """How many rounds of a condition there can be, from the first on without a gap."""
        if self._own is not None:
            return self._common.episodes
        return next((number for number in range(self._common.episodes)
                     if self.lacking(condition, range(number, number + 1))), self._common.episodes)

    def lacking(self, condition: str, rounds: Iterable[int]) -> list[tuple[str, str, int]]:
        """The episodes of these rounds that have no record yet, as (task, condition, index)."""
        return [(task.key, condition, index) for index in rounds for task in self._common.tasks
                if (task.key, condition, index) not in self._records]

    def steps(self, condition: str, rounds: Iterable[int]) -> int:
        """The control steps that playing these rounds takes at most."""
        limits = {task.key: task.step_limit for task in self._common.tasks}
        return sum(limits[task] for task, _, _ in self.lacking(condition, rounds))

    def play(self, condition: str, rounds: Iterable[int], workers: int | None, progress: Progress) -> None:
        """Play what these rounds lack. Raises Interrupted, and what `runner.run` raises."""
        wanted = set(self.lacking(condition, rounds))
        if not wanted:
            return
        assert self._own is not None and self.side.card is not None
        specs = tuple(spec for spec in self._own.specs if (spec.task.key, spec.condition, spec.index) in wanted)
        part = dataclasses.replace(self._own, specs=specs, tasks=tuple(dict.fromkeys(spec.task for spec in specs)),
                                   conditions={condition: self._own.conditions[condition]})
        engine = registry.simulator(specs[0].task.simulator)(self.side.store.assets)
        summary = runner.run(part, self.side.card, engine, self.side.store, workers=workers, progress=progress)
        self.played += summary.played
        self._refresh()
        if summary.interrupted:
            raise Interrupted

    def outcomes(self, condition: str, number: int) -> list[bool | None]:
        """Of a round that is whole: whether each task's episode succeeded; None for an error."""
        records = [self._records[task.key, condition, number] for task in self._common.tasks]
        return [None if record.status == "error" else won(record, self._common.success) for record in records]

    def of_rounds(self, condition: str, count: int) -> list[EpisodeRecord]:
        """The records of the first rounds."""
        return [self._records[task.key, condition, index] for task in self._common.tasks for index in range(count)]

    def _refresh(self) -> None:
        task_sets = dict.fromkeys(task.task_set for task in self._common.tasks)
        reading = self.side.store.read(task_sets, self._digests, self.side.digest)
        self._records = {(record.task, record.condition, record.index): record
                         for record in reading.records.values() if record.seed == self._seed}
