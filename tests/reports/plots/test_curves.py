"""Trainings beside each other, by the curves that they wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from vlabench.cli.app import app
from vlabench.errors import OptionError
from vlabench.reports import plots
from vlabench.reports.plots.curves import WINDOW, smooth
from vlabench.training.curves import Curves


def training(folder: Path, rollouts: list[float], trials: dict[int, float]) -> Path:
    folder.mkdir(parents=True)
    curves = Curves(folder)
    for number, success in enumerate(rollouts, 1):
        curves.add(number, {"success": success, "kl": 0.1,
                            **({"trial kitchen": trials[number]} if number in trials else {})})
    return folder


def lines(axes: Any, label: str) -> list[tuple[list[float], list[float]]]:
    return [(list(line.get_xdata()), [round(float(y), 1) for y in line.get_ydata()]) for line in axes.get_lines()
            if line.get_label() == label]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_the_thick_line_is_the_mean_of_the_last_few(values: list[float]) -> None:
    expected = [np.mean(values[max(0, n - WINDOW + 1) : n + 1]) for n in range(len(values))]
    assert np.allclose(smooth(np.array(values)), expected)


def test_a_panel_for_rollouts_and_one_for_trials(tmp_path: Path) -> None:
    one = training(tmp_path / "ppo", [0.0, 1.0], {2: 0.5})
    other = training(tmp_path / "fan", [0.5, 0.5, 0.25], {})
    figure: Any = plots.curves([one, other / "curves.csv"])
    rollouts, trials = figure.axes
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["rollouts", "trial kitchen"]
    assert lines(rollouts, "ppo") == [([1, 2], [0, 50])]
    assert lines(rollouts, "fan") == [([1, 2, 3], [50, 50, 41.7])]
    assert lines(trials, "ppo") == [([2], [50])] and lines(trials, "fan") == []


def test_folders_of_one_name_are_told_apart_by_what_is_above(tmp_path: Path) -> None:
    places = [training(tmp_path / above / "ppo", [0.5], {}) for above in ("first", "second")]
    figure: Any = plots.curves(places)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["first/ppo", "second/ppo"]


def test_what_has_no_curves_is_said(tmp_path: Path) -> None:
    good = training(tmp_path / "good", [0.5], {})
    for _ in range(2):
        with pytest.raises(OptionError, match="there is no curves.csv with the success of rollouts or trials\n  fix: "):
            plots.curves([good, tmp_path])
        Curves(tmp_path).add(100, {"loss": 1.0})
    with pytest.raises(OptionError, match="a folder is named twice"):
        plots.curves([good, good / "curves.csv"])
    with pytest.raises(OptionError, match="name the folders"):
        plots.curves([])


def test_the_command_draws_them(tmp_path: Path) -> None:
    folder = training(tmp_path / "ppo", [0.5, 0.75], {})
    done = CliRunner().invoke(app, ["plot", "curves", str(folder), "--out", str(tmp_path / "curves.png")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    wrong = CliRunner().invoke(app, ["plot", "curves", str(folder), "--policies", "ppo"])
    assert wrong.exit_code == 2 and "--policies: curves are drawn of what trainings wrote" in wrong.output
