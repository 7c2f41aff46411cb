"""Records → outcomes that can be compared: episodes that all policies of a pack have, and rates over task sets."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from vlabench import stats
from vlabench.conditions import CLEAN
from vlabench.gather import Gathered, Owner
from vlabench.lineage import Seen, familiar, on_record
from vlabench.stats import TasksAs
from vlabench.types import Success, won

Episode = tuple[str, int, int]
"""(task, index, seed): what all conditions and policies share."""
Leaf = tuple[str, str]
"""(condition, task set)"""
Outcomes = dict[Episode, bool]


@dataclass(frozen=True)
class Side:
    """One policy on one pack: its outcomes without errors, and how many errors were left out.

    idle: the episodes in which the condition changed nothing. seen: what the policy was trained on, None where its card
    is not here in the version of the records. familiar: the conditions that hold a perturbation from its training.
    tasks_as: the question that its figures answer.
    """

    owner: Owner
    outcomes: Mapping[Leaf, Outcomes]
    errors: Mapping[Leaf, int] = field(default_factory=dict)
    idle: Mapping[Leaf, Set[Episode]] = field(default_factory=dict)
    seen: Seen | None = None
    familiar: Sequence[str] = ()
    tasks_as: TasksAs = "fixed"

    @property
    def conditions(self) -> list[str]:
        """Those with an outcome, the control first."""
        names = dict.fromkeys(condition for condition, _ in self.outcomes)
        return sorted(names, key=lambda name: name != CLEAN)

    @property
    def task_sets(self) -> list[str]:
        """Those with an outcome."""
        return list(dict.fromkeys(task_set for _, task_set in self.outcomes))

    def merged(self, condition: str, task_sets: Iterable[str]) -> Outcomes:
        """The outcomes of a condition over several task sets."""
        return {key: good for name in task_sets for key, good in self.outcomes.get((condition, name), {}).items()}


@dataclass(frozen=True)
class Cell:
    """A figure of a table: fractions. n: different episodes behind it. p: of a difference, corrected after Holm.

    acted: of the rate under one perturbed condition, in how many of its episodes that changed anything. familiar: some
    condition holds a perturbation that the policy was trained under.
    """

    value: float
    low: float
    high: float
    n: int
    errors: int = 0
    p: float | None = None
    acted: int | None = None
    familiar: bool = False


def sides(gathered: Gathered, counts: Success | None = None) -> tuple[list[Side], list[str]]:
    """The sides, cut to the episodes that all policies of the same pack have an outcome for, and what that cost.

    counts: the success that counts (`types.won`). Task by task, index by index: policies are
    compared under a condition on the same episodes or not at all. A policy that has not played a condition on a task
    set at all takes no part there.
    """
    made = [_side(owner, gathered, counts) for owner in gathered.records]
    common: dict[tuple[str, Leaf], set[Episode]] = {}
    for side in made:
        for leaf, outcomes in side.outcomes.items():
            key = (side.owner.assets, leaf)
            common[key] = common[key] & outcomes.keys() if key in common else set(outcomes)
    cut, lost = [], dict[Owner, int]()
    for side in made:
        kept = {leaf: {key: good for key, good in outcomes.items() if key in common[side.owner.assets, leaf]}
                for leaf, outcomes in side.outcomes.items()}
        lost[side.owner] = sum(map(len, side.outcomes.values())) - sum(map(len, kept.values()))
        cut.append(replace(side, outcomes={leaf: outcomes for leaf, outcomes in kept.items() if outcomes}))
    notes = _counted("Policies of one pack are compared on the same episodes. Left out, because another one has no "
                     "outcome for them: {} (--policies chooses who takes part).", lost)
    notes += _counted("Ended in errors, which enter no rate: {}.", {s.owner: sum(s.errors.values()) for s in cut})
    return cut, notes


def _counted(sentence: str, counts: Mapping[Owner, int]) -> list[str]:
    """The sentence with the owners of which the number is not 0, if there are any."""
    listed = ", ".join(f"{count} of {owner}" for owner, count in counts.items() if count)
    return [sentence.format(listed)] if listed else []


def rate(side: Side, leaves: Sequence[Leaf]) -> Cell | None:
    """The mean over conditions of the mean over tasks, each with the same weight; None unless every leaf has outcomes.

    The interval answers the side's question (`stats.tasks`). Several conditions of one episode are one score.
    """
    if not leaves or not all(side.outcomes.get(leaf) for leaf in leaves):
        return None
    by_condition: dict[str, list[str]] = {}
    for condition, task_set in dict.fromkeys(leaves):
        by_condition.setdefault(condition, []).append(task_set)
    tasks, outcomes = _block([side.merged(*each) for each in by_condition.items()])
    found = stats.rate(outcomes, tasks, side.tasks_as)
    return Cell(found.value, found.low, found.high, found.n, sum(side.errors.get(leaf, 0) for leaf in leaves),
                acted=_acted(side, leaves), familiar=any(condition in side.familiar for condition, _ in leaves))


def _acted(side: Side, leaves: Sequence[Leaf]) -> int | None:
    """In how many episodes of one perturbed condition anything differed; None for several conditions, or clean."""
    conditions = {condition for condition, _ in leaves}
    if len(conditions) > 1 or CLEAN in conditions:
        return None
    return sum(len(side.outcomes[leaf].keys() - side.idle.get(leaf, ())) for leaf in leaves)


def drop(side: Side, condition: str, task_sets: Sequence[str], control: str = CLEAN) -> Cell | None:
    """The paired difference condition − control; None without a pair."""
    if condition == control:
        return None
    return _cell(lost(side.merged(control, task_sets), side.merged(condition, task_sets), side.tasks_as))


def contrast(first: Side, second: Side, condition: str, task_sets: Sequence[str]) -> Cell | None:
    """The paired difference second − first of two policies under a condition; None without a pair or a second one."""
    if first.owner == second.owner:
        return None
    return _cell(lost(first.merged(condition, task_sets), second.merged(condition, task_sets), first.tasks_as))


def lost(one: Outcomes, other: Outcomes, tasks_as: TasksAs) -> stats.Difference:
    """other − one, on the episodes that both have."""
    keys, first, second = stats.pair(one, other)
    return stats.difference(first, second, [task for task, _, _ in keys], tasks_as)


def mean_difference(pairs: Sequence[tuple[Outcomes, Outcomes]], tasks_as: TasksAs) -> stats.Difference:
    """The mean over several pairs of outcomes of second − first, on the episodes that both have.

    Each pair that has any episode in common has the same weight.
    """
    joined = [stats.pair(first, second) for first, second in pairs]
    joined = [each for each in joined if each[0]]
    if not joined:
        return stats.NO_DIFFERENCE
    place = {key: number for number, key in enumerate(dict.fromkeys(key for keys, _, _ in joined for key in keys))}
    sides = np.full((2, len(joined), len(place)), math.nan)
    for row, (keys, first, second) in enumerate(joined):
        sides[:, row, [place[key] for key in keys]] = first, second
    return stats.difference(*sides, [task for task, _, _ in place], tasks_as)


def _cell(found: stats.Difference) -> Cell | None:
    return Cell(found.value, found.low, found.high, found.n, p=found.p) if found.n else None


def block(
    side: Side, conditions: Sequence[str], task_sets: Sequence[str]
) -> tuple[list[str], npt.NDArray[np.float64]]:
    """The tasks [N] and outcomes [C, N] of all episodes under C conditions; NaN where an episode has no outcome."""
    return _block([side.merged(condition, task_sets) for condition in conditions])


def _block(tables: Sequence[Outcomes]) -> tuple[list[str], npt.NDArray[np.float64]]:
    keys = list(dict.fromkeys(key for table in tables for key in table))
    outcomes = np.array([[table.get(key, math.nan) for key in keys] for table in tables], dtype=np.float64)
    return [task for task, _, _ in keys], outcomes.reshape(len(tables), len(keys))


def _side(owner: Owner, gathered: Gathered, counts: Success | None) -> Side:
    outcomes: dict[Leaf, Outcomes] = {}
    errors: Counter[Leaf] = Counter()
    idle: dict[Leaf, set[Episode]] = {}
    for record in gathered.records[owner]:
        leaf = (record.condition, record.task_set)
        if record.status == "error":
            errors[leaf] += 1
        else:
            key = (record.task, record.index, record.seed)
            outcomes.setdefault(leaf, {})[key] = won(record, counts)
            if not record.acted:
                idle.setdefault(leaf, set()).add(key)
    origin = gathered.origins.get(owner)
    seen = on_record(owner.policy, origin.policy, origin.folder.parent.parent) if origin else None
    met = familiar(origin.holds, seen.perturbations) if origin and seen else ()
    return Side(owner, outcomes, errors, idle, seen, met)
