"""One policy's outcomes on one pack, which the figures of tables are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field

from vlabench.cards.conditions import CLEAN
from vlabench.cards.lineage import Seen
from vlabench.records.read import PolicyOnAssets
from vlabench.stats import TasksAs

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
    tasks_as: the question that its figures answer. played: a number for the set of episodes that were played, errors
    included. failed: the episodes that ended in errors. recipe: see `lineage.recipe`.
    """

    owner: PolicyOnAssets
    outcomes: Mapping[Leaf, Outcomes]
    errors: Mapping[Leaf, int] = field(default_factory=dict)
    idle: Mapping[Leaf, Set[Episode]] = field(default_factory=dict)
    seen: Seen | None = None
    familiar: Sequence[str] = ()
    tasks_as: TasksAs = "fixed"
    played: Mapping[Leaf, int] = field(default_factory=dict)
    failed: Mapping[Leaf, Set[Episode]] = field(default_factory=dict)
    recipe: tuple[str, int] | None = None

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
