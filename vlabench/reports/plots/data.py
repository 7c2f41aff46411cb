"""What figures are drawn of: comparable outcomes of each policy, and the records behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from vlabench import cards
from vlabench.cards.conditions import CLEAN
from vlabench.cards.policy import PolicyCard
from vlabench.cards.suite import SuiteCard
from vlabench.errors import OptionError
from vlabench.records.frame import episodes_of, load_records
from vlabench.records.read import Origin, PolicyOnAssets, asked
from vlabench.reports.tables.outcomes import Beside, Episode, Side, beside
from vlabench.reports.tables.paired import sides
from vlabench.stats import TasksAs
from vlabench.types import Success

if TYPE_CHECKING:
    import pandas

ABOUT: Mapping[TasksAs, str] = {
    "fixed": "exactly these tasks, over all start states",
    "sample": "tasks like these, of which they are taken as a sample",
}


@dataclass(frozen=True)
class Data:
    """sides: one per policy and pack, in a fixed order. records: those of the sides' episodes. notes: what was left
    out, for the terminal; a figure says only on which packs it was measured. origins: where the records lie. errors:
    (owner, condition) → share of its episodes that ended in errors, where any did. counts: the success that counts
    (`types.won`). cards: policy → its card, of those that were given by their paths. suite: the one that the records
    were cut to. also: the same episodes by the other success that it prints, too. reached: milestone → the sides by it,
    whole. over: the option of trainings that success is drawn over.
    """

    sides: Sequence[Side]
    records: Mapping[PolicyOnAssets, pandas.DataFrame]
    notes: Sequence[str]
    origins: Mapping[PolicyOnAssets, Origin] = field(default_factory=dict)
    errors: Mapping[tuple[PolicyOnAssets, str], float] = field(default_factory=dict)
    counts: Success | None = None
    cards: Mapping[str, PolicyCard] = field(default_factory=dict)
    suite: SuiteCard | None = None
    also: Beside | None = None
    reached: Mapping[str, Sequence[Side]] = field(default_factory=dict)
    over: str | None = None

    @property
    def caption(self) -> str:
        """For small print."""
        packs = sorted({side.owner.assets for side in self.sides})
        return f"Measured on {' and '.join(packs)} assets."

    @property
    def tasks_as(self) -> TasksAs:
        """The question that the figures answer."""
        return self.sides[0].tasks_as

    @property
    def intervals(self) -> str:
        """What their intervals are, for small print."""
        return f"95 % intervals about {ABOUT[self.tasks_as]}"

    @property
    def conditions(self) -> list[str]:
        """All that any policy has played, the control first."""
        names = dict.fromkeys(name for side in self.sides for name in side.conditions)
        return sorted(names, key=lambda name: name != CLEAN)

    @property
    def task_sets(self) -> list[str]:
        """Those that all policies have."""
        first, *others = self.sides
        return [name for name in first.task_sets if all(name in side.task_sets for side in others)]

    @property
    def played(self) -> list[str]:
        """The task sets that any policy has."""
        return list(dict.fromkeys(name for side in self.sides for name in side.task_sets))

    @property
    def tasks(self) -> list[str]:
        """All that any policy has played, in the order of their task sets and numbers."""
        keys = {key[0] for side in self.sides for outcomes in side.outcomes.values() for key in outcomes}
        return sorted(keys, key=lambda task: (self.played.index(task.rpartition("/")[0]), int(task.rpartition("/")[2])))

    def label(self, side: Side) -> str:
        """The policy's name, and its pack's where there are several."""
        packs = {each.owner.assets for each in self.sides}
        return side.owner.policy if len(packs) == 1 else f"{side.owner.policy} ({side.owner.assets})"


def load(
    places: Sequence[Path],
    suite: str | None = None,
    conditions: Sequence[str] = (),
    policies: Sequence[str] = (),
    assets: str | None = None,
    at_end: bool = False,
    tasks_as: TasksAs = "fixed",
    milestones: Sequence[str] = (),
    over: str | None = None,
    together: bool = True,
) -> Data:
    """The records below some folders, cut to the episodes that all policies of a pack have an outcome for; whole where
    they are not to be `together`.

    conditions: patterns of names; the control is always there. tasks_as: the question that figures answer. milestones:
    whose outcomes are wanted beside success, where records have them. over: for `scale.scale`. Raises what
    `load_records`, `cards.load_suite` and `sides` raise, and OptionError if no record is left.
    """
    card = cards.load_suite(suite) if suite else None
    gathered = load_records(places, *asked(card), policies, assets, bool(milestones))
    kept = {owner: rows[rows.condition.isin([name for name in rows.condition.unique() if _wanted(name, conditions)])]
            for owner, rows in gathered.records.items()}
    counts: Success | None = "end" if at_end else card.success if card else None
    chosen = replace(gathered, records=kept)
    cut, notes = sides(chosen, counts, tasks_as, together)
    other = None if at_end or not card else card.also
    cut = [side for side in cut if side.outcomes]
    if not cut:
        under = f" under {', '.join(conditions)}" if conditions else ""
        raise OptionError("\n  ".join([f"no episode with an outcome is left{under}", *gathered.notes]))
    reached = {name: [side for side in sides(chosen, None, tasks_as, milestone=name)[0] if side.outcomes]
               for name in milestones}
    return Data(cut, _of(cut, kept), [*gathered.notes, *notes], gathered.origins, _errors(kept), counts,
                suite=card, also=beside(other, sides(chosen, other, tasks_as, together=True)[0]) if other else None,
                over=over, reached=reached)


def _wanted(condition: str, patterns: Sequence[str]) -> bool:
    return condition == CLEAN or not patterns or any(fnmatchcase(condition, pattern) for pattern in patterns)


def _of(cut: Sequence[Side], records: Mapping[PolicyOnAssets, pandas.DataFrame],
        ) -> dict[PolicyOnAssets, pandas.DataFrame]:
    """The records of the episodes that the sides kept."""
    found = {}
    for side in cut:
        rows, keys = records[side.owner], {leaf[0]: set[Episode]() for leaf in side.outcomes}
        for (condition, _), outcomes in side.outcomes.items():
            keys[condition].update(outcomes)
        found[side.owner] = rows[[episode in keys.get(condition, ()) for condition, episode
                                  in zip(rows.condition, episodes_of(rows), strict=True)]]
    return found


def _errors(records: Mapping[PolicyOnAssets, pandas.DataFrame]) -> dict[tuple[PolicyOnAssets, str], float]:
    found: dict[tuple[PolicyOnAssets, str], float] = {}
    for owner, rows in records.items():
        shares = (rows.status == "error").groupby(rows.condition, sort=False, observed=True).mean()
        found |= {(owner, name): share for name, share in shares.items() if share}
    return found
