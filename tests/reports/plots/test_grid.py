"""Success by place: where cells lie, what is hatched and where contours run, counted by hand."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.reports.plots.conftest import played
from vlabench import cards
from vlabench.cards.conditions import CLEAN
from vlabench.errors import OptionError
from vlabench.perturbations.receptacle_shift import ReceptacleShift
from vlabench.reports import plots
from vlabench.reports.plots.grid import grid_of

SUITE = "libero-plate-grid"
LETTERS = ("ffff", "sfff", "ssff", "sssf", "ssss")


def drawn(data: plots.Data) -> Any:
    return plots.draw("grid", data)


def footnotes(figure: Any) -> str:
    return " ".join(text.get_text().replace("\n", " ") for text in figure.texts)


def everywhere(said: str) -> dict[str, str]:
    return dict.fromkeys(cards.load_suite(SUITE).conditions, said)


def suited(root: Path, outcomes: dict[str, dict[str, str]]) -> Path:
    """Of two of the suite's tasks."""
    return played(root, SUITE, outcomes, tasks=(1, 3))


def test_a_cell_has_its_place_and_a_policy_its_panel(tmp_path: Path) -> None:
    hero = {**everywhere("ffff"), CLEAN: "ssss", "plate_0.05_-0.05": "sssf", "plate_-0.10_0.10": "ssff"}
    rival = {**everywhere("ssff"), "plate_-0.05_0.00": "sfff"}
    figure = drawn(plots.load([suited(tmp_path, {"hero": hero, "rival": rival})], SUITE))
    left, right, _ = figure.axes
    assert [axes.get_title(loc="left") for axes in (left, right)] == ["hero", "rival"]
    assert [tick.get_text() for tick in left.get_xticklabels()] == ["−10", "−5", "0", "+5", "+10"]
    assert (left.get_xlabel(), left.get_ylabel()) == ("x, cm", "y, cm")
    values = left.get_images()[0].get_array()  # rows from the lowest y
    assert (values[2, 2], values[1, 3], values[4, 0], values[2, 3]) == (100, 75, 50, 0)
    assert left.get_images()[0].origin == "lower"
    assert right.get_images()[0].get_array()[2, 1] == 25
    written = {tuple(map(round, text.get_position())): text.get_text() for text in left.texts}
    assert written[2, 2] == "100" and written[3, 1] == "75" and len(written) == 15


def test_the_middle_is_of_the_same_episodes_as_its_neighbours(tmp_path: Path) -> None:
    hero = {**everywhere("sf"), CLEAN: "sffffff"}
    figure = drawn(plots.load([suited(tmp_path, {"hero": hero})], SUITE))
    assert figure.axes[0].get_images()[0].get_array()[2, 2] == 50
    assert "Episodes behind a cell: 4." in footnotes(figure)
    more = {**hero, "plate_0.00_0.05": "sfs"}
    figure = drawn(plots.load([suited(tmp_path / "more", {"hero": more})], SUITE))
    assert figure.axes[0].get_images()[0].get_array()[2, 2] == pytest.approx(100 / 3)
    assert "Episodes behind a cell: 4 to 6." in footnotes(figure)


def test_what_the_suite_leaves_out_is_hatched_and_what_was_not_played_is_white(tmp_path: Path) -> None:
    results = suited(tmp_path, {"hero": {CLEAN: "ss", "plate_0.00_0.05": "sf"}})
    axes, _ = drawn(plots.load([results], SUITE)).axes
    hatched = {(patch.get_x() + 0.5, patch.get_y() + 0.5) for patch in axes.patches if patch.get_hatch()}
    assert hatched == {*((column, 0) for column in range(5)), *((4, row) for row in range(5)), (3, 4)}
    values = np.ma.filled(axes.get_images()[0].get_array(), math.nan)
    assert np.isfinite(values).sum() == 2 and len(axes.texts) == 2


def test_contours_run_where_success_is_equal(tmp_path: Path) -> None:
    """Success that falls along x alone, from 100 % by 25 a column: 80 % is crossed a fifth of the way behind 75 %'s
    column, and so on, by linear interpolation."""
    places = {name: LETTERS[4 - round((made.offset[0] + 0.1) / 0.05)]
              for name, condition in cards.load_suite(SUITE).conditions.items() for made in condition.perturbations
              if isinstance(made, ReceptacleShift) and made.offset}
    axes, _ = drawn(plots.load([suited(tmp_path, {"hero": {**places, CLEAN: "ssff"}})], SUITE)).axes
    (lines,) = (each for each in axes.collections if hasattr(each, "levels"))
    assert list(lines.levels) == [40, 60, 80]
    for level, path in zip(lines.levels, lines.get_paths(), strict=True):
        assert path.vertices[:, 0] == pytest.approx((100 - level) / 25, abs=1e-9)


def test_success_that_is_the_same_everywhere_has_no_contours(tmp_path: Path) -> None:
    axes, _ = drawn(plots.load([suited(tmp_path, {"hero": everywhere("ss")})], SUITE)).axes
    assert not [each for each in axes.collections if hasattr(each, "levels")]


def test_offsets_lie_alike_on_both_sides_of_the_middle() -> None:
    found = grid_of(cards.load_suite(SUITE))
    assert found is not None and found.offsets == (-0.1, -0.05, 0.0, 0.05, 0.1) and len(found.conditions) == 15
    assert (found.perturbation, found.parameter) == ("receptacle_shift", "offset")
    assert grid_of(cards.load_suite("libero-layout")) is None


def test_data_that_it_has_no_use_for(tmp_path: Path) -> None:
    results = played(tmp_path, "pair-clutter", {"hero": {"clean": "s"}})
    with pytest.raises(OptionError, match="is said by a suite\n  fix: --suite libero-plate-grid"):
        drawn(plots.load([results]))
    with pytest.raises(OptionError, match="suite 'pair-clutter' has no grid of places"):
        drawn(plots.load([results], "pair-clutter"))
