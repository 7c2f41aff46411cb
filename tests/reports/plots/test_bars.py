"""Bars by setting: their heights, places and interval ends, against figures counted by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.factories import episodes, write_records
from tests.reports.plots.conftest import played
from tests.reports.tables.conftest import agresti_coull
from vlabench.errors import OptionError
from vlabench.reports import plots
from vlabench.reports.plots.style import LOOKS

HERO = {"clean": "ssss", "table": "sssf", "lighting": "ssff", "unseen_pose": "sfff", "clutter-2": "ssss",
        "clutter-4": "sssf", "clutter-6": "sfff", "clutter-8": "ffff"}  # fmt: skip
RIVAL = {"clean": "ssff", "table": "ffff", "clutter-2": "sfff"}


def drawn(data: plots.Data) -> Any:
    """The axes of the figure, and its small print in one line."""
    figure: Any = plots.draw("bars", data)
    return figure.axes[0], figure.get_supxlabel().replace("\n", " ")


def heights(axes: Any, number: int) -> dict[str, tuple[float, bool]]:
    """Setting → height of a policy's bar over it, and whether it is filled. The n-th policy's are off the middle."""
    names = [label.get_text() for label in axes.get_xticklabels()]
    found = {}
    for bar in axes.patches:
        middle = bar.get_x() + bar.get_width() / 2
        if (middle > round(middle)) == bool(number):
            colour = bar.get_edgecolor() if bar.get_facecolor()[:3] == (1, 1, 1) else bar.get_facecolor()
            assert colour[:3] == pytest.approx(tuple(int(LOOKS[number].color[i:i + 2], 16) / 255 for i in (1, 3, 5)))
            found[names[round(middle)]] = bar.get_height(), bar.get_facecolor()[:3] != (1, 1, 1)
    return found


def test_settings_stand_in_the_groups_of_the_suites_that_one_includes(tmp_path: Path) -> None:
    results = played(tmp_path, "maniskill-pair", {"hero": HERO, "rival": RIVAL})
    axes, said = drawn(plots.load([results], "maniskill-pair"))
    hero = {"clean": 100, "table": 75, "lighting": 50, "unseen_pose": 25, "clutter-2": 100, "clutter-4": 75,
            "clutter-6": 25, "clutter-8": 0, "mean": 50}  # fmt: skip
    found = heights(axes, 0)
    assert {name: height for name, (height, _) in found.items()} == pytest.approx(hero)
    assert [*found] == [*hero] and {name for name, (_, filled) in found.items() if not filled} == {"mean"}
    assert heights(axes, 1) == {"clean": (50, True), "table": (0, True), "clutter-2": (25, True)}
    groups = {text.get_text(): text.get_position()[0] for text in axes.texts if text.get_text()}
    assert groups == {"texture": 1, "lighting": 2, "pose": 3, "clutter": 6}  # clutter's from 4 to its mean, 8
    assert "Open: the mean" in said and "No bar: not played" in said and "95 % intervals about exactly these" in said
    assert [text.get_text() for text in axes.figure.legends[0].get_texts()] == ["hero", "rival"]


def test_each_bar_has_its_interval(tmp_path: Path) -> None:
    results = played(tmp_path, "pair-clutter", {"hero": {"clean": "ssss", "clutter-4": "sssf", "clutter-8": "ffff"}})
    axes, _ = drawn(plots.load([results], "pair-clutter"))
    ends = {(line.get_xdata()[0], *line.get_ydata()) for line in axes.get_lines() if len(set(line.get_xdata())) == 1}
    for place, share in enumerate((1, 0.75, 0)):
        assert any(end == pytest.approx((place, *(100 * each for each in agresti_coull(share, 8)))) for end in ends)


def test_without_a_suite_made_of_others_there_is_one_group(tmp_path: Path) -> None:
    records = [*episodes("kitchen/0", "clean", "ss"), *episodes("kitchen/0", "far", "sf"),
               *episodes("kitchen/0", "near", "ff")]
    axes, said = drawn(plots.load([write_records(tmp_path, records)]))
    assert [label.get_text() for label in axes.get_xticklabels()] == ["clean", "far", "near", "mean"]
    assert [bar.get_height() for bar in axes.patches] == [100, 50, 0, 25]
    assert not axes.texts and "No bar" not in said


def test_a_suites_own_settings_follow_those_of_the_suites_that_it_includes(tmp_path: Path) -> None:
    card = tmp_path / "mixed.toml"
    card.write_text('title = "t"\nsource = "s"\nsimulator = "maniskill"\ntask_sets = ["maniskill_pair"]\nepisodes = 1\n'
                    'include = ["pair-texture"]\n[conditions]\ndim = [{ perturbation = "lighting" }]\n')
    axes, _ = drawn(plots.load([played(tmp_path / "r", str(card), {"hero": {"dim": "sf", "table": "ss"}})], str(card)))
    assert [label.get_text() for label in axes.get_xticklabels()] == ["table", "dim"]
    assert [text.get_text() for text in axes.texts] == ["pair-texture", "mixed"]


def test_more_bars_than_stand_beside_each_other_are_refused(tmp_path: Path) -> None:
    records = [each for k in range(60) for each in episodes("kitchen/0", f"far{k}", "s")]
    with pytest.raises(OptionError, match=r"bars of 61 settings and 1 policy do not .*\n  fix: --conditions or"):
        drawn(plots.load([write_records(tmp_path, records)]))
