"""Polygons of success under groups of conditions, against means counted by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.factories import episodes, write_records
from vlabench.errors import OptionError
from vlabench.reports import plots
from vlabench.reports.plots.radar import group_of


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Two policies; `weak` has played one condition less, and never succeeds clean."""
    letters = {"hero": {"clean": "sssf", "jpeg-s1": "sssf", "shift-s1": "ssff", "shift-s2": "sfff", "dark": "ffff",
                        "far": "ssss"},
               "weak": {"clean": "ffff", "jpeg-s1": "sfff", "shift-s1": "ffff", "shift-s2": "ffff", "dark": "ffff"}}
    return write_records(tmp_path, [record for policy, each in letters.items() for condition, said in each.items()
                                    for record in episodes("kitchen/0", condition, said, policy=policy)])


def polygons(axes: Any) -> dict[str, list[float]]:
    return {line.get_label(): [round(float(value), 1) for value in line.get_ydata()] for line in axes.get_lines()}


def names(axes: Any) -> list[str]:
    return [label.get_text() for label in axes.get_xticklabels()]


def test_it_averages_groups_that_all_have(results: Path) -> None:
    figure: Any = plots.draw("radar", plots.load([results]))
    whole, share = figure.axes
    assert names(whole) == ["clean", "dark", "jpeg", "shift"]
    assert polygons(whole) == {"hero": [75, 0, 75, 37.5, 75], "weak": [0, 0, 25, 0, 0]}
    # beside it what is left of clean success; of a policy that has none there is nothing to be left
    assert names(share) == ["dark", "jpeg", "shift"]
    assert polygons(share) == {"hero": [0, 100, 50, 0]}


def test_without_clean_or_with_few_groups_there_is_one_polygon(results: Path) -> None:
    figure: Any = plots.draw("radar", plots.load([results], conditions=["jpeg*", "shift*"]))
    (axes,) = figure.axes
    assert names(axes) == ["clean", "jpeg", "shift"]
    with pytest.raises(OptionError, match="3 to 24 axes, and 2 groups"):
        plots.draw("radar", plots.load([results], conditions=["shift*"]))


def test_more_than_clean_ends_at_the_rim(tmp_path: Path) -> None:
    results = write_records(tmp_path, [record for condition, said in {
        "clean": "sfff", "near": "ssss", "far": "sfff", "dark": "ffff"}.items()
        for record in episodes("kitchen/0", condition, said)])
    figure: Any = plots.draw("radar", plots.load([results]))
    assert {name: polygons(figure.axes[1])["random"][at] for at, name in enumerate(names(figure.axes[1]))} == {
        "near": 100, "far": 100, "dark": 0}


def test_groups_are_conditions_without_their_strength() -> None:
    found = {"rotation-s3": "rotation", "action_noise-0.1": "action_noise", "jpeg-s1": "jpeg"}
    found |= {name: name for name in ("joint", "gripper_late", "lift-off")}
    assert {name: group_of(name) for name in found} == found
