"""The layout that sets methods side by side: clean and perturbed success in each simulator, and what training took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from vlabench.cards.conditions import CLEAN
from vlabench.cards.find import simulator_of
from vlabench.cards.schema import SPENT
from vlabench.cards.suite import SuiteCard, parts_of
from vlabench.errors import OptionError
from vlabench.reports.tables.cost import HEADS as COSTS
from vlabench.reports.tables.outcomes import Side
from vlabench.reports.tables.paired import Cell, Leaves, identity, mean_contrast, mean_rate, rate
from vlabench.reports.tables.sheet import (
    AVERAGING,
    MEASURED,
    NESTED,
    TRAININGS,
    Head,
    Line,
    Sheet,
    acted,
    question,
    trained,
)
from vlabench.reports.tables.suite import corrected
from vlabench.reports.tables.trainings import named, same_seed, trainings

PERTURBED = "perturbed"
DIFFERENCES = ("Differences pair the same episodes; * marks p < 0.05, after Holm's correction for the columns "
               "(perturbed, where it is a mean, by itself), not for the number of methods.")  # fmt: skip
ONE = ("A difference between one training and one other is about these two: its interval covers the luck of episodes, "
       "not that of trainings.")  # fmt: skip
HOW = ("Cost: the mean of the trainings, each without that of the policy which it began from. rollouts, control steps: "
       "of sft its demonstrations and their frames. views: other pictures of looks that the simulator drew. passes: "
       "looks, and views of them, that updates put through the network. Empty: none, or the card does not say.")


@dataclass(frozen=True)
class Method:
    """A policy, or all trainings of one recipe. rates: column → the rate, on the episodes that all methods have."""

    name: str
    members: Sequence[Side]
    rates: Mapping[str, Cell]


@dataclass(frozen=True)
class Section:
    """Task sets of one simulator, the perturbed conditions that all of its methods have there, and the methods.

    groups: the suite's parts, of a suite that is made of others → those of the conditions; a perturbed success is then
    the mean of theirs.
    """

    title: str
    assets: str
    task_sets: Sequence[str]
    conditions: Sequence[str]
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    methods: Sequence[Method] = ()

    @property
    def columns(self) -> dict[str, Leaves]:
        """What a rate is over: clean, each group, and all that is perturbed."""
        over = {name: [(each, task_set) for each in names for task_set in self.task_sets]
                for name, names in {CLEAN: [CLEAN], **self.groups, PERTURBED: self.conditions}.items()}
        if not self.groups:
            return {**over}
        shares: dict[tuple[str, str], float] = {}
        for name in self.groups:
            for leaf in over[name]:
                shares[leaf] = shares.get(leaf, 0.0) + 1 / len(over[name]) / len(self.groups)
        return {**over, PERTURBED: shares}

    @property
    def what(self) -> str:
        """What a perturbed success is over."""
        names = [*(self.groups or self.conditions)]
        return names[0] if len(names) == 1 else f"the mean of {', '.join(names)}"

    @property
    def said(self) -> str:
        """What its rates are over."""
        each = [f"{name} is {'the mean of ' * (len(names) > 1)}{', '.join(names)}"
                for name, names in self.groups.items() if names != [name]]
        return (f"{self.title}, {self.assets}: clean, and as perturbed {self.what}, over {', '.join(self.task_sets)}"
                + "".join(f"; {one}" for one in each) + ".")


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


def sections(cut: Sequence[Side], suite: SuiteCard | None = None) -> tuple[list[Section], list[str]]:
    """One for each pack and for the task sets that have the same policies and conditions; what has none, in sentences.

    cut: those `taking_part`, cut to the episodes that all of them have, so that a section's methods compete. suite:
    whose conditions they are. Raises OptionError if there is no section.
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
    parts = {key: parts_of(suite, key[3], (CLEAN, PERTURBED)) if suite else {} for key in found}
    several = any(len(each) > 1 for each in parts.values())
    return [_filled(Section(key[1] if key[1] and homes.count(key[:2]) == 1 else ", ".join(task_sets), key[0], task_sets,
                            key[3], parts[key] if several else {}), [cut[number] for number in key[2]])
            for key, task_sets in sorted(found.items(), key=lambda each: each[0][:2])], notes


