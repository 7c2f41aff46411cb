"""The kinds of figures, one function each: data in, figure out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vlabench.cards.conditions import CLEAN, SEVERITIES
from vlabench.errors import OptionError, UnknownName
from vlabench.reports.plots.bars import bars
from vlabench.reports.plots.data import Data
from vlabench.reports.plots.grid import grid
from vlabench.reports.plots.methods import methods
from vlabench.reports.plots.panels import ACROSS, curve, legend, outer_labels, panels
from vlabench.reports.plots.parameter import parameter
from vlabench.reports.plots.radar import MANY, by_group, radar
from vlabench.reports.plots.scale import scale
from vlabench.reports.plots.style import INK, canvas, footnote, look, styled
from vlabench.reports.plots.times import time
from vlabench.reports.tables.outcomes import Side
from vlabench.reports.tables.paired import Cell, drop, rate
from vlabench.reports.tables.severity import fewer, nothing, over, sweeps, swept
from vlabench.reports.tables.steps import first
from vlabench.reports.tables.suite import corrected
from vlabench.reports.tables.trainings import kept

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CELLS = 900
"""Up to this many cells of a heat map have their figure written in."""
THRESHOLDS, PERTURBED_THRESHOLDS = (60, 70, 80, 90), (55, 60, 65, 70, 75)
"""Rates, in points, of which it is said when a training first reached them: FAN's for what it trains on (table 15), in
the panel of clean, and for what it does not (table 16), in all others."""
MEAN = "mean of perturbed"
"""What the panel of all conditions but clean is called."""


def draw(kind: str, data: Data) -> Figure:
    """A figure of one of the KINDS. Raises UnknownName, and OptionError for data that the kind has no use for."""
    if kind not in KINDS:
        raise UnknownName("kind of plot", kind, KINDS)
    if kind in SHARING and not data.task_sets:
        raise OptionError(f"these policies share no task set: {_sets(data)}\n"
                          f"  fix: --suite S, or --policies, for those of one simulator")
    with styled():
        return KINDS[kind](data)


def severity(data: Data) -> Figure:
    """Success over severity, a panel for each perturbation, a line for each policy; each panel over the task sets on
    which all of its severities were played."""
    curved = [side for side in data.sides if sweeps(side)]
    names = list(dict.fromkeys(name for side in curved for name in sweeps(side)))
    if not names:
        raise nothing("two or more", data.notes)
    task_sets = swept(curved)
    sets = {name: over(name, curved, task_sets) for name in names}
    figure, grid = panels(len(names), 1.95, 1.75, max(ACROSS, math.ceil(math.sqrt(len(names)))), sharex=True)
    for axes, name in zip(grid, names, strict=True):
        for number, side in enumerate(curved):
            cells = {0: rate(side, [(CLEAN, each) for each in sets[name]])}
            cells |= {k: rate(side, [(f"{name}-s{k}", each) for each in sets[name]]) for k in SEVERITIES}
            curve(axes, {k: cell for k, cell in cells.items() if cell}, number, data.label(side))
        axes.set(title=name, xlim=(-0.2, SEVERITIES[-1] + 0.2), ylim=(0, 100), xticks=[0, *SEVERITIES],
                 yticks=range(0, 101, 25))
        axes.set_xticklabels(["clean", *map(str, SEVERITIES)])
    outer_labels(grid, "severity", "success, %")
    legend(figure, grid[0])
    footnote(figure, [f"Success rates over {', '.join(task_sets)}; bands: {data.intervals}.",
                      *fewer(names, curved, task_sets), data.caption])
    return figure


def drops(data: Data) -> Figure:
    """A forest plot: what each condition costs each policy, in points, on the same episodes."""
    found = {side.owner: _drops(side, data) for side in data.sides}
    names = [name for name in data.conditions if any(name in cells for cells in found.values())]
    if not names:
        raise OptionError("no condition can be compared with the clean one on the same episodes\n"
                          "  fix: vlabench run plays the control, too, unless it is told --no-control")
    names.sort(key=lambda name: float(np.mean([cells[name].value for cells in found.values() if name in cells])))
    space = 0.8 / len(data.sides)
    figure = canvas(6.4, 1.5 + len(names) * (0.16 + 0.13 * len(data.sides)))
    axes = figure.subplots()
    for number, side in enumerate(data.sides):
        for place, name in enumerate(names):
            if cell := found[side.owner].get(name):
                y = len(names) - 1 - place + 0.4 - (number + 0.5) * space
                _bar(axes, cell, y, number)
        axes.plot([], [], color=look(number).color, marker=look(number).marker, linestyle="none",
                  label=data.label(side))
    axes.axvline(0, color=INK, linewidth=0.9)
    axes.set(xlabel="difference to clean, points", ylim=(-0.6, len(names) - 0.4), yticks=range(len(names)))
    axes.set_yticklabels(names[::-1])
    axes.grid(axis="y", visible=False)
    for line in np.arange(0.5, len(names) - 1):
        axes.axhline(line, color="#eeeeee", linewidth=0.6, zorder=0)
    legend(figure, axes)
    footnote(figure, [f"Paired on the same episodes; {data.intervals}. Filled: p < 0.05, corrected after Holm over the "
                      f"conditions.", data.caption])
    return figure


def tasks(data: Data) -> Figure:
    """A heat map: success of each task under each condition, a panel for each policy; many conditions in groups."""
    names = data.tasks
    groups = {name: [name] for name in data.conditions}
    if len(groups) > MANY:
        groups = by_group(data.conditions)
    width = 0.33 * len(groups) + 0.3
    across = max(1, min(len(data.sides), int(12 / width)))
    figure, grid = panels(len(data.sides), width, 1.2 + 0.17 * len(names), across, sharex=True)
    image = None
    for axes, side in zip(grid, data.sides, strict=True):
        values = _by_task(side, names, groups)
        image = axes.imshow(values, vmin=0, vmax=100, cmap="cividis", aspect="auto", interpolation="nearest")
        if values.size <= CELLS:
            _write_in(axes, values)
        axes.set(title=data.label(side), xticks=range(len(groups)), yticks=range(len(names)))
        axes.set_xticklabels(list(groups), rotation=60, ha="right", rotation_mode="anchor")
        axes.set_yticklabels(names)
        axes.grid(visible=False)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        for line in [i - 0.5 for i in range(1, len(names)) if names[i].split("/")[0] != names[i - 1].split("/")[0]]:
            axes.axhline(line, color="white", linewidth=2)
    outer_labels(grid)
    if image is not None:
        figure.colorbar(image, ax=list(grid), label="success, %", shrink=0.5, pad=0.02)
    grouped = [f"{len(data.conditions)} conditions, in groups: means of their rates."] * (len(data.conditions) > MANY)
    footnote(figure, ["White: not played.", *grouped, data.caption])
    return figure


def iterations(data: Data) -> Figure:
    """Success over a training's iterations: a line through the policies that it kept, a panel for each condition and
    one for the mean of the perturbed ones; above each, when it first reached THRESHOLDS."""
    found = kept(data.sides)
    several = len({pack for _, pack in found}) > 1
    trainings = {f"{name} ({pack})" if several else name: each for (name, pack), each in found.items()}
    if not trainings:
        raise OptionError("no training is on record by two policies that it kept, as robustvla-4 and robustvla-8\n"
                          "  fix: vlabench train --policy P --out DIR keeps one after every evaluation (`eval_every`), "
                          "vlabench run --policy DIR/P-4.toml plays it")
    used = [side for each in trainings.values() for side in each.values()]
    still = [side for side in data.sides if side not in used]
    names = [name for name in data.conditions if all((name, each) in side.outcomes
                                                     for side in used for each in data.task_sets)]
    if not (names and data.task_sets):
        raise OptionError("the policies that trainings kept have no condition and task set in common\n"
                          "  fix: --policies, --suite or --assets to draw those that do; or play what is missing")
    perturbed = [name for name in names if name != CLEAN]
    shown = {name: [name] for name in names} | ({MEAN: perturbed} if len(perturbed) > 1 else {})
    figure, grid = panels(len(shown), 2.7, 2.3 + 0.15 * len(trainings), across=3, sharex=True)
    for axes, (name, members) in zip(grid, shown.items(), strict=True):
        leaves = [(member, each) for member in members for each in data.task_sets]
        for number, (training, sides) in enumerate(trainings.items()):
            cells = {each: rate(side, leaves) for each, side in sides.items()}
            curve(axes, {each: cell for each, cell in cells.items() if cell}, number, training)
        for number, side in enumerate(still, len(trainings)):
            if cell := rate(side, leaves):
                axes.axhline(100 * cell.value, color=look(number).color, linestyle=look(number).dashes, linewidth=1.2,
                             label=data.label(side))
        points = THRESHOLDS if name == CLEAN else PERTURBED_THRESHOLDS
        reached = [_reached(training, sides, leaves, points) for training, sides in trainings.items()]
        axes.set_title("\n".join([name, *reached]), fontsize=8.0)
        axes.set(xlim=(0, None), ylim=(0, 100), yticks=range(0, 101, 25))
    outer_labels(grid, "iteration", "success, %")
    legend(figure, grid[0])
    level = ["Level lines: policies that are no training's."] if still else []
    footnote(figure, [f"Success rates over {', '.join(data.task_sets)}; bands: {data.intervals}.", *level,
                      f"Above: the iteration at which each first had {', '.join(map(str, THRESHOLDS))} % of clean, "
                      f"{', '.join(map(str, PERTURBED_THRESHOLDS))} % of others.",
                      data.caption])
    return figure


KINDS: Mapping[str, Callable[[Data], Figure]] = {
    "bars": bars, "severity": severity, "parameter": parameter, "grid": grid, "drops": drops, "tasks": tasks,
    "radar": radar, "time": time, "iterations": iterations, "methods": methods,
    "scale": scale,
}  # fmt: skip
"""Name → function, as `vlabench plot` knows them."""
SHARING = ("bars", "severity", "parameter", "grid", "drops", "radar", "time")
"""Kinds that stand policies beside each other on the task sets that all have."""
WHOLE = ("methods", "scale")
"""Kinds whose data are loaded whole: they choose who is compared first, and on which episodes then."""


def _sets(data: Data) -> str:
    """Which policies have which task sets."""
    found: dict[str, list[str]] = {}
    for side in data.sides:
        found.setdefault(", ".join(side.task_sets), []).append(data.label(side))
    return "; ".join(f"{', '.join(policies)} on {names}" for names, policies in found.items())


def _reached(training: str, policies: Mapping[int, Side], leaves: Sequence[tuple[str, str]],
             thresholds: Sequence[int]) -> str:
    """After which iteration it first reached each threshold; – where it never did."""
    shares = {leaf: 1 / len(leaves) for leaf in leaves}
    return f"{training}: " + ", ".join(first(policies, shares, points) or "–" for points in thresholds)


def _drops(side: Side, data: Data) -> dict[str, Cell]:
    """condition → paired difference, p corrected after Holm."""
    return corrected({name: cell for name in side.conditions if (cell := drop(side, name, data.task_sets))})


def _by_task(side: Side, names: Sequence[str], groups: Mapping[str, Sequence[str]]) -> npt.NDArray[np.float64]:
    """The mean rate of each group of conditions in % [tasks, groups]; NaN where nothing was played."""
    wins: dict[tuple[str, str], list[bool]] = {}
    for (condition, _), outcomes in side.outcomes.items():
        for (task, _, _), good in outcomes.items():
            wins.setdefault((task, condition), []).append(good)
    rates = {key: 100 * float(np.mean(each)) for key, each in wins.items()}
    table = [[[rates[task, name] for name in members if (task, name) in rates] for members in groups.values()]
             for task in names]
    return np.array([[np.mean(found) if found else math.nan for found in row] for row in table])


def _bar(axes: Axes, cell: Cell, y: float, number: int) -> None:
    """A difference with its interval; filled if significant."""
    style, significant = look(number), cell.p is not None and cell.p < 0.05
    axes.plot([100 * cell.low, 100 * cell.high], [y, y], color=style.color, linewidth=1.3, solid_capstyle="butt")
    axes.plot([100 * cell.value], [y], color=style.color, marker=style.marker, linestyle="none",
              markerfacecolor=style.color if significant else "white")


def _write_in(axes: Axes, values: npt.NDArray[np.float64]) -> None:
    for (row, column), value in np.ndenumerate(values):
        if not math.isnan(value):
            axes.text(column, row, f"{value:.0f}", ha="center", va="center", fontsize=6,
                      color="white" if value < 55 else "black")
