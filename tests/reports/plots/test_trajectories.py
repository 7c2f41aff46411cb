"""The ways of the hand: how far it turned, against rotations composed by scipy; what a figure shows of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tests.reports.plots.conftest import played
from vlabench.errors import OptionError
from vlabench.reports import plots
from vlabench.reports.plots.trajectories import Course, drawn, turned
from vlabench.simulators.maniskill.simulator import Maniskill
from vlabench.types import EpisodeSpec

DOWN = Rotation.from_euler("xyz", [np.pi, 0.1, 0.7])
"""How a hand may begin."""


def poses(turns: list[Rotation]) -> Any:
    found = np.tile(np.eye(4), (len(turns), 1, 1))
    found[:, :3, :3] = [(turn * DOWN).as_matrix() for turn in turns]
    return found


def test_a_turn_about_the_vertical_is_told_in_degrees_and_goes_on_beyond_half_a_turn() -> None:
    angles = [0.0, 30.0, 100.0, 170.0, 200.0, 120.0, -20.0]
    found = turned(poses([Rotation.from_euler("z", angle, degrees=True) for angle in angles]))
    assert found == pytest.approx(angles, abs=1e-6)


def test_a_tilt_is_no_turn() -> None:
    tilts = [Rotation.identity(), Rotation.from_euler("x", 40, degrees=True), Rotation.from_rotvec([0.3, -0.4, 0.0])]
    assert turned(poses(tilts)) == pytest.approx(0.0, abs=1e-6)
    both = Rotation.from_euler("y", 30, degrees=True) * Rotation.from_euler("z", 50, degrees=True)  # swing of a twist
    assert turned(poses([Rotation.identity(), both]))[1] == pytest.approx(50.0)


def test_the_figure_has_a_space_for_each_policy_with_its_spread(tmp_path: Path) -> None:
    data = plots.load([played(tmp_path, "maniskill-ind", {"hero": {"clean": "sf"}, "rival": {"clean": "ff"}})],
                      "maniskill-ind")
    line = np.linspace([0.0, 0.0, 1.0], [0.3, 0.0, 1.0], 4)
    courses = {"hero": [Course(line, np.array([0.0, 10.0, 20.0, 30.0]), True), Course(line + [0, 0.1, 0], np.zeros(4),
                                                                                      False)],
               "rival": [Course(line, np.zeros(4), False)] * 2}
    specs = [EpisodeSpec(Maniskill("primitive").tasks("maniskill_put_on_plate")[0], "clean", index) for index in (0, 1)]
    figure: Any = drawn(data, specs, courses)
    one, other = figure.axes[:2]
    # x: 0, 10, 20, 30 cm, of which the variance is 125; y: 0 or 10 cm, 25; turns: 0 10 20 30 and four noughts
    spread, turns = np.sqrt(125 + 25), np.std([0, 10, 20, 30, 0, 0, 0, 0])
    assert one.get_title() == f"hero: 1 of 2 succeed\nspread {spread:.1f} cm, {turns:.1f}°"
    assert other.get_title() == f"rival: 0 of 2 succeed\nspread {np.sqrt(125):.1f} cm, 0.0°"
    first = one.collections[0]
    np.testing.assert_allclose(first.get_array(), [5, 15, 25])
    assert first.get_clim() == (-30, 30)
    assert [line.get_marker() for line in one.get_lines()] == [".", "o", ".", "x"]
    assert "2 episodes of maniskill_put_on_plate, clean" in figure.get_supxlabel().replace("\n", " ")


def test_without_recordings_it_says_how_to_have_some(tmp_path: Path) -> None:
    data = plots.load([played(tmp_path, "maniskill-ind", {"hero": {"clean": "sf"}})], "maniskill-ind")
    with pytest.raises(OptionError, match="no recording of hero on primitive fits, under clean\n  fix: .* --record"):
        plots.trajectories(data, plots.Choice(), 4, lambda text: None)
    with pytest.raises(OptionError, match="--episodes 0: must be in 1 … 200"):
        plots.trajectories(data, plots.Choice(), 0, lambda text: None)
