"""Success over a perturbation's parameter: points, the control's place and training's range, counted by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.reports.plots.conftest import played
from tests.reports.tables.conftest import agresti_coull
from vlabench import cards
from vlabench.errors import CardError, OptionError, UnknownName
from vlabench.reports import plots

CLUTTER = {"clean": "ssss", "clutter-8": "ffff", "clutter-2": "sssf", "clutter-6": "sfff", "clutter-4": "ssff"}


def drawn(data: plots.Data) -> Any:
    return plots.draw("parameter", data)


def line(axes: Any, label: str) -> list[tuple[float, float]]:
    (found,) = (line for line in axes.get_lines() if line.get_label() == label)
    return list(zip(found.get_xdata(), found.get_ydata(), strict=True))


def test_success_by_number_of_distractors_begins_with_the_one_of_clean_scenes(tmp_path: Path) -> None:
    results = played(tmp_path, "pair-clutter", {"hero": CLUTTER, "rival": {"clean": "ssff", "clutter-8": "sfff"}})
    figure = drawn(plots.load([results], "pair-clutter"))
    (axes,) = figure.axes
    assert line(axes, "hero") == [(1, 100), (2, 75), (4, 50), (6, 25), (8, 0)]
    assert line(axes, "rival") == [(1, 50), (8, 25)]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1\nclean", "2", "4", "6", "8"]
    assert (axes.get_title(loc="left"), axes.get_xlabel()) == ("distractors", "count")
    band = axes.collections[0].get_paths()[0].vertices
    low, high = (100 * end for end in agresti_coull(0.25, 8))
    assert {round(y, 6) for x, y in band if x == 6} == {round(low, 6), round(high, 6)}
    assert "raining's range" not in figure.get_supxlabel() and not axes.patches


def test_success_counts_by_the_suites_rule(tmp_path: Path) -> None:
    """PAIR counts the goal when it held once; ManiSkill's own rule is that it holds at the end."""
    results = played(tmp_path, "pair-clutter", {"hero": {"clutter-2": "ffff", "clutter-4": "ffff"}}, success_once=True)
    (axes,) = drawn(plots.load([results], "pair-clutter")).axes
    assert line(axes, "hero") == [(2, 100), (4, 100)]
    (axes,) = drawn(plots.load([results], "pair-clutter", at_end=True)).axes
    assert line(axes, "hero") == [(2, 0), (4, 0)]


def test_success_by_viewpoint_has_trainings_range_shaded(tmp_path: Path) -> None:
    outcomes = {"left-10": "sssf", "clean": "ssss", "right-10": "sssf", "right-25": "ffff", "right-5": "ssff"}
    results = played(tmp_path, "pair-viewpoint", {"hero": outcomes})
    figure = drawn(plots.load([results], "pair-viewpoint"))
    (axes,) = figure.axes
    assert line(axes, "hero") == [(-10, 75), (0, 100), (5, 50), (10, 75), (25, 0)]
    assert axes.get_xlabel() == "yaw, degrees" and axes.get_xticklabels()[0].get_text() == "−10"
    (shade,) = axes.patches
    assert (shade.get_x(), shade.get_x() + shade.get_width()) == (-10, 10)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["hero", "training's range"]
    assert "as suite pair-viewpoint has it" in figure.get_supxlabel().replace("\n", " ")


def test_each_parameter_that_varies_alone_has_a_panel(tmp_path: Path) -> None:
    names = ("table", "texture-weak", "texture-strong", "noise-weak", "noise-strong")
    results = played(tmp_path, "maniskill-vision", {"hero": {name: "sf" for name in names}})
    figure = drawn(plots.load([results], "maniskill-vision"))
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["texture_overlay", "texture_overlay (over picture)"]
    assert [line(axes, "hero") for axes in figure.axes] == [[(0.3, 50), (0.5, 50)]] * 2
    assert "No suite says at which value clean is" in figure.get_supxlabel().replace("\n", " ")


def test_a_suite_passes_its_axes_on_to_those_that_include_it() -> None:
    assert cards.load_suite("maniskill-pair").axes == cards.load_suite("pair-clutter").axes != {}


def test_data_that_it_has_no_use_for(tmp_path: Path) -> None:
    results = played(tmp_path, "maniskill-execution", {"hero": {"position": "s", "robot_pose": "s"}})
    with pytest.raises(OptionError, match="is said by a suite\n  fix: --suite S, such as pair-clutter"):
        drawn(plots.load([results]))
    with pytest.raises(OptionError, match="no two conditions on record differ in one number .*\n  fix: vlabench run"):
        drawn(plots.load([results], "maniskill-execution"))


@pytest.mark.parametrize(("axis", "why"), [
    ('"distractor.count" = { clean = 1 }', "unknown perturbation 'distractor' in .*axes: did you mean 'distractors'"),
    ('"distractors.cuont" = { clean = 1 }', "unknown parameter 'cuont' in .*axes: distractors: did you mean 'count'"),
    ('"distractors.count" = { clean = 1, trained = [4, 2] }', "4 is above 2"),
    ('"distractors.count" = { trained = [2, 4] }', "clean"),
])
def test_axes_that_are_none_are_refused(axis: str, why: str, tmp_path: Path) -> None:
    card = tmp_path / "mine.toml"
    text = ('title = "t"\nsource = "s"\nsimulator = "maniskill"\ntask_sets = ["maniskill_pair"]\nepisodes = 1\n'
            '[conditions]\nmany = [{ perturbation = "distractors" }]\n[axes]\n')
    card.write_text(text + axis)
    with pytest.raises((CardError, UnknownName), match=why):
        cards.load_suite(str(card)).check_axes()
