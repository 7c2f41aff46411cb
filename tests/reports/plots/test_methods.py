"""Methods beside each other, as drawn: a panel for each simulator, two points on each line."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.factories import write_records
from tests.reports.tables.test_methods import LIBERO, MANISKILL, played
from tests.reports.tables.test_trainings import trained
from vlabench.reports import plots


def test_a_panel_for_each_simulator_and_a_line_for_each_method(tmp_path: Path) -> None:
    for seed, name in enumerate(("hero", "hero-seed-1")):
        trained(tmp_path, name, seed)
    data = plots.load([write_records(tmp_path, [
        *played(LIBERO, "hero", clean="ssss", shift="ssff"), *played(LIBERO, "hero-seed-1", clean="ssff", shift="ffff"),
        *played(LIBERO, "rival", clean="ssss", shift="sfff"),
        *played(MANISKILL, "bridge", clean="ssss", occlusion="ssss", erasing="ffff"),
        *played(LIBERO, "lone", clean="f")])], together=False)
    figure = plots.draw("methods", data)
    libero, maniskill = figure.axes
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["libero: shift", "maniskill: mean of 2 conditions"]
    assert [text.get_text() for text in libero.get_yticklabels()] == ["hero (2)", "rival"]
    assert [text.get_text() for text in maniskill.get_yticklabels()] == ["bridge"]
    drawn = [(np.asarray(line.get_xdata(), float).round(1).tolist(), line.get_marker()) for line in libero.lines]
    assert sorted((*each, marker) for each, marker in drawn if len(each) == 1) == [
        (25.0, "s"), (25.0, "s"), (75.0, "o"), (100.0, "o")]
    # a whisker from the lower to the upper end of each interval, around its point
    ends = [np.asarray(line.get_xdata(), float) for line in maniskill.lines]
    assert any(each.min() < 50 < each.max() for each in ends if len(each) == 2)
    assert "In no panel, as without clean and the others' perturbed conditions: lone on primitive." in (
        figure.get_supxlabel().replace("\n", " "))
    assert "Measured on primitive assets." in figure.get_supxlabel().replace("\n", " ")
