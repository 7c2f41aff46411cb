"""The figure of success over how many demonstrations were cloned, as FAN's figure 3 and RL4VLA's figure 6, or over any
number among a training's options, as PAIR's figure 4 over the weight of a term.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vlabench.cards.conditions import CLEAN
from vlabench.cards.schema import SPENT
from vlabench.errors import OptionError
from vlabench.reports.plots.bars import groups_of
from vlabench.reports.plots.data import Data
from vlabench.reports.plots.panels import legend, outer_labels, panels
from vlabench.reports.plots.style import LOOKS, footnote, look
from vlabench.reports.tables.cutting import cut as together
from vlabench.reports.tables.outcomes import Leaf, Side
from vlabench.reports.tables.paired import Cell, mean_rate, rate
from vlabench.reports.tables.trainings import named
from vlabench.util.text import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from vlabench.records.read import PolicyOnAssets

MILESTONES: Mapping[str, str] = {"grasped_5": "dashed", "grasped": "dotted"}
"""Drawn beside success where records have them (RL4VLA: continuous grasps and grasps), and how."""
Sizes = Mapping[float, Sequence[Side]]
"""The number that trainings differ in → those that have it, seed by seed."""
By = Mapping["PolicyOnAssets", Side]


@dataclass(frozen=True)
class Place:
    """Of a training in such a figure. rest: what it is but for the number and its seed. point: what trainings that are
    one point share. number: where the point is, about."""

    rest: str
    point: str
    number: float


def scale(data: Data) -> Figure:
    """A panel for clean and one for the mean of each group of conditions that all have, a line for trainings that
    differ in nothing but their demonstrations, or in the option `data.over`; those that differ in the seed alone are
    one point.

    data: loaded whole, as who is in no line takes no episode from those who are. Raises OptionError for data without
    any.
    """
    drawn = [side for sizes in _families(data.sides, data.over).values() for each in sizes.values() for side in each]
    met = replace(data, sides=together(drawn)[0])
    families, task_sets = _families(met.sides, data.over), met.task_sets
    shared = [name for name in met.conditions
              if all((name, each) in side.outcomes for side in met.sides for each in task_sets)]
    found = {group or CLEAN: [name for name in names if name in shared] for group, names in groups_of(met).items()}
    shown = {group: names for group, names in found.items() if names}
    if not (shown and task_sets):
        raise OptionError("the trainings have no condition and task set in common\n"
                          "  fix: --policies, --suite or --assets to draw those that do; or play what is missing")
    figure, grid = panels(len(shown), 2.6, 2.5, across=4, sharex=True)
    reached = {name: each for name in MILESTONES if (each := _reached(met, name))}
    every = sorted({size for sizes in families.values() for size in sizes})
    for axes, (group, names) in zip(grid, shown.items(), strict=True):
        leaves = [(name, each) for name in names for each in task_sets]
        for number, (family, sizes) in enumerate(families.items()):
            _line(axes, sizes, leaves, number, family)
            for milestone, by_owner in reached.items():
                grasps = {size: [by_owner[side.owner] for side in each] for size, each in sizes.items()}
                _line(axes, grasps, leaves, number, "", MILESTONES[milestone])
        title = group if len(names) == 1 else f"{group}: mean of {counted(len(names), 'condition')}"
        axes.set_title(title, fontsize=9.0)
        axes.set(xscale="log" if every[0] > 0 else "linear", ylim=(0, 100), yticks=range(0, 101, 25))
        axes.set_xticks(every, [f"{size:,.6g}" for size in every])
        axes.minorticks_off()
    outer_labels(grid, data.over or "demonstrations", "success, %")
    legend(figure, grid[0])
    told = [f"{MILESTONES[name]}: {name}" for name in reached]
    absent = ", ".join(str(side.owner) for side in data.sides if side.owner not in {one.owner for one in met.sides})
    footnote(figure, [f"Success rates over {', '.join(task_sets)}; bars: {data.intervals}.",
                      *([f"Beside success, {' and '.join(told)}, at whatever step."] if told else []),
                      *([f"In no line: {absent}."] if absent else []), met.caption])
    return figure


def _families(sides: Sequence[Side], over: str | None) -> dict[str, Sizes]:
    """Label → the sizes of trainings that differ in them, and in their seeds, alone. Raises OptionError if there are
    none with two, or where it cannot be said which of several stand for a point."""
    found: dict[tuple[str, str], dict[str, list[tuple[float, Side]]]] = {}
    for side in sides:
        if place := _demonstrations(side) if over is None else _option(side, over):
            points = found.setdefault((side.owner.assets, place.rest), {})
            points.setdefault(place.point, []).append((place.number, side))
    several = {key: points for key, points in found.items() if len(points) > 1}
    what = "number of demonstrations" if over is None else f"`{over}`"
    if not several:
        raise OptionError(f"no two of these policies were trained alike but for their {what}\n"
                          "  fix: vlabench train of cards that differ in it alone, and vlabench run plays them")
    packs, families = {assets for assets, _ in several}, dict[str, Sizes]()
    for (assets, _), points in several.items():
        members = [side for each in points.values() for _, side in each]
        sizes = {float(np.mean([number for number, _ in each])): [side for _, side in each] for each in points.values()}
        seeds = [len({side.recipe[1] for side in each if side.recipe}) for each in sizes.values()]
        if len(sizes) < len(points) or seeds != [len(each) for each in sizes.values()]:
            raise OptionError(f"{', '.join(side.owner.policy for side in members)}: of one {what} there are several "
                              "with one seed, or with other steps\n  fix: --policies chooses")
        label = named(members) + (f" ({assets})" if len(packs) > 1 else "")
        label = label if label not in families else f"{label}, {members[0].owner.policy}"
        families[label] = dict(sorted(sizes.items()))
    return families


def _demonstrations(side: Side) -> Place | None:
    """Of a cloning by how many demonstrations it has, whatever its steps."""
    count = side.made.spent.get(SPENT[0]) if side.made else None
    if side.told is None or count is None or "rounds" not in side.told["training"]["options"]:
        return None
    told = copy.deepcopy(dict(side.told))
    asked = [[each.pop("per_task", None), each.pop("steps", None)] for each in told["training"]["options"]["rounds"]]
    return Place(json.dumps(told, sort_keys=True), json.dumps(asked), count)


def _option(side: Side, over: str) -> Place | None:
    """By an option, such as `objectives.fan_ppo.weight`, if the training's card says it, and it is a number."""
    if side.told is None:
        return None
    told = copy.deepcopy(dict(side.told))
    *above, name = over.split(".")
    inside: Any = told["training"]["options"]
    for each in above:
        inside = inside.get(each) if isinstance(inside, dict) else None
    value = inside.pop(name, None) if isinstance(inside, dict) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return Place(json.dumps(told, sort_keys=True), str(value), value)


