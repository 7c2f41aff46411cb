"""Reads results folders for tables and plots: which policies on which packs are there, and the records that hold.

A folder is one that `vlabench run --results` wrote to, or one policy's folder in it, or one pack's in that.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from typing_extensions import Self

from vlabench import cards
from vlabench.errors import OptionError, StoreError, UnknownName
from vlabench.problems import shown
from vlabench.store import RUNS, Reading, Store
from vlabench.types import EpisodeRecord, Status


class Owner(NamedTuple):
    """Whose records: those of different packs never share a row."""

    policy: str
    assets: str

    def __str__(self) -> str:
        return f"{self.policy} on {self.assets}"


@dataclass(slots=True)
class Played:
    """What tables and plots ask of a record. A twentieth of its memory, which is most of the time reading takes."""

    task: str
    condition: str
    index: int
    seed: int
    status: Status
    success_at_end: bool
    steps: int

    @classmethod
    def of(cls, record: EpisodeRecord) -> Self:
        """The same words are the same objects."""
        return cls(sys.intern(record.task), sys.intern(record.condition), record.index, record.seed, record.status,
                   record.success_at_end, record.steps)

    @property
    def task_set(self) -> str:
        """`libero_goal` of `libero_goal/3`."""
        return self.task.rpartition("/")[0]


@dataclass(frozen=True)
class Gathered:
    """The episodes of each owner, and what was left out, one sentence each."""

    records: Mapping[Owner, Sequence[Played]]
    notes: tuple[str, ...]


def gather(
    places: Sequence[Path],
    conditions: Mapping[str, str] | None = None,
    tasks: Sequence[str] = (),
    policies: Sequence[str] = (),
    assets: str | None = None,
) -> Gathered:
    """All records of one version of each policy below `places`.

    conditions: name → digest; by default whatever is there, each as it was played last. tasks, policies: patterns of
    names; by default all. The version of a policy is that of its last record. Raises StoreError for a folder without
    records or that cannot be read, UnknownName for a pattern that fits no policy, OptionError for a policy that is in
    two folders.
    """
    found: dict[Owner, Path] = {}
    for place in places:
        for owner, folder in _owners(place):
            if found.setdefault(owner, folder) != folder:
                raise OptionError(f"{owner} is both in {shown(found[owner])} and in {shown(folder)}: which one?\n"
                                  f"  mend: name one of them, or make a table of each")
    chosen = [owner for owner in found if (assets is None or owner.assets == assets) and _fits(owner.policy, policies)]
    for pattern in policies:
        if not any(fnmatchcase(owner.policy, pattern) for owner in chosen):
            raise UnknownName("policy", pattern, {owner.policy for owner in found}, where=_listed(places))
    if not chosen:
        packs = ", ".join(sorted({owner.assets for owner in found}))
        raise OptionError(f"no records on {assets!r} assets in {_listed(places)}, only on {packs}")
    records: dict[Owner, Sequence[Played]] = {}
    notes: list[str] = []
    with _uncollected():
        for owner in sorted(chosen):
            read, warnings = _read(owner, found[owner], conditions)
            wanted = {task for task in {record.task for record in read} if _fits(task, tasks)}
            records[owner] = [record for record in read if record.task in wanted]
            notes += [f"{owner}: {warning}" for warning in warnings]
    return Gathered(records, tuple(notes))


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Without the garbage collector: records hold no cycles, and looking for some takes a third of reading them."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _owners(place: Path) -> Iterator[tuple[Owner, Path]]:
    """(owner, the folder of its task sets) below a place, whichever of the three levels it is."""
    here = place.resolve()
    for depth in (2, 1, 0):
        folders = {file.parent.parent for file in here.glob("*/" * (depth + 1) + "*.jsonl") if file.name != RUNS}
        if folders:
            yield from sorted((Owner(folder.parent.name, folder.name), folder) for folder in folders)
            return
    why = "holds no records" if place.is_dir() else "is no folder"
    raise StoreError(f"{shown(place)} {why}\n"
                     f"  mend: vlabench run --policy P --suite S --results DIR, and name that folder")


def _read(owner: Owner, folder: Path, conditions: Mapping[str, str] | None) -> tuple[list[Played], list[str]]:
    files = sorted(file for file in folder.glob("*/*.jsonl") if conditions is None or file.stem in conditions)
    last = sorted(((file.stem, line) for file in files if (line := _last_line(file))),
                  key=lambda entry: str(entry[1].get("finished", "")))
    digests = {name: str(line.get("condition_digest", "")) for name, line in last}
    digests = dict(conditions) if conditions is not None else dict(sorted(digests.items()))
    version = str(last[-1][1].get("policy_digest", "")) if last else None
    order = _order()
    task_sets = sorted({file.parent.name for file in files}, key=lambda name: (order.get(name, len(order)), name))
    store, whole, played = Store(folder.parent.parent, owner.policy, owner.assets), Reading(), list[Played]()
    for task_set in task_sets:
        for name, digest in digests.items():  # one file at a time: its records go as soon as they are cut down
            reading = store.read([task_set], {name: digest}, version)
            whole.ignored += reading.ignored
            played += map(Played.of, reading.records.values())
    return played, whole.warnings()


@functools.cache
def _order() -> dict[str, int]:
    """Task sets in the order of the suites' cards: spatial, object, goal, 10, as papers have them."""
    names = dict.fromkeys(name for suite in cards.suite_names() for name in cards.load_suite(suite).task_sets)
    return {name: place for place, name in enumerate(names)}


def _last_line(path: Path) -> dict[str, Any] | None:
    """The last line of a file that is whole."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise StoreError(f"{shown(path)}: {error.strerror}") from error
    for line in reversed(lines):
        try:
            content = json.loads(line)
        except ValueError:
            continue
        if isinstance(content, dict):
            return content
    return None


def _fits(name: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)


def _listed(places: Iterable[Path]) -> str:
    return ", ".join(shown(place) for place in places)
