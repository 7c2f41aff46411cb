"""One policy's outcomes on one pack, which the figures of tables are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from vlabench.cards.conditions import CLEAN
from vlabench.cards.lineage import Seen
from vlabench.cards.schema import Made
from vlabench.records.read import PolicyOnAssets
from vlabench.stats import TasksAs
from vlabench.types import Success

Episode = tuple[str, int, int]
"""(task, index, seed): what all conditions and policies share."""
Leaf = tuple[str, str]
"""(condition, task set)"""
Outcomes = dict[Episode, bool]


@dataclass(frozen=True)
class Side:
    """One policy on one pack: its outcomes without errors, and how many errors were left out.

    idle: the episodes in which the condition changed nothing. seen: what the policy was trained on, None where its card
    is not here in the version of the records. familiar: the conditions that hold a perturbation from its training, or
    as_trained: whose scenes are such as those of a task set that it was trained on.
    tasks_as: the question that its figures answer. played: a number for the set of episodes that were played, errors
    included. failed: the episodes that ended in errors. recipe: see `lineage.recipe`.
    told: what its card says, for comparison with others (`lineage.described`).
    made: what its card says of its training.
    """

    owner: PolicyOnAssets
    outcomes: Mapping[Leaf, Outcomes]
    errors: Mapping[Leaf, int] = field(default_factory=dict)
    idle: Mapping[Leaf, Set[Episode]] = field(default_factory=dict)
    seen: Seen | None = None
    familiar: Sequence[str] = ()
    as_trained: Sequence[str] = ()
    tasks_as: TasksAs = "fixed"
    played: Mapping[Leaf, int] = field(default_factory=dict)
    failed: Mapping[Leaf, Set[Episode]] = field(default_factory=dict)
    recipe: tuple[str, int] | None = None
    told: Mapping[str, Any] | None = None
    made: Made | None = None

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


class Beside(NamedTuple):
    """The same policies' outcomes by another rule than the one that counts: lines of their own, never ranked.

    name: what lines are called after, behind the policy. sides: owner → outcomes. note: what it means.
    """

    name: str
    sides: Mapping[PolicyOnAssets, Side]
    note: str


def beside(counts: Success, sides: Iterable[Side]) -> Beside:
    """Success counted `once` or at the `end`, beside the other."""
    name, how = {"once": ("at any step", "held at some step"),
                 "end": ("at the end", "held after the last step")}[counts]
    return Beside(name, {side.owner: side for side in sides},
                  f"{name}: the same episodes, a success being a goal that {how}; ranked and counted elsewhere are the "
                  f"lines without it.")