def _reached(data: Data, milestone: str) -> By | None:
    """The sides by a milestone on the very episodes of their success; None unless all are known there."""
    by_owner = {side.owner: side for side in data.reached.get(milestone, ())}
    found = {}
    for side in data.sides:
        other = by_owner.get(side.owner)
        if other is None or any(not each.keys() <= other.outcomes.get(leaf, {}).keys()
                                for leaf, each in side.outcomes.items()):
            return None
        found[side.owner] = replace(other, outcomes={leaf: {key: other.outcomes[leaf][key] for key in each}
                                                     for leaf, each in side.outcomes.items()})
    return found


def _line(axes: Axes, sizes: Sizes, leaves: Sequence[Leaf], number: int, label: str,
          dashes: Any = None) -> None:
    """Success with its intervals, or a milestone without."""
    cells = {size: cell for size, members in sizes.items() if members and (cell := _rate(members, leaves))}
    colour = look(number).color
    axes.plot(list(cells), [100 * cell.value for cell in cells.values()], color=colour, linestyle=dashes or "solid",
              marker="" if dashes else LOOKS[number % len(LOOKS)].marker, linewidth=1.0 if dashes else 1.6,
              label=label or "_")
    for size, cell in cells.items() if not dashes else ():
        axes.plot([size, size], [100 * cell.low, 100 * cell.high], color=colour, linewidth=1.0)


def _rate(members: Sequence[Side], leaves: Sequence[Leaf]) -> Cell | None:
    return rate(members[0], leaves) if len(members) == 1 else mean_rate(members, leaves)
