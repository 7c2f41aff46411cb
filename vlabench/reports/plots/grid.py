"""The figure of success over where something stands: a heat map of its offsets with contours, as FAN's figure 4."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vlabench.cards.conditions import CLEAN, digest_of
from vlabench.cards.suite import SuiteCard
from vlabench.errors import OptionError
from vlabench.reports.plots.data import Data
from vlabench.reports.plots.panels import outer_labels, panels
from vlabench.reports.plots.style import INK, SOFT, footnote
from vlabench.reports.tables.outcomes import Side
from vlabench.reports.tables.paired import rate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEVELS = (20, 40, 60, 80)
"""Of the contours (%)."""
Offset = tuple[float, float]


@dataclass(frozen=True)
class Grid:
    """Conditions that differ in one parameter of two numbers, `clean` where both are 0. offsets: either axis' values,
    the same to both sides of 0, ascending. conditions: (x, y) → the condition, of all that the suite has.
    """

    perturbation: str
    parameter: str
    offsets: tuple[float, ...]
    conditions: Mapping[Offset, str]

    def values(self, side: Side, task_sets: Sequence[str]) -> tuple[npt.NDArray[np.float64], set[int]]:
        """A policy's success in % [y, x], NaN where nothing was played; and how many episodes are behind a cell.

        The control's are the twins of the others: it is often played more.
        """
        found, counts = np.full((len(self.offsets),) * 2, math.nan), set()
        paired = self._paired(side, task_sets)
        for (x, y), name in self.conditions.items():
            if cell := rate(paired, [(name, each) for each in task_sets]):
                found[self.offsets.index(y), self.offsets.index(x)] = 100 * cell.value
                counts.add(cell.n)
        return found, counts

    def _paired(self, side: Side, task_sets: Sequence[str]) -> Side:
        """Of the control only what another place was played of, too; all of it where no other was."""
        elsewhere = {episode for name in self.conditions.values() if name != CLEAN
                     for episode in side.merged(name, task_sets)}
        outcomes = dict(side.outcomes)
        for leaf in ((CLEAN, each) for each in task_sets):
            if kept := {episode: good for episode, good in outcomes.get(leaf, {}).items() if episode in elsewhere}:
                outcomes[leaf] = kept
        return replace(side, outcomes=outcomes)

    @property
    def left_out(self) -> list[tuple[int, int]]:
        """The cells (column, row) that the suite has no condition for."""
        return [(column, row) for row, y in enumerate(self.offsets) for column, x in enumerate(self.offsets)
                if (x, y) not in self.conditions]


def grid(data: Data) -> Figure:
    """Success by place, a panel for each policy: a heat map, with contours between the middles of its cells."""
    if data.suite is None:
        raise OptionError("at which places conditions stand is said by a suite\n  fix: --suite libero-plate-grid")
    found = grid_of(data.suite)
    if found is None:
        raise OptionError(f"suite {data.suite.name!r} has no grid of places: conditions that differ in both numbers of "
                          f"one parameter\n  fix: --suite libero-plate-grid, or another kind: vlabench plot parameter "
                          f"draws success over one number")
    width = 0.9 + 0.45 * len(found.offsets)
    figure, axes_of_all = panels(len(data.sides), width, width, across=4)
    image: Any = None
    behind: set[int] = set()
    for axes, side in zip(axes_of_all, data.sides, strict=True):
        values, counts = found.values(side, data.task_sets)
        behind |= counts
        image = axes.imshow(values, vmin=0, vmax=100, cmap="cividis", origin="lower", interpolation="nearest")
        _hatch(axes, found.left_out)
        _contours(axes, values)
        _write_in(axes, values)
        axes.set(title=data.label(side), xticks=range(len(found.offsets)), yticks=range(len(found.offsets)))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_ticklabels([f"{100 * each:+.0f}".replace("-", "−").replace("+0", "0") for each in found.offsets])
        axes.grid(visible=False)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    outer_labels(axes_of_all, "x, cm", "y, cm")
    figure.colorbar(image, ax=axes_of_all, label="success, %", shrink=0.7, pad=0.02)
    hatched = ["Hatched: the suite leaves it out, as its source says."] * bool(found.left_out)
    footnote(figure, [f"{found.perturbation} by {found.parameter}, clean in the middle; over "
                      f"{', '.join(data.task_sets)}. Dashed: equal success, at "
                      f"{', '.join(map(str, LEVELS))} %.", *hatched, "White: not played.", _counted(behind),
                      data.caption])
    return figure


def _counted(behind: set[int]) -> str:
    least, most = min(behind, default=0), max(behind, default=0)
    return f"Episodes behind a cell: {least}" + (f" to {most}." if most > least else ".")


def grid_of(suite: SuiteCard) -> Grid | None:
    """The largest grid that conditions of one perturbation make with the control; None where there is none."""
    groups: dict[tuple[str, str, str], dict[Offset, str]] = {}
    for name, condition in suite.conditions.items():
        if len(condition.parts) != 1:
            continue
        kind, (made,) = condition.parts[0].perturbation, condition.perturbations
        values = made.model_dump(mode="json")
        for key, value in values.items():
            if isinstance(value, list) and len(value) == 2 and all(isinstance(each, (int, float)) for each in value):
                rest = digest_of({**values, key: None})
                groups.setdefault((kind, key, rest), {(0.0, 0.0): CLEAN})[float(value[0]), float(value[1])] = name
    found = [(kind, key, places) for (kind, key, _), places in groups.items()
             if all(len({place[axis] for place in places}) > 1 for axis in (0, 1))]
    if not found:
        return None
    kind, key, places = max(found, key=lambda each: len(each[2]))
    apart = {abs(each) for place in places for each in place}
    return Grid(kind, key, tuple(sorted({sign * each + 0.0 for each in apart for sign in (-1, 1)})), places)


def _hatch(axes: Axes, cells: Sequence[tuple[int, int]]) -> None:
    from matplotlib.patches import Rectangle

    for column, row in cells:
        axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor="white", edgecolor=SOFT, hatch="////",
                                 linewidth=0))


def _contours(axes: Axes, values: npt.NDArray[np.float64]) -> None:
    """Lines of equal success, dark with a light rim, to be seen on any ground."""
    from matplotlib.patheffects import withStroke

    known = values[~np.isnan(values)]
    levels = [level for level in LEVELS if known.size and known.min() < level < known.max()]
    if levels:
        lines = axes.contour(np.ma.masked_invalid(values), levels=levels, colors=INK, linewidths=1.1,
                             linestyles="dashed")
        lines.set_path_effects([withStroke(linewidth=2.2, foreground="white")])


def _write_in(axes: Axes, values: npt.NDArray[np.float64]) -> None:
    """In the corners: contours bend in the middles."""
    for (row, column), value in np.ndenumerate(values):
        if not math.isnan(value):
            axes.text(column - 0.43, row - 0.41, f"{value:.0f}", ha="left", va="bottom", fontsize=7.5,
                      color="white" if value < 55 else "black")
