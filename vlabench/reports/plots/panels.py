"""What kinds of figures share: panels side by side, labels on the outermost, a curve with its band, the legend."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from vlabench.reports.plots.style import canvas, look
from vlabench.reports.tables.paired import Cell

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ACROSS = 5
"""Panels beside each other."""


def panels(
    count: int, width: float, height: float, across: int = ACROSS, sharex: bool = False
) -> tuple[Figure, list[Axes]]:
    """A figure with `count` panels in rows as even as can be, at most `across` in one; all share the y axis."""
    rows = math.ceil(count / across)
    columns = math.ceil(count / rows)
    figure = canvas(max(3.6, 0.9 + columns * width), 1.1 + rows * height)
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True, sharex=sharex).ravel().tolist()
    for axes in grid[count:]:
        axes.remove()
    return figure, grid[:count]


def outer_labels(axes_of_all: Sequence[Axes], x: str = "", y: str = "") -> None:
    """Labels on the outermost panels only; where the last row is not full, the panels above its gap get theirs, too."""
    for axes in axes_of_all:
        place = axes.get_subplotspec()
        if place is None:
            continue
        if place.is_first_col():
            axes.set_ylabel(y)
        if not any(_below(other, axes) for other in axes_of_all):
            axes.set_xlabel(x)
            axes.tick_params(labelbottom=True)


def _below(other: Axes, axes: Axes) -> bool:
    """Whether one panel is somewhere below another."""
    lower, upper = other.get_subplotspec(), axes.get_subplotspec()
    if lower is None or upper is None:
        return False
    return lower.colspan == upper.colspan and lower.rowspan.start > upper.rowspan.start


def legend(figure: Figure, axes: Axes) -> None:
    """Above all panels."""
    handles, labels = axes.get_legend_handles_labels()
    widest = max([8, *(len(label) + 7 for label in labels)])
    columns = max(1, min(len(labels), int(figure.get_figwidth() * 11 / widest)))
    figure.legend(handles, labels, loc="outside upper left", ncols=columns, handlelength=3)


def curve(axes: Axes, cells: Mapping[int, Cell] | Mapping[float, Cell], number: int, label: str) -> None:
    """Rates over numbers, with a band between the ends of their intervals; `number` of the policy chooses the look."""
    x, style = list(cells), look(number)
    axes.fill_between(x, [100 * cell.low for cell in cells.values()], [100 * cell.high for cell in cells.values()],
                      color=style.color, alpha=0.13, linewidth=0)
    axes.plot(x, [100 * cell.value for cell in cells.values()], color=style.color, marker=style.marker,
              linestyle=style.dashes, label=label)
