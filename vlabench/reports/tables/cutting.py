"""Cuts policies to the episodes that all of a pack, or each and a given one, have an outcome for, and says who leaves
none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from vlabench.errors import OptionError
from vlabench.records.read import PolicyOnAssets
from vlabench.util.text import counted

if TYPE_CHECKING:
    from vlabench.reports.tables.outcomes import Episode, Leaf, Side

NAMED = 3
"""Conditions that a note names."""


def cut(made: Sequence[Side]) -> tuple[list[Side], list[str]]:
    """The sides with the episodes that all policies of their pack have an outcome for, and what that cost.

    Task by task, index by index: policies are compared under a condition on the same episodes or not at all. A policy
    that has not played a condition on a task set at all takes no part there. Raises OptionError where nothing is left
    of a policy.
    """
    packs = list(dict.fromkeys(side.owner.assets for side in made))
    common = {assets: _common([side for side in made if side.owner.assets == assets]) for assets in packs}
    for assets in packs:
        _check([side for side in made if side.owner.assets == assets], common[assets])
    kept = [_kept(side, common[side.owner.assets]) for side in made]
    lost = {side.owner: sum(map(len, side.outcomes.values())) - sum(map(len, rest.outcomes.values()))
            for side, rest in zip(made, kept, strict=True)}
    notes = remarked("Policies of one pack are compared on the same episodes. Left out, because another one has no "
                    "outcome for them: {} (--policies chooses who takes part).", lost)
    none = [f"{leaf[0]} on {leaf[1]} ({_blamed(leaf, [side for side in made if side.owner.assets == assets])})"
            for assets in packs for leaf, keys in common[assets].items() if not keys]
    if none:
        notes.append(f"No episode in common, and so no figure; in brackets who has to be left out for one: "
                     f"{_first(none)}.")
    return kept, notes


def against(made: Sequence[Side], versus: str, remarks: Sequence[str] = ()) -> tuple[list[Side], list[str]]:
    """The sides with the episodes that each shares with the policy `versus` on its pack, and what that cost.

    That policy keeps its own. remarks: what was left out of the records, one sentence each, beginning with the owner.
    Raises OptionError where it has no outcome, and where another one shares none with it.
    """
    rivals = {side.owner.assets: side for side in made if side.owner.policy == versus and side.outcomes}
    if not rivals:
        raise OptionError("\n  ".join([
            f"--versus {versus}: {versus} has no outcome here, and nothing to compare with",
            *(note for note in remarks if note.startswith(f"{versus} on ")),
            *(f"{side.owner}: {counted(sum(side.errors.values()), 'episode')} ended in errors" for side in made
              if side.owner.policy == versus and side.errors),
            f"fix: vlabench run --policy {versus} --suite S plays them; or name another policy with --versus"]))
    kept = [_shared(side, rivals.get(side.owner.assets)) for side in made]
    _check_shared(made, kept, versus, [*rivals])
    lost = {side.owner: sum(map(len, side.outcomes.values())) - sum(map(len, rest.outcomes.values()))
            for side, rest in zip(made, kept, strict=True)}
    notes = remarked(f"Each policy is compared with {versus} on the episodes that the two share. Left out, because "
                    f"{versus} has no outcome for them: {{}}.", lost)
    none = [f"{side.owner.policy} under {_first(gone)}" for side, rest in zip(made, kept, strict=True)
            if (gone := _gone(side, rest))]
    return kept, notes + [f"No episode shared with {versus}, and so no figure: {each}." for each in none]


def remarked(sentence: str, counts: Mapping[PolicyOnAssets, int]) -> list[str]:
    """The sentence with the owners of which the number is not 0, if there are any."""
    listed = ", ".join(f"{count} of {owner}" for owner, count in counts.items() if count)
    return [sentence.format(listed)] if listed else []


def _common(sides: Sequence[Side]) -> dict[Leaf, set[Episode]]:
    """The episodes that all have that take part in a condition on a task set."""
    found: dict[Leaf, set[Episode]] = {}
    for side in sides:
        for leaf, outcomes in side.outcomes.items():
            found[leaf] = found[leaf] & outcomes.keys() if leaf in found else set(outcomes)
    return found


def _kept(side: Side, common: Mapping[Leaf, set[Episode]]) -> Side:
    kept = {leaf: {key: good for key, good in outcomes.items() if key in common[leaf]}
            for leaf, outcomes in side.outcomes.items()}
    kept = {leaf: outcomes for leaf, outcomes in kept.items() if outcomes}
    return replace(side, outcomes=kept, played={leaf: hash(frozenset(each)) for leaf, each in kept.items()})


def _shared(side: Side, rival: Side | None) -> Side:
    """The side with the episodes that the rival has an outcome for, standing on those that both played."""
    if rival is None:
        return replace(side, outcomes={}, played={})
    if rival is side:
        return side
    kept = {leaf: {key: good for key, good in outcomes.items() if key in rival.outcomes.get(leaf, ())}
            for leaf, outcomes in side.outcomes.items()}
    kept = {leaf: outcomes for leaf, outcomes in kept.items() if outcomes}
    return replace(side, outcomes=kept, played={leaf: hash(_tried(side, leaf) & _tried(rival, leaf)) for leaf in kept})


def _tried(side: Side, leaf: Leaf) -> frozenset[Episode]:
    """Its episodes, with those that ended in errors."""
    return frozenset([*side.outcomes.get(leaf, ()), *side.failed.get(leaf, ())])


def _check_shared(made: Sequence[Side], kept: Sequence[Side], versus: str, packs: Sequence[str]) -> None:
    """Raises OptionError where a policy with outcomes has none left. packs: those that `versus` has outcomes on."""
    strangers = [side.owner for side, rest in zip(made, kept, strict=True) if side.outcomes and not rest.outcomes]
    if not strangers:
        return
    rest = list(dict.fromkeys(side.owner.policy for side in kept if side.outcomes))
    elsewhere = all(owner.assets not in packs for owner in strangers)
    fix = f"--assets {packs[0]}" if elsewhere else f"--policies {','.join(rest)}"
    if len(rest) == 1:
        fix = "name another policy with --versus"
    elif not elsewhere and any(owner.policy in rest or owner.assets not in packs for owner in strangers):
        fix += f" --assets {packs[0]}"
    raise OptionError(f"--versus {versus}: no episode that {versus} has an outcome for is on record of "
                      f"{', '.join(map(str, strangers))}\n  fix: {fix}")


def _gone(side: Side, rest: Side) -> list[str]:
    """The conditions of which nothing is left, with the task set where something is left on another."""
    lost = [leaf for leaf, outcomes in side.outcomes.items() if outcomes and leaf not in rest.outcomes]
    return list(dict.fromkeys(f"{name} on {task_set}" if name in rest.conditions else name for name, task_set in lost))


def _blamed(leaf: Leaf, sides: Sequence[Side]) -> str:
    """Whom to leave out for an episode in common: any one of some, or several."""
    rest = [side for side in sides if leaf in side.outcomes]
    alone = [side.owner.policy for side in rest if _common([one for one in rest if one is not side])[leaf]]
    if alone:
        return " or ".join(alone)
    gone: list[Side] = []
    while not _common(rest)[leaf]:
        without = {side.owner: [one for one in rest if one is not side] for side in rest}
        gone.append(min(rest, key=lambda side: (-len(_common(without[side.owner])[leaf]), len(side.outcomes[leaf]))))
        rest = without[gone[-1].owner]
    return " and ".join(side.owner.policy for side in gone)


def _first(names: Sequence[str]) -> str:
    """The first few of them."""
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def _emptied(sides: Sequence[Side], common: Mapping[Leaf, set[Episode]]) -> list[Side]:
    """Those with outcomes of which none is common."""
    return [side for side in sides if side.outcomes and not any(common[leaf] for leaf in side.outcomes)]


def _check(sides: Sequence[Side], common: Mapping[Leaf, set[Episode]]) -> None:
    """Raises OptionError where nothing is left of a policy, with those whose removal brings most episodes back."""
    emptied = _emptied(sides, common)
    if not emptied:
        return
    rest = list(sides)
    gone: list[Side] = []
    while _emptied(rest, _common(rest)):
        without = {side.owner: [other for other in rest if other is not side] for side in rest}
        gone.append(min(rest, key=lambda side: (len(_emptied(without[side.owner], _common(without[side.owner]))),
                                                -_count(_common(without[side.owner])))))
        rest = without[gone[-1].owner]
    names = [side.owner.policy for side in rest]
    nothing = ", ".join(side.owner.policy for side in emptied)
    who = " and ".join(f"{side.owner.policy} ({counted(sum(map(len, side.outcomes.values())), 'episode')})"
                       for side in gone)
    raise OptionError(f"no episode of {nothing} on {emptied[0].owner.assets} assets is left that all policies there "
                      f"have an outcome for; without {who}: {counted(_count(_common(rest)), 'episode')} in common\n"
                      f"  fix: --policies {','.join(names)}")


def _count(common: Mapping[Leaf, set[Episode]]) -> int:
    return sum(map(len, common.values()))
