"""The figure of success over time: what a shorter step limit would leave of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vlabench import stats
from vlabench.cards.conditions import CLEAN
from vlabench.cards.find import simulator_of
from vlabench.errors import OptionError
from vlabench.records.frame import EPISODE, successes
from vlabench.reports.plots.data import Data
from vlabench.reports.plots.panels import legend
from vlabench.reports.plots.style import canvas, footnote, look
from vlabench.reports.tables.outcomes import Side
from vlabench.simulators.base import find_simulator
from vlabench.stats import TasksAs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BANDS = 3
"""Up to this many policies a crowded figure has bands."""
STEPS = 40
"""Numbers of steps at which a curve is drawn."""


def time(data: Data) -> Figure:
    """The success rate that a shorter step limit would give: task sets beside each other, clean above perturbed.

    Raises OptionError where no episode ends before its limit.
    """
    task_sets = [each for each in data.task_sets if _may_end(each)]
    if not task_sets:
        raise OptionError(f"episodes of {', '.join(data.task_sets)} take all their steps, and what holds after the "
                          f"last one counts: there is no time to success\n  fix: vlabench plot tasks, or drops")
    perturbed = [name for name in data.conditions if name != CLEAN]
    kinds = [("clean", [CLEAN])] * (CLEAN in data.conditions) + [("perturbed", perturbed)] * bool(perturbed)
    figure = canvas(max(3.6, 0.9 + 2.5 * len(task_sets)), 1.1 + 1.9 * len(kinds))
    grid = figure.subplots(len(kinds), len(task_sets), squeeze=False, sharey=True, sharex="col")
    for row, (what, conditions) in zip(grid, kinds, strict=True):
        for axes, task_set in zip(row, task_sets, strict=True):
            longest = 1
            for number, side in enumerate(data.sides):
                last, tasks, needed = _needed(data, side, conditions, task_set)
                longest = max(longest, last)
                if tasks:
                    _solved(axes, last, _within(needed, last, tasks, data.tasks_as), number, data.label(side),
                            len(data.sides) <= BANDS)
            axes.set(xlim=(0, longest), ylim=(0, 100), yticks=range(0, 101, 25))
        row[0].set_ylabel(f"{what}: success, %")
    for task_set, top, bottom in zip(task_sets, grid[0], grid[-1], strict=True):
        top.set_title(task_set)
        bottom.set_xlabel("step limit")
    legend(figure, max(grid.flat, key=lambda axes: len(axes.get_legend_handles_labels()[1])))
    bands = [f"Bands: {data.intervals}, at each step by itself."] if len(data.sides) <= BANDS else []
    footnote(figure, ["Episodes that succeed within so many steps; perturbed: all conditions but clean.", *bands,
                      data.caption])
    return figure


def _may_end(task_set: str) -> bool:
    """Whether an episode is over when its goal holds."""
    simulator = simulator_of(task_set)
    return simulator is None or find_simulator(simulator).success == "once"


def _needed(
    data: Data, side: Side, conditions: Sequence[str], task_set: str
) -> tuple[int, list[str], npt.NDArray[np.float64]]:
    """The most steps of an episode, the task of each of N episodes, and the steps to success under each condition that
    was played [C, N]: infinite for a failure, NaN where there is no outcome.
    """
    rows = data.records[side.owner]
    chosen = rows[rows.condition.isin(conditions) & (rows.task_set == task_set)]
    if chosen.empty:
        return 0, [], np.full((0, 0), math.nan)
    under, episode = (chosen.groupby(names, sort=False, observed=True).ngroup() for names in ("condition", EPISODE))
    needed = np.full((under.max() + 1, episode.max() + 1), math.nan)
    needed[under, episode] = np.where(successes(chosen, data.counts).astype(bool), chosen.steps, math.inf)
    return int(chosen.steps.max()), chosen.drop_duplicates(EPISODE).task.tolist(), needed


def _within(needed: npt.NDArray[np.float64], last: int, tasks: Sequence[str], tasks_as: TasksAs,
            ) -> dict[int, stats.Estimate]:
    """Number of steps → the rate of success within them, at up to STEPS numbers at which something is solved."""
    at = np.unique(needed[np.isfinite(needed)])
    if len(at) > STEPS:
        at = np.unique(np.quantile(at, np.linspace(0, 1, STEPS), method="nearest"))
    return {int(steps): stats.rate(np.where(np.isnan(needed), math.nan, needed <= steps), tasks, tasks_as)
            for steps in [*at, last]}


def _solved(axes: Axes, last: int, solved: Mapping[int, stats.Estimate], number: int, label: str, band: bool) -> None:
    """The share of episodes that is solved within each number of steps, up to the last step."""
    at, found, style = [*solved, last], [*solved.values(), solved[last]], look(number)
    axes.step([0, *at], [0, *(100 * each.value for each in found)], where="post", color=style.color,
              linestyle=style.dashes, label=label)
    if band:
        axes.fill_between(at, [100 * each.low for each in found], [100 * each.high for each in found], step="post",
                          color=style.color, linewidth=0, alpha=0.13)
