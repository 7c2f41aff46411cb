"""The layout that sets methods side by side: clean and perturbed success in each simulator, and what training took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from vlabench.cards.conditions import CLEAN
from vlabench.cards.find import simulator_of
from vlabench.cards.schema import SPENT
from vlabench.errors import OptionError
from vlabench.reports.tables.cost import HEADS as COSTS
from vlabench.reports.tables.outcomes import Leaf, Side
from vlabench.reports.tables.paired import Cell, identity, mean_rate, rate
from vlabench.reports.tables.sheet import AVERAGING, MEASURED, TRAININGS, Head, Line, Sheet, question, trained
from vlabench.reports.tables.trainings import named, same_seed, trainings

HEADS = [Head("trainings"), Head(CLEAN), Head("perturbed"), *COSTS[1:]]
HOW = ("Cost: the mean of the trainings, each without that of the policy which it began from. rollouts, control steps: "
       "of sft its demonstrations and their frames. views: other pictures of looks that the simulator drew. passes: "
       "looks, and views of them, that updates put through the network. Empty: none, or the card does not say.")


@dataclass(frozen=True)
class Method:
    """A policy, or all trainings of one recipe: its rates, on the episodes that all of them have."""

    name: str
    members: Sequence[Side]
    clean: Cell
    perturbed: Cell


@dataclass(frozen=True)
class Section:
    """Task sets of one simulator, the perturbed conditions that all of its methods have there, and the methods."""

    title: str
    assets: str
    task_sets: Sequence[str]
    conditions: Sequence[str]
    methods: Sequence[Method]

    @property
    def said(self) -> str:
        """What its rates are over."""
        what = self.conditions[0] if len(self.conditions) == 1 else f"the mean of {', '.join(self.conditions)}"
        return f"{self.title}, {self.assets}: clean, and as perturbed {what}, over {', '.join(self.task_sets)}."


def taking_part(made: Sequence[Side]) -> tuple[list[Side], list[str]]:
    """The sides with the task sets that each has played clean and perturbed, and whom that leaves out: who is in no
    section is to take no episode from those who are. Raises OptionError if no side is left.
    """
    kept = []
    for side in made:
        both = {name for name in side.task_sets if (CLEAN, name) in side.outcomes and _perturbed(side, name)}
        kept.append(replace(side, outcomes={leaf: each for leaf, each in side.outcomes.items() if leaf[1] in both}))
    absent = ", ".join(str(side.owner) for side, rest in zip(made, kept, strict=True)
                       if side.outcomes and not rest.outcomes)
    notes = [f"Without a task set that was played both clean and perturbed: {absent}."] if absent else []
    if not any(side.outcomes for side in kept):
        raise OptionError("\n  ".join(["no policy has a task set on record both clean and perturbed", *notes,
                                       "fix: vlabench run --policy P --suite S plays both"]))
    return [side for side in kept if side.outcomes], notes


def sections(cut: Sequence[Side]) -> tuple[list[Section], list[str]]:
    """One for each pack and for the task sets that have the same policies and conditions; what has none, in sentences.

    cut: those `taking_part`, cut to the episodes that all of them have, so that a section's methods compete. Raises
    OptionError if there is no section.
    """
    found: dict[tuple[str, str, tuple[int, ...], tuple[str, ...]], list[str]] = {}
    notes = []
    for assets in dict.fromkeys(side.owner.assets for side in cut):
        for task_set in dict.fromkeys(name for side in cut if side.owner.assets == assets for name in side.task_sets):
            members = [number for number, side in enumerate(cut) if side.owner.assets == assets
                       and (CLEAN, task_set) in side.outcomes and _perturbed(side, task_set)]
            shared = [name for name in (_perturbed(cut[members[0]], task_set) if members else ())
                      if all((name, task_set) in cut[number].outcomes for number in members)]
            if shared:
                key = assets, simulator_of(task_set) or "", tuple(members), tuple(shared)
                found.setdefault(key, []).append(task_set)
            elif members:
                who = ", ".join(cut[number].owner.policy for number in members)
                notes.append(f"No perturbed condition on {task_set}, {assets}, that all have played of {who}: "
                             "--policies chooses.")
    if not found:
        raise OptionError("\n  ".join(["no perturbed condition that all of these policies have played", *notes,
                                       "fix: --policies P,Q chooses who takes part"]))
    homes = [key[:2] for key in found]
    return [_section(key[1] if key[1] and homes.count(key[:2]) == 1 else ", ".join(task_sets), key[0], task_sets,
                     key[3], [cut[number] for number in key[2]])
            for key, task_sets in sorted(found.items(), key=lambda each: each[0][:2])], notes


def methods_sheet(cut: Sequence[Side], notes: Sequence[str]) -> Sheet:
    """A line for each method in each section. Raises OptionError as `sections` does."""
    parts, absent = sections(cut)
    lines = [Line(each.name, MEASURED, part.assets, [_trained(each.members), each.clean, each.perturbed,
                                                     *_cost(each.members)], part.title)
             for part in parts for each in part.methods]
    told = [number for number, cells in enumerate(zip(*(line.cells for line in lines), strict=True)) if any(cells)]
    lines = [replace(line, cells=[line.cells[number] for number in told]) for line in lines]
    several = [TRAININGS] if any(len(each.members) > 1 for part in parts for each in part.methods) else []
    return Sheet("Success rate (%) and cost of training", [HEADS[number] for number in told], lines,
                 [*notes, *absent, *(part.said for part in parts), question(cut[0].tasks_as, lines), AVERAGING,
                  *several, *same_seed(cut), *trained(cut, lines), HOW], grouping="on", naming="method", counted=True)


def _perturbed(side: Side, task_set: str) -> list[str]:
    return [name for name, each in side.outcomes if each == task_set and name != CLEAN]


def _section(title: str, assets: str, task_sets: Sequence[str], conditions: Sequence[str], members: Sequence[Side],
             ) -> Section:
    groups = trainings(members)
    group_of = {side.owner: group for group in groups for side in group}
    alone = [[side] for side in members if side.owner not in group_of]
    ordered = sorted([*groups, *alone], key=lambda each: members.index(each[0]))
    clean = [(CLEAN, name) for name in task_sets]
    perturbed = [(condition, name) for condition in conditions for name in task_sets]
    rates = [(each, _rate(each, clean), _rate(each, perturbed)) for each in ordered]
    return Section(title, assets, task_sets, conditions, [Method(named(each), each, before, after)
                                                          for each, before, after in rates if before and after])


def _rate(members: Sequence[Side], leaves: Sequence[Leaf]) -> Cell | None:
    """Of one side, or the mean of several trainings, which competes if they all stand on the same episodes."""
    if len(members) == 1:
        return rate(members[0], leaves)
    found, played = mean_rate(members, leaves), {identity(side, leaves) for side in members}
    return replace(found, played=played.pop()) if found and len(played) == 1 else found


def _trained(members: Sequence[Side]) -> str:
    """How many trainings, as text; nothing of what was not trained, or whose card does not say."""
    return str(len(members)) if len(members) > 1 or members[0].made else ""


def _cost(members: Sequence[Side]) -> list[str]:
    """minutes and SPENT, the mean over the trainings whose cards all say it; text."""
    made = [side.made for side in members if side.made]
    counts: list[list[float | None]] = [[each.minutes for each in made]]
    counts += [[each.spent.get(name) for each in made] for name in SPENT]
    known = [[one for one in each if one is not None] for each in counts]
    return [f"{sum(each) / len(each):,.0f}" if len(each) == len(members) else "" for each in known]