def methods_sheet(cut: Sequence[Side], notes: Sequence[str], suite: SuiteCard | None = None,
                  versus: str | None = None) -> Sheet:
    """A line for each method in each section; with `versus`, a policy of a section, also what separates each from all
    trainings of that one's recipe. Raises OptionError as `sections` does, and for a `versus` that is in none.
    """
    parts, absent = sections(cut, suite)
    lacking = [part for part in parts if versus and not _of(part, versus)]
    if lacking == parts:
        there = dict.fromkeys(side.owner.policy for part in parts for each in part.methods for side in each.members)
        raise OptionError(f"--versus {versus}: it has no line here, without a task set that it and others have played "
                          f"both clean and perturbed; these have: {', '.join(there)}\n"
                          f"  fix: --versus {next(iter(there))}")
    absent += [f"{part.title}, {part.assets}: no differences, as {versus} has no line there." for part in lacking]
    named_columns = list(dict.fromkeys(name for part in parts for name in part.columns if name != PERTURBED))
    columns = [*named_columns, PERTURBED]
    heads = [Head("trainings"), *map(Head, columns), *COSTS[1:]]
    lines = [line for part in parts for each in part.methods for line in _lines(part, each, columns, versus)]
    told = [number for number, cells in enumerate(zip(*(line.cells for line in lines), strict=True)) if any(cells)]
    lines = [replace(line, cells=[line.cells[number] for number in told]) for line in lines]
    said = [*(part.said for part in parts), question(cut[0].tasks_as, lines),
            NESTED if any(part.groups for part in parts) else AVERAGING, *_about(parts, versus), *same_seed(cut),
            *trained(cut, lines), *acted(lines), HOW]
    return Sheet("Success rate (%) and cost of training", [heads[number] for number in told], lines,
                 [*notes, *absent, *said], grouping="on", naming="method", counted=True)


def _about(parts: Sequence[Section], versus: str | None) -> list[str]:
    """What lines of several trainings are, and differences."""
    methods = [each for part in parts for each in part.methods]
    several = [TRAININGS] if any(len(each.members) > 1 for each in methods) else []
    pairs = [(rival, each) for part in parts if versus and (rival := _of(part, versus)) for each in part.methods]
    single = any(rival is not each and len(rival.members) == len(each.members) == 1 for rival, each in pairs)
    return [*several, *([DIFFERENCES] if versus else []), *([ONE] if single else [])]


def _lines(part: Section, method: Method, columns: Sequence[str], versus: str | None) -> list[Line]:
    """A method's rates and cost, and what separates it from the one with the policy `versus`, in its section."""
    rates = [method.rates.get(name, "") for name in columns]
    lines = [Line(method.name, MEASURED, part.assets, [_trained(method.members), *rates, *_cost(method.members)],
                  part.title)]
    rival = _of(part, versus) if versus else None
    if rival and rival is not method:
        found = {name: cell for name, leaves in part.columns.items()
                 if (cell := mean_contrast(rival.members, method.members, leaves))}
        means = {PERTURBED} if len(part.conditions) > 1 else set()
        found |= corrected({name: cell for name, cell in found.items() if name not in means})
        lines.append(Line(f"{method.name} − {rival.name}", MEASURED, part.assets, [
            "", *(found.get(name, "") for name in columns), *[""] * len(COSTS[1:])], part.title, ranked=False))
    return lines


def _of(part: Section, policy: str) -> Method | None:
    """The method of a section that a policy is of, or that is called so."""
    return next((each for each in part.methods
                 if policy in (each.name, *(side.owner.policy for side in each.members))), None)


def _perturbed(side: Side, task_set: str) -> list[str]:
    return [name for name, each in side.outcomes if each == task_set and name != CLEAN]


def _filled(section: Section, members: Sequence[Side]) -> Section:
    """The section with its methods."""
    several = trainings(members)
    group_of = {side.owner: group for group in several for side in group}
    alone = [[side] for side in members if side.owner not in group_of]
    ordered = sorted([*several, *alone], key=lambda each: members.index(each[0]))
    made = [Method(named(each), each, {name: cell for name, leaves in section.columns.items()
                                       if (cell := _rate(each, leaves))}) for each in ordered]
    return replace(section, methods=[each for each in made if len(each.rates) == len(section.columns)])


def _rate(members: Sequence[Side], leaves: Leaves) -> Cell | None:
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
