"""Which episodes a report shows again: a clean one beside a perturbed one, and the first look under each condition."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vlabench import cards
from vlabench.cards.conditions import CLEAN, Condition
from vlabench.records.frame import episodes_of
from vlabench.records.read import Origin
from vlabench.records.store import recording_of
from vlabench.reports.page.verdicts import Standing
from vlabench.reports.plots.radar import group_of
from vlabench.reports.tables.outcomes import Episode
from vlabench.simulators.base import Simulator
from vlabench.types import EpisodeSpec, Status, Task

if TYPE_CHECKING:
    import pandas

LOOKS = 24
"""Conditions whose first look is shown, at most: one of each group."""


@dataclass(frozen=True)
class Pair:
    """An episode to be shown: clean, and under a condition, unless there is none on record."""

    clean: EpisodeSpec
    perturbed: EpisodeSpec | None

    @property
    def specs(self) -> list[EpisodeSpec]:
        """Those there are."""
        return [spec for spec in (self.clean, self.perturbed) if spec]


def conditions_of(origin: Origin, simulator: str) -> dict[str, Condition]:
    """The conditions on record that some suite still defines as they were played, by name; clean in any case, unless it
    was another then.
    """
    found = {} if CLEAN in origin.conditions else {CLEAN: Condition(CLEAN, simulator)}
    for card in map(cards.load_suite, cards.suite_names()):
        if card.simulator == simulator:
            found |= {name: each for name, each in card.conditions.items()
                      if name in origin.conditions and name not in found and each.digest in origin.conditions[name]}
    return found


def pairs(found: Standing, records: pandas.DataFrame, conditions: Mapping[str, Condition],
          tasks: Mapping[str, Task], folder: Path, number: int) -> list[Pair]:
    """Up to `number` pairs, in turn under the costliest condition of each group: an episode that is won clean and lost
    there, recorded rather than not, on a task not shown yet, and a short one. None without clean episodes.
    """
    rows = records[records.task.isin([*tasks])]
    played: dict[str, dict[Episode, tuple[Status, int]]] = {}
    for name, key, status, steps in zip(rows.condition, episodes_of(rows), rows.status, rows.steps, strict=True):
        played.setdefault(name, {})[key] = status, steps
    control = played.get(CLEAN, {}) if CLEAN in conditions else {}
    groups: dict[str, str] = {}
    for name in found.hardest:
        if name in conditions:
            groups.setdefault(group_of(name), name)
    chosen: list[Pair] = []
    for condition in itertools.islice(itertools.cycle(groups.values() or [CLEAN]), number):
        shown = {key for pair in chosen for key in (pair.clean.task.key, pair.clean.identity)}
        there = played.get(condition, {})
        keys = [key for key in there if key in control and (key[0], CLEAN, *key[1:]) not in shown]
        if keys:
            best = min(keys, key=lambda key: (
                control[key][0] != "success", there[key][0] != "failure" and condition != CLEAN,
                not _recorded(folder, tasks[key[0]], condition, key), key[0] in shown,
                there[key][1] + control[key][1], key))
            specs = [EpisodeSpec(tasks[best[0]], name, *best[1:]) for name in (CLEAN, condition)]
            chosen.append(Pair(specs[0], specs[1] if condition != CLEAN else None))
    return chosen


def looks(played: Sequence[str], conditions: Mapping[str, Condition], simulator: Simulator, task: Task, index: int,
          seed: int) -> list[EpisodeSpec]:
    """A first look, an episode of one step, under clean, if that is known, and a condition of each group that changes
    what is seen or said from the start: the one without a strength in its name, else the middle one.
    """
    short = dataclasses.replace(task, step_limit=1)
    groups: dict[str, list[str]] = {}
    for name in played:
        if name in conditions and name != CLEAN and _shows(conditions[name], simulator.cameras):
            groups.setdefault(group_of(name), []).append(name)
    chosen = [group if group in names else names[len(names) // 2] for group, names in groups.items()][:LOOKS]
    control = [CLEAN] if CLEAN in conditions else []
    return [EpisodeSpec(short, name, index, seed) for name in [*control, *chosen]] if chosen else []


def _shows(condition: Condition, cameras: Sequence[str]) -> bool:
    """Whether the first look must differ from the clean one."""
    seen = {f"images/{camera}" for camera in cameras} | {"look", "scene", "instruction"}
    return any(kind.from_start and seen & kind.channels(cameras) for kind in condition.perturbations)


def _recorded(folder: Path, task: Task, condition: str, key: Episode) -> bool:
    """Whether the actions of both episodes were kept. folder: that of the task sets."""
    return all(path.is_file() for path in recordings(folder, [EpisodeSpec(task, name, *key[1:])
                                                              for name in {CLEAN, condition}]))


def recordings(folder: Path, specs: Iterable[EpisodeSpec]) -> list[Path]:
    """Where the actions of some episodes are if they were kept."""
    return [folder / recording_of(spec.identity) for spec in specs]
