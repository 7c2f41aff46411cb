"""The figure of success over how many demonstrations were cloned, as FAN's figure 3 and RL4VLA's figure 6."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from vlabench.cards.conditions import CLEAN
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
    """A panel for clean and one for the mean of each group of conditions that all have, a line over demonstrations for
    each cloning; trainings that differ in the seed alone are one point. Raises OptionError for data without any.
    """
    families = _families(data.sides)
    sides = [side for sizes in families.values() for members in sizes.values() for side in members]
    shared = [name for name in data.conditions
              if all((name, each) in side.outcomes for side in sides for each in data.task_sets)]
    found = {group or CLEAN: [name for name in names if name in shared]
             for group, names in groups_of(data).items()}
    shown = {group: names for group, names in found.items() if names}
    if not (shown and data.task_sets):
        raise OptionError("the clonings have no condition and task set in common\n"
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
        axes.set(xscale="log", ylim=(0, 100), yticks=range(0, 101, 25))
        every = sorted({size for each in families.values() for size in each})
        axes.set_xticks(every, [f"{size:,}" for size in every])
        axes.minorticks_off()
    outer_labels(grid, "demonstrations", "success, %")
    legend(figure, grid[0])
    drawn = [f"{how}: {name}" for name, how in MILESTONES.items() if name in reached]
    footnote(figure, [f"Success rates over {', '.join(data.task_sets)}; bars: {data.intervals}.",
                      *([f"Beside success, {' and '.join(drawn)}, at whatever step."] if drawn else []), data.caption])
    return figure


def _families(sides: Sequence[Side]) -> dict[str, dict[int, list[Side]]]:
    """Name → demonstrations → trainings, of clonings that differ in how many they have, and in their seeds. Raises
    OptionError if there is none of two sizes."""
    each = sorted((side for side in sides if side.scale), key=lambda side: side.scale or ("", 0))
    found: dict[str, dict[int, list[Side]]] = {}
    for _, members in groupby(each, key=lambda side: (side.owner.assets, (side.scale or ("", 0))[0])):
        by_size: dict[int, list[Side]] = {}
        for side in members:
            by_size.setdefault((side.scale or ("", 0))[1], []).append(side)
        if len(by_size) > 1:
            whole = [side for of_size in by_size.values() for side in of_size]
            found[named(whole)] = by_size
    if not found:
        raise OptionError("no two of these policies were cloned alike from other numbers of demonstrations\n"
                          "  fix: vlabench train of cards that differ in `per_task` and `steps` of their rounds, and "
                          "vlabench run plays them")
    order = {side.owner: number for number, side in enumerate(sides)}
    first = {name: min(order[side.owner] for members in by_size.values() for side in members)
             for name, by_size in found.items()}
    return {name: found[name] for name in sorted(found, key=lambda name: first[name])}


def _line(axes: Axes, sizes: Mapping[int, Sequence[Side]], leaves: Sequence[Leaf], number: int, label: str,
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
