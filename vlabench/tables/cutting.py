"""Cuts policies to the episodes that all of a pack have an outcome for, and says which policy leaves none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from vlabench.errors import OptionError
from vlabench.gather import Owner

if TYPE_CHECKING:
    from vlabench.tables.sides import Episode, Leaf, Side

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
    notes = counted("Policies of one pack are compared on the same episodes. Left out, because another one has no "
                    "outcome for them: {} (--policies chooses who takes part).", lost)
    none = [f"{leaf[0]} on {leaf[1]}" for each in common.values() for leaf, keys in each.items() if not keys]
    if none:
        more = f" and {len(none) - NAMED} more" if len(none) > NAMED else ""
        notes.append(f"No episode in common, and so no figure: {', '.join(none[:NAMED])}{more}.")
    return kept, notes


def counted(sentence: str, counts: Mapping[Owner, int]) -> list[str]:
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
    who = " and ".join(f"{side.owner.policy} ({sum(map(len, side.outcomes.values()))} episodes)" for side in gone)
    raise OptionError(f"no episode of {nothing} on {emptied[0].owner.assets} assets is left that all policies there "
                      f"have an outcome for; without {who} there are {_count(_common(rest))} in common\n"
                      f"  mend: --policies {','.join(names)}")


def _count(common: Mapping[Leaf, set[Episode]]) -> int:
    return sum(map(len, common.values()))
