"""The figure of success under groups of conditions, and of what is left there of clean, as RL4VLA's figure 7."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vlabench.cards.conditions import CLEAN
from vlabench.errors import OptionError
from vlabench.reports.plots.data import Data
from vlabench.reports.plots.panels import legend
from vlabench.reports.plots.style import SOFT, canvas, footnote, look
from vlabench.reports.tables.paired import rate
from vlabench.util.text import counted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MANY = 24
"""Axes of a radar at most; columns of a heat map, unless groups of conditions take their place."""
LEAST = 3
"""Axes that make a polygon."""


def radar(data: Data) -> Figure:
    """Success under each group of conditions (`rotation-s1` … `-s5` are one), a polygon for each policy; and beside it,
    where there are three groups beside clean, the share of its clean success that it has there."""
    if not data.task_sets:
        raise OptionError("a radar is drawn over the task sets that all policies have played, and there is none\n"
                          "  fix: --policies or --suite chooses")
    groups = by_group([name for name in data.conditions
                      if all((name, each) in side.outcomes for side in data.sides for each in data.task_sets)])
    if not LEAST <= len(groups) <= MANY:
        raise OptionError(f"a radar has {LEAST} to {MANY} axes, and {counted(len(groups), 'group')} of conditions can "
                          f"be drawn, which all policies played on {', '.join(data.task_sets)}\n"
                          f"  fix: --conditions, --suite or --policies chooses; drops shows any number")
    rates = {data.label(side): [cell.value for names in groups.values() if (cell := rate(side, [
        (name, each) for name in names for each in data.task_sets]))] for side in data.sides}
    perturbed = [number for number, name in enumerate(groups) if name != CLEAN]
    share = CLEAN in groups and len(perturbed) >= LEAST
    size = 5.4 if len(groups) <= MANY / 2 else 6.8
    figure = canvas(size * (2 if share else 1), 6.2 if share else 5.6)
    whole, *beside = (figure.add_subplot(1, 1 + share, 1 + number, projection="polar") for number in range(1 + share))
    _polygons(whole, list(groups), rates)
    for axes in beside:
        names = [list(groups)[number] for number in perturbed]
        at = list(groups).index(CLEAN)
        _polygons(axes, names, {label: [values[number] / values[at] for number in perturbed] if values[at] else []
                                for label, values in rates.items()})
        whole.set_title("success", fontsize=9.0)
        axes.set_title("share of clean success", fontsize=9.0)
    legend(figure, whole)
    footnote(figure, ["Mean success rate of the conditions in a group, in %"
                      + (", and as a share of the policy's clean one, up to 100." if share else "."),
                      *(["Without a share: no clean success."] if share and any(
                          not values[list(groups).index(CLEAN)] for values in rates.values()) else []),
                      f"Over {', '.join(data.task_sets)}.", data.caption])
    return figure


def _polygons(axes: Any, names: Sequence[str], each: Mapping[str, Sequence[float]]) -> None:
    """One for each label that has any: fractions, in the order of the names. Above 1 they end at the rim."""
    angles = np.linspace(0, 2 * math.pi, len(names), endpoint=False)
    axes.set_theta_offset(math.pi / 2)
    axes.set_theta_direction(-1)
    for number, (label, found) in enumerate(each.items()):
        if not found:
            continue
        values, style = np.minimum(100 * np.array(found), 100), look(number)
        axes.plot(np.append(angles, angles[0]), np.append(values, values[0]), color=style.color,
                  linestyle=style.dashes, marker=style.marker, label=label, clip_on=False, zorder=3)
        axes.fill(angles, values, color=style.color, alpha=0.06)
    axes.set(ylim=(0, 100), yticks=[25, 50, 75, 100], xticks=angles)
    paper = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 0.8}
    axes.set_yticklabels(["25", "50", "75", "100 %"], fontsize=7.5, color=SOFT, bbox=paper)
    axes.set_rlabel_position(180 / len(names))
    axes.set_xticklabels(list(names))
    for label, angle in zip(axes.get_xticklabels(), angles, strict=True):  # away from the circle, not across it
        label.set_horizontalalignment(("right", "center", "left")[1 + int(np.sign(round(math.sin(angle), 3)))])
    axes.tick_params(axis="x", pad=4)
    axes.spines["polar"].set_visible(False)


def group_of(condition: str) -> str:
    """A condition's name without its strength: `rotation-s3` → rotation, `action_noise-0.1` → action_noise."""
    return re.sub(r"-(s\d|\d[\d.]*)$", "", condition)


def by_group(conditions: Sequence[str]) -> dict[str, list[str]]:
    """Group → its conditions."""
    groups: dict[str, list[str]] = {}
    for name in conditions:
        groups.setdefault(group_of(name), []).append(name)
    return groups
