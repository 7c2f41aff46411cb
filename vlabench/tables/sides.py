"""Records → outcomes that can be compared: episodes that all policies of a pack have, and rates over task sets."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from vlabench import stats
from vlabench.conditions import CLEAN
from vlabench.gather import Gathered, Owner
from vlabench.lineage import Seen, familiar, on_record
from vlabench.stats import Bools
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
    """

    owner: Owner
    outcomes: Mapping[Leaf, Outcomes]
    errors: Mapping[Leaf, int] = field(default_factory=dict)
    idle: Mapping[Leaf, Set[Episode]] = field(default_factory=dict)
    seen: Seen | None = None
    familiar: Sequence[str] = ()

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
    """The mean rate over conditions × task sets, each with the same weight; None unless there are outcomes for all.

    Wilson's interval, for as many episodes as there are different ones: several conditions of one episode count as one
    (they resemble each other), and where task sets differ in size, as many as equally weighted ones would be worth
    (Kish's effective number). So it is wide enough, and the plain Wilson interval for a single condition.
    """
    weights: dict[Episode, float] = defaultdict(float)
    value = 0.0
    for leaf in leaves:
        outcomes = side.outcomes.get(leaf)
        if not outcomes:
            return None
        value += sum(outcomes.values()) / len(outcomes) / len(leaves)
        share = 1 / len(outcomes) / len(leaves)
        for key in outcomes:
            weights[key] += share
    if not weights:
        return None
    worth = 1 / sum(weight * weight for weight in weights.values())
    low, high = stats.wilson(value * worth, worth)
    return Cell(value, low, high, len(weights), sum(side.errors.get(leaf, 0) for leaf in leaves),
                acted=_acted(side, leaves), familiar=any(condition in side.familiar for condition, _ in leaves))


def _acted(side: Side, leaves: Sequence[Leaf]) -> int | None:
    """In how many episodes of one perturbed condition anything differed; None for several conditions, or clean."""
    conditions = {condition for condition, _ in leaves}
    if len(conditions) > 1 or CLEAN in conditions:
        return None
    return sum(len(side.outcomes[leaf].keys() - side.idle.get(leaf, ())) for leaf in leaves)


def outcomes_of(side: Side, condition: str, task_sets: Iterable[str]) -> Bools:
    """The outcomes [N] of a condition over several task sets."""
    return np.array(list(side.merged(condition, task_sets).values()), dtype=np.bool_)


def drop(side: Side, condition: str, task_sets: Sequence[str], control: str = CLEAN) -> Cell | None:
    """The paired difference condition − control, with its exact McNemar p; None without a pair."""
    if condition == control:
        return None
    return _difference(side.merged(control, task_sets), side.merged(condition, task_sets))


def contrast(first: Side, second: Side, condition: str, task_sets: Sequence[str]) -> Cell | None:
    """The paired difference second − first of two policies under a condition; None without a pair or a second one."""
    if first.owner == second.owner:
        return None
    return _difference(first.merged(condition, task_sets), second.merged(condition, task_sets))


def _difference(one: Outcomes, other: Outcomes) -> Cell | None:
    keys, first, second = stats.pair(one, other)
    if not keys:
        return None
    found = stats.paired_difference(first, second, [task for task, _, _ in keys])
    return Cell(found.value, found.low, found.high, found.n, p=stats.mcnemar(first, second))


def block(
    side: Side, conditions: Sequence[str], task_sets: Sequence[str]
) -> tuple[list[str], npt.NDArray[np.float64]]:
    """The tasks [N] and outcomes [C, N] of all episodes under C conditions; NaN where an episode has no outcome."""
    tables = [side.merged(condition, task_sets) for condition in conditions]
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
