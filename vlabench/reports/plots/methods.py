"""The figure that sets methods side by side: clean and perturbed success in each simulator, on one line each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vlabench.cards.conditions import CLEAN
from vlabench.reports.plots.data import Data
from vlabench.reports.plots.panels import legend
from vlabench.reports.plots.style import SOFT, canvas, footnote, look
from vlabench.reports.tables.cutting import cut as together
from vlabench.reports.tables.methods import PERTURBED, Method, Section, sections, taking_part
from vlabench.util.text import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from vlabench.reports.tables.paired import Cell

ROW = 0.3
"""Inches of a method's line."""
CLEAN_AT, PERTURBED_AT = 0.12, -0.12
"""How far above and below the middle of its line, in lines, so that intervals do not cover each other."""


def methods(data: Data) -> Figure:
    """A panel for each section of `tables.methods`, a line for each method: clean, perturbed, what is lost between.

    data: loaded whole, as who is in no panel takes no episode from those who are.
    """
    parts, _ = sections(together(taking_part(data.sides)[0])[0], data.suite)
    drawn = {side.owner for part in parts for each in part.methods for side in each.members}
    absent = ", ".join(str(side.owner) for side in data.sides if side.owner not in drawn)
    packs = {part.assets for part in parts}
    rows = [len(part.methods) for part in parts]
    figure = canvas(7.2, 1.5 + sum(rows) * ROW + 0.45 * len(parts))
    grid = figure.subplots(len(parts), 1, squeeze=False, sharex=True, height_ratios=[rows + 0.4 for rows in rows])
    for axes, part in zip(grid[:, 0], parts, strict=True):
        title = part.title if len(packs) == 1 else f"{part.title} ({part.assets})"
        _panel(axes, part.methods, f"{title}: {_over(part)}")
    grid[-1, 0].set_xlabel("success, %")
    legend(figure, grid[0, 0])
    several = any(len(each.members) > 1 for part in parts for each in part.methods)
    footnote(figure, [f"In each panel the same episodes of all; {data.intervals}.",
                      *(["In brackets: how many trainings a line is the mean of."] if several else []),
                      *([f"In no panel, as without clean and the others' perturbed conditions: {absent}."] if absent
                        else []),
                      f"Measured on {' and '.join(sorted(packs))} assets."])
    return figure


def _over(part: Section) -> str:
    """What its perturbed rates are of, as short as a title has to be."""
    if part.groups:
        return part.what.removeprefix("the ")
    return part.conditions[0] if len(part.conditions) == 1 else f"mean of {counted(len(part.conditions), 'condition')}"


def _panel(axes: Axes, found: Sequence[Method], title: str) -> None:
    for place, each in enumerate(found):
        points = [(each.rates[CLEAN], place - CLEAN_AT), (each.rates[PERTURBED], place - PERTURBED_AT)]
        axes.plot([100 * cell.value for cell, _ in points], [y for _, y in points], color="#cccccc", linewidth=1.0,
                  zorder=1)
        for number, (cell, y) in enumerate(points):
            _point(axes, cell, y, number)
    for number, name in enumerate((CLEAN, PERTURBED)):
        axes.plot([], [], color=look(number).color, marker=look(number).marker, linestyle="none", label=name)
    axes.set(xlim=(-1, 101), ylim=(len(found) - 0.4, -0.6), yticks=range(len(found)))
    axes.set_yticklabels([each.name if len(each.members) == 1 else f"{each.name} ({len(each.members)})"
                          for each in found])
    axes.set_title(title, fontsize=9.0, color=SOFT)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)


def _point(axes: Axes, cell: Cell, y: float, number: int) -> None:
    """A rate with its interval."""
    style = look(number)
    axes.plot([100 * cell.low, 100 * cell.high], [y, y], color=style.color, linewidth=1.3, zorder=2)
    axes.plot([100 * cell.value], [y], color=style.color, marker=style.marker, zorder=3)
