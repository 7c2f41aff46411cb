"""The figure of success over how many demonstrations were cloned, as FAN's figure 3 and RL4VLA's figure 6, or over any
number among a training's options, as PAIR's figure 4 over the weight of a term.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vlabench.cards.conditions import CLEAN
from vlabench.cards.schema import SPENT
from vlabench.errors import OptionError
from vlabench.reports.plots.bars import groups_of
from vlabench.reports.plots.data import Data
from vlabench.reports.plots.panels import legend, outer_labels, panels
from vlabench.reports.plots.style import LOOKS, footnote, look
from vlabench.reports.tables.outcomes import Leaf, Side
from vlabench.reports.tables.paired import Cell, mean_rate, rate
from vlabench.reports.tables.trainings import named
from vlabench.util.text import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MILESTONES: Mapping[str, str] = {"grasped_5": "dashed", "grasped": "dotted"}
"""Drawn beside success where records have them (RL4VLA: continuous grasps and grasps), and how."""


def scale(data: Data) -> Figure:
    """A panel for clean and one for the mean of each group of conditions that all have, a line for trainings that
    differ in nothing but their demonstrations, or in the option `data.over`; those that differ in the seed alone are
    one point. Raises OptionError for data without any.
    """
    families = _families(data.sides, data.over)
    sides = [side for sizes in families.values() for members in sizes.values() for side in members]
    shared = [name for name in data.conditions
              if all((name, each) in side.outcomes for side in sides for each in data.task_sets)]
    found = {group or CLEAN: [name for name in names if name in shared]
             for group, names in groups_of(data).items()}
    shown = {group: names for group, names in found.items() if names}
    if not (shown and data.task_sets):
        raise OptionError("the trainings have no condition and task set in common\n"
                          "  fix: --policies, --suite or --assets to draw those that do; or play what is missing")
    figure, grid = panels(len(shown), 2.6, 2.5, across=4, sharex=True)
    reached = {name: {side.owner: side for side in each} for name, each in data.reached.items() if name in MILESTONES}
    for axes, (group, names) in zip(grid, shown.items(), strict=True):
        leaves = [(name, each) for name in names for each in data.task_sets]
        for number, (family, sizes) in enumerate(families.items()):
            _line(axes, sizes, leaves, number, family)
            for milestone, by_owner in reached.items():
                _line(axes, {size: [by_owner[side.owner] for side in members if side.owner in by_owner]
                             for size, members in sizes.items()}, leaves, number, "", MILESTONES[milestone])
        title = group if len(names) == 1 else f"{group}: mean of {counted(len(names), 'condition')}"
        axes.set_title(title, fontsize=9.0)
        every = sorted({size for each in families.values() for size in each})
        axes.set(xscale="log" if every[0] > 0 else "linear", ylim=(0, 100), yticks=range(0, 101, 25))
        axes.set_xticks(every, [f"{size:,.10g}" for size in every])
        axes.minorticks_off()
    outer_labels(grid, data.over or "demonstrations", "success, %")
    legend(figure, grid[0])
    drawn = [f"{how}: {name}" for name, how in MILESTONES.items() if name in reached]
    footnote(figure, [f"Success rates over {', '.join(data.task_sets)}; bars: {data.intervals}.",
                      *([f"Beside success, {' and '.join(drawn)}, at whatever step."] if drawn else []), data.caption])
    return figure


def _families(sides: Sequence[Side], over: str | None) -> dict[str, dict[float, list[Side]]]:
    """Name → number → trainings, of those that differ in it, and in their seeds, alone. Raises OptionError if there are
    none with two numbers."""
    found: dict[tuple[str, str], dict[float, list[Side]]] = {}
    for side in sides:
        if (place := _demonstrations(side) if over is None else _option(side, over)) is not None:
            rest, number = place
            found.setdefault((side.owner.assets, rest), {}).setdefault(number, []).append(side)
    families = {named([side for members in each.values() for side in members]): dict(sorted(each.items()))
                for each in found.values() if len(each) > 1}
    if not families:
        what = "number of demonstrations" if over is None else f"`{over}`"
        raise OptionError(f"no two of these policies were trained alike but for their {what}\n"
                          "  fix: vlabench train of cards that differ in it alone, and vlabench run plays them")
    return families


def _demonstrations(side: Side) -> tuple[str, float] | None:
    """What a cloning is but for how many demonstrations and steps it has, and the demonstrations."""
    count = side.made.spent.get(SPENT[0]) if side.made else None
    if side.told is None or count is None or "rounds" not in side.told["training"]["options"]:
        return None
    told = copy.deepcopy(side.told)
    for each in told["training"]["options"]["rounds"]:
        each.pop("per_task", None)
        each.pop("steps", None)
    return json.dumps(told, sort_keys=True), count


def _option(side: Side, over: str) -> tuple[str, float] | None:
    """What a training is but for an option, `objectives.fan_ppo.weight`, and the option, if it is a number."""
    if side.told is None:
        return None
    told = copy.deepcopy(side.told)
    *above, name = over.split(".")
    inside: Any = told["training"]["options"]
    for each in above:
        inside = inside.get(each) if isinstance(inside, dict) else None
    value = inside.pop(name, None) if isinstance(inside, dict) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return json.dumps(told, sort_keys=True), value


def _line(axes: Axes, sizes: Mapping[float, Sequence[Side]], leaves: Sequence[Leaf], number: int, label: str,
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
