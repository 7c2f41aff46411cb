"""Policies that one recipe made with several seeds: which they are, and the line that sums them up."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence

from vlabench.reports.tables.outcomes import Side
from vlabench.reports.tables.paired import Cell
from vlabench.reports.tables.sheet import MEASURED, Line

KEPT = re.compile(r"(.+)(?<!-seed)-(\d+)")
"""`robustvla-8`: the policy that a training kept after its eighth iteration; `robustvla-seed-1` is another training."""
Fill = Callable[[Sequence[Side]], list[Cell | str | None]]
"""The cells of a line about some sides."""
Contrast = Callable[[Sequence[Side], Sequence[Side]], list[Cell | str | None]]
"""The cells of a line about the second sides minus the first."""


def trainings(cut: Sequence[Side]) -> list[list[Side]]:
    """The sides on one pack that differ in nothing but the seed of their training, two or more.

    Where several have one seed, no one can say which of them stands for it, and none is among these: they may be what
    one training kept of its course.
    """
    alone = [[members[0] for members in by_seed.values() if len(members) == 1] for by_seed in _recipes(cut)]
    return [members for members in alone if len(members) > 1]


def same_seed(cut: Sequence[Side]) -> list[str]:
    """Who is in no line about several trainings of its recipe, as others of its seed are there."""
    return [f"Not summed up with other trainings of the recipe: {', '.join(side.owner.policy for side in members)}, of "
            f"which each has seed {seed}; --policies chooses one of them."
            for by_seed in _recipes(cut) if len(by_seed) > 1 for seed, members in by_seed.items() if len(members) > 1]


def kept(cut: Sequence[Side]) -> dict[tuple[str, str], dict[int, Side]]:
    """(name, pack) → iteration → the policy that a training kept after it, of trainings with two or more."""
    found: dict[tuple[str, str], dict[int, Side]] = {}
    for side in cut:
        # a card that says how it was trained is of a training's end
        if side.recipe is None and (match := KEPT.fullmatch(side.owner.policy)):
            found.setdefault((match[1], side.owner.assets), {})[int(match[2])] = side
    return {name: dict(sorted(each.items())) for name, each in found.items() if len(each) > 1}


def _recipes(cut: Sequence[Side]) -> list[dict[int, list[Side]]]:
    """For each pack and recipe: seed → sides, in the order of the sides."""
    found: dict[tuple[str, str], dict[int, list[Side]]] = {}
    for side in cut:
        if side.recipe:
            name, seed = side.recipe
            found.setdefault((side.owner.assets, name), {}).setdefault(seed, []).append(side)
    return list(found.values())


def with_trainings(lines: Sequence[tuple[Side, Line]], cut: Sequence[Side], fill: Fill, versus: str | None = None,
                   contrast: Contrast | None = None) -> tuple[list[Line], bool]:
    """The sides' lines, and below those of several trainings one about all of them; whether there is any.

    versus, contrast: with the differences to a policy, or to all trainings of its recipe, where one of the two recipes
    has several: a line more.
    """
    groups = trainings(cut)
    last = {members[-1].owner: members for members in groups}
    others = {side.owner for members in groups for side in members}
    found, any_of_them = list[Line](), False
    for number, (side, line) in enumerate(lines):
        found.append(line)
        ends = number + 1 == len(lines) or lines[number + 1][0] is not side
        members = last.get(side.owner) if ends else None
        if members:
            cells = fill(members)
            if any(isinstance(cell, Cell) for cell in cells):
                found.append(Line(_titled(members), MEASURED, side.owner.assets, cells, ranked=False))
                any_of_them = True
        compared = members or ([side] if ends and side.owner not in others else None)
        rivals = _rivals(cut, groups, versus, side.owner.assets) if compared and contrast else []
        if compared and contrast and rivals and compared != rivals and len(compared) + len(rivals) > 2:
            cells = contrast(rivals, compared)
            if any(isinstance(cell, Cell) for cell in cells):
                name = f"{_titled(compared)} − {_titled(rivals)}"
                found.append(Line(name, MEASURED, side.owner.assets, cells, ranked=False))
                any_of_them = True
    return found, any_of_them


def _rivals(cut: Sequence[Side], groups: Sequence[Sequence[Side]], versus: str | None, assets: str) -> Sequence[Side]:
    """All trainings of the recipe that a policy is of, or that policy alone."""
    owner = (versus, assets)
    several = next((members for members in groups if any(side.owner == owner for side in members)), None)
    return several or [side for side in cut if side.owner == owner]


def _titled(members: Sequence[Side]) -> str:
    """`hero, 3 trainings`, or a policy's name."""
    return named(members) if len(members) == 1 else f"{named(members)}, {len(members)} trainings"


def named(members: Sequence[Side]) -> str:
    """A policy's name; of several what their names begin with, without a seed."""
    if len(members) == 1:
        return members[0].owner.policy
    names = [side.owner.policy for side in members]
    return re.sub(r"([-_.]?(seed|s))?[-_.]?$", "", os.path.commonprefix(names)) or names[0]
