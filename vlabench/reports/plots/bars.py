"""The figure of success under each setting, as bars in groups: those of a suite that is made of others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from vlabench.cards.conditions import CLEAN
from vlabench.cards.suite import parts_of
from vlabench.errors import OptionError
from vlabench.reports.plots.data import Data
from vlabench.reports.plots.panels import legend
from vlabench.reports.plots.style import INK, LOOKS, canvas, footnote, look
from vlabench.reports.tables.paired import Cell, rate
from vlabench.util.text import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MEAN = "mean"
"""The label of a group's mean."""
WIDEST = 15.0
"""Inches."""
BAR, GAP = 0.13, 0.17
"""Inches: of a bar, and from one setting's bars to the next's."""
HATCHES = ("", "///", "...")
"""Of the bars of policies whose colours come again."""


def bars(data: Data) -> Figure:
    """Success under each setting, a bar for each policy with its interval; clean first, groups with their means."""
    groups = groups_of(data)
    places = [place for members in groups.values()
              for place in [*((name, [name]) for name in members), *[(MEAN, members)] * (len(members) > 1)]]
    width = 0.9 + len(places) * (GAP + BAR * len(data.sides))
    if width > WIDEST:
        many = f"{counted(len(places), 'setting')} and {counted(len(data.sides), 'policy', 'policies')}"
        raise OptionError(f"bars of {many} do not stand beside each other\n  fix: --conditions or --policies chooses; "
                          f"vlabench plot drops shows any number")
    figure = canvas(max(3.6, width), 3.6)
    axes = figure.subplots()
    whole = True
    for number, side in enumerate(data.sides):
        axes.fill_between([], [], color=look(number).color, hatch=_hatch(number), edgecolor="white",
                          label=data.label(side))
        for place, (name, members) in enumerate(places):
            cell = rate(side, [(each, task_set) for each in members for task_set in data.task_sets])
            whole = whole and cell is not None
            if cell:
                _bar(axes, cell, place + _offset(number, len(data.sides)), len(data.sides), number, members != [name])
    axes.set(ylabel="success, %", ylim=(0, 100), yticks=range(0, 101, 25), xlim=(-0.6, len(places) - 0.4),
             xticks=range(len(places)))
    axes.set_xticklabels([name for name, _ in places], rotation=40, ha="right", rotation_mode="anchor")
    axes.grid(axis="x", visible=False)
    axes.tick_params(axis="x", length=0)
    _name_groups(axes, groups)
    legend(figure, axes)
    means = ["Open: the mean of the group's settings."] if any(members != [name] for name, members in places) else []
    absent = [] if whole else ["No bar: not played on all of them."]
    footnote(figure, [f"Success rates over {', '.join(data.task_sets)}; {data.intervals}.", *means, *absent,
                      data.caption])
    return figure


def groups_of(data: Data) -> dict[str, list[str]]:
    """Group → its conditions: clean by itself, then those of each suite that the data's suite includes, then its own;
    one group without a name where it includes none.
    """
    groups = {"": [CLEAN]} if CLEAN in data.conditions else {}
    parts = parts_of(data.suite, data.conditions) if data.suite else {}
    perturbed = [name for name in data.conditions if name != CLEAN]
    return {**groups, **(parts or ({"perturbed": perturbed} if perturbed else {}))}


def _offset(number: int, of: int) -> float:
    """Of a policy's bar from the middle of a setting, in settings."""
    return (number - (of - 1) / 2) * _share(of)


def _share(of: int) -> float:
    """The width of one of so many bars, in settings."""
    return BAR / (GAP + BAR * of)


def _hatch(number: int) -> str:
    return HATCHES[number // len(LOOKS) % len(HATCHES)]


def _bar(axes: Axes, cell: Cell, x: float, of: int, number: int, mean: bool) -> None:
    """A rate with its interval, which is seen on dark bars as on white."""
    colour = look(number).color
    axes.bar([x], [100 * cell.value], 0.9 * _share(of), color="white" if mean else colour, hatch=_hatch(number),
             edgecolor=colour if mean else "white", linewidth=1.2 if mean else 0.0, zorder=2)
    for wide, ink, order in ((2.6, "white", 3), (1.1, INK, 4)):
        axes.plot([x, x], [100 * cell.low, 100 * cell.high], color=ink, linewidth=wide, solid_capstyle="butt",
                  zorder=order)


def _name_groups(axes: Axes, groups: Mapping[str, Sequence[str]]) -> None:
    """Above each its name, a line between two; nothing where there is but one."""
    sizes = [len(members) + (len(members) > 1) for members in groups.values()]
    starts = [0, *accumulate(sizes)]
    for start in starts[1:-1]:
        axes.axvline(start - 0.5, color=INK, linewidth=0.8)
    if len([name for name in groups if name]) > 1:
        for start, size, name in zip(starts, sizes, groups, strict=False):
            axes.text(start + (size - 1) / 2, 1.02, name, transform=axes.get_xaxis_transform(), ha="center",
                      fontsize=9.5)
