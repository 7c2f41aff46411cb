"""The figure of success over a parameter of a perturbation, such as the number of distractors or the camera's yaw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vlabench.cards.conditions import CLEAN, digest_of
from vlabench.cards.suite import Axis, SuiteCard
from vlabench.errors import OptionError
from vlabench.reports.plots.data import Data
from vlabench.reports.plots.panels import curve, legend, outer_labels, panels
from vlabench.reports.plots.style import GRID, footnote
from vlabench.reports.tables.outcomes import Side
from vlabench.reports.tables.paired import Cell, rate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Sweep:
    """Conditions that differ in one parameter. conditions: its value → the condition, ascending, without the control.

    rest: what else is not at its default. axis: what the suite says of the parameter.
    """

    perturbation: str
    parameter: str
    rest: Mapping[str, Any]
    conditions: Mapping[float, str]
    axis: Axis | None

    @property
    def title(self) -> str:
        """The perturbation, and whatever else it was told."""
        told = ", ".join(f"{name} {value}" for name, value in self.rest.items())
        return f"{self.perturbation} ({told})" if told else self.perturbation

    @property
    def label(self) -> str:
        """Of the axis."""
        return f"{self.parameter}, {self.axis.unit}" if self.axis and self.axis.unit else self.parameter


def parameter(data: Data) -> Figure:
    """Success over the value of a perturbation's parameter, a panel for each that varies, a line for each policy."""
    if data.suite is None:
        raise OptionError("at which values of its parameters a condition stands is said by a suite\n"
                          "  fix: --suite S, such as pair-clutter or pair-viewpoint")
    data.suite.check_axes()
    found = sweeps(data.suite, data.conditions)
    if not found:
        raise OptionError(f"suite {data.suite.name!r}: no two conditions on record differ in one number of one "
                          f"perturbation alone\n  fix: vlabench run --policy P --suite {data.suite.name}, or another: "
                          f"pair-clutter, pair-viewpoint; vlabench plot bars shows any conditions")
    most = max(len(each.conditions) for each in found)
    figure, grid = panels(len(found), max(2.6, 0.9 + 0.34 * most), 2.4, across=3)
    outer_labels(grid, "", "success, %")
    for axes, sweep in zip(grid, found, strict=True):
        _panel(axes, sweep, data)
    legend(figure, max(grid, key=lambda axes: len(axes.get_legend_handles_labels()[1])))
    trained = [f"Training's range: as suite {data.suite.name} has it."] * any(
        each.axis is not None and each.axis.trained is not None for each in found)
    lost = ["No suite says at which value clean is: not drawn."] * any(each.axis is None for each in found)
    footnote(figure, [f"Success rates over {', '.join(data.task_sets)}; bands: {data.intervals}.", *trained, *lost,
                      data.caption])
    return figure


def sweeps(suite: SuiteCard, played: list[str]) -> list[Sweep]:
    """Of the played conditions that are one perturbation, those which differ in one number, two or more together."""
    groups: dict[tuple[str, str, str], tuple[dict[str, Any], dict[float, str]]] = {}
    for name in played:
        condition = suite.conditions[name]
        if len(condition.parts) != 1:
            continue
        kind, (made,) = condition.parts[0].perturbation, condition.perturbations
        values, told = made.model_dump(mode="json"), made.model_dump(mode="json", exclude_defaults=True)
        for key, value in values.items():
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                rest = digest_of({**values, key: None})
                told_of_rest = {each: other for each, other in told.items() if each != key}
                groups.setdefault((kind, key, rest), (told_of_rest, {}))[1].setdefault(value, name)
    return [Sweep(kind, key, told, dict(sorted(conditions.items())), suite.axes.get(f"{kind}.{key}"))
            for (kind, key, _), (told, conditions) in groups.items() if len(conditions) > 1]


def _panel(axes: Axes, sweep: Sweep, data: Data) -> None:
    axis, known = sweep.axis, dict(sweep.conditions)
    if axis and CLEAN in data.conditions:
        known = dict(sorted({axis.clean: CLEAN, **known}.items()))
    for number, side in enumerate(data.sides):
        curve(axes, _cells(side, known, data), number, data.label(side))
    if axis and axis.trained and axis.trained[0] < axis.trained[1]:
        axes.axvspan(*axis.trained, color=GRID, alpha=0.6, linewidth=0, zorder=0, label="training's range")
    axes.set(title=sweep.title, xlabel=sweep.label, ylim=(0, 100), yticks=range(0, 101, 25), xticks=[*known])
    axes.set_xticklabels([f"{value:g}".replace("-", "−") + "\nclean" * (name == CLEAN)
                          for value, name in known.items()])


def _cells(side: Side, conditions: Mapping[float, str], data: Data) -> dict[float, Cell]:
    """Value → the rate under its condition, where it was played."""
    cells = {value: rate(side, [(name, each) for each in data.task_sets]) for value, name in conditions.items()}
    return {value: cell for value, cell in cells.items() if cell}
