"""The figure of what trainings showed while they ran, beside each other, as FAN's figure 7: rollouts and trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os.path import commonpath
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vlabench.errors import OptionError
from vlabench.reports.plots.panels import legend, outer_labels, panels
from vlabench.reports.plots.style import footnote, look, styled
from vlabench.training.curves import FILE, Curves

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CURVES = "curves"
"""The kind's name."""
ROLLOUTS, TRIALS = "success", ("trial ", "success ")
"""The curves that are drawn: success of an iteration's rollouts, and that of trials, by task set (of cloning, the
second)."""
WINDOW = 5
"""Iterations that the thick line is the mean of, the last of them the one that it is drawn at."""
Series = Mapping[str, tuple[list[int], list[float]]]


def curves(places: Sequence[Path]) -> Figure:
    """A panel for the rollouts' success and one for each task set of the trials', a line for each training.

    places: folders of trainings, as `vlabench train --out` writes them. Raises OptionError for one that has no curves,
    or none of success.
    """
    found = {name: _series(place) for name, place in _named(places).items()}
    names = list(dict.fromkeys(name for series in found.values() for name in series
                               if _drawn(name)))
    with styled():
        figure, grid = panels(len(names), 3.4, 2.6, across=3)
        for axes, name in zip(grid, names, strict=True):
            for number, (label, series) in enumerate(found.items()):
                if name not in series:
                    continue
                steps, values = series[name]
                percent, colour = 100 * np.array(values), look(number).color
                if name == ROLLOUTS:
                    axes.plot(steps, percent, color=colour, linewidth=0.6, alpha=0.35)
                    axes.plot(steps, smooth(percent), color=colour, linestyle=look(number).dashes, label=label)
                else:
                    axes.plot(steps, percent, color=colour, linestyle=look(number).dashes, marker=look(number).marker,
                              label=label)
            axes.set(title="rollouts" if name == ROLLOUTS else name, xlim=(0, None), ylim=(0, 100),
                     yticks=range(0, 101, 25))
        outer_labels(grid, "iteration", "success, %")
        legend(figure, max(grid, key=lambda axes: len(axes.get_legend_handles_labels()[1])))
        footnote(figure, [f"Rollouts draw their actions, and may be perturbed: the mean over {WINDOW} iterations and, "
                          "thin, each. Trials are few episodes, played as the policy ships; records judge it."])
    return figure


def smooth(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """At each number the mean of it and of up to WINDOW − 1 before it [N]."""
    sums = np.cumsum(np.append(0.0, values))
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - WINDOW, 0)
    means: npt.NDArray[np.float64] = (sums[ends] - sums[starts]) / (ends - starts)
    return means


def _named(places: Sequence[Path]) -> dict[str, Path]:
    """What tells the folders apart → each; a folder's own name, if that is enough."""
    if not places:
        raise OptionError("curves: name the folders of trainings\n  fix: vlabench plot curves DIR DIR")
    folders = [place.parent if place.name == FILE else place for place in places]
    if len({folder.absolute() for folder in folders}) < len(folders):
        raise OptionError("curves: a folder is named twice\n  fix: each once")
    names = [folder.absolute().name for folder in folders]
    if len({*names}) < len(names):
        above = commonpath([folder.absolute() for folder in folders])
        names = [str(folder.absolute().relative_to(above)) for folder in folders]
    return dict(zip(names, folders, strict=True))


def _series(folder: Path) -> Series:
    series = Curves(folder).series()
    if not any(map(_drawn, series)):
        raise OptionError(f"{folder}: there is no {FILE} with the success of rollouts or trials\n"
                          "  fix: vlabench train --policy P --out DIR writes it; or leave this folder out")
    return series


def _drawn(name: str) -> bool:
    return name == ROLLOUTS or name.startswith(TRIALS)
