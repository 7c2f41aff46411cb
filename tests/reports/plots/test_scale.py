"""Success over demonstrations, as drawn: who is one line, and where its points are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.factories import episodes, write_records
from tests.reports.tables.test_trainings import CARD, MADE
from vlabench import cards
from vlabench.errors import OptionError
from vlabench.reports import plots
from vlabench.types import EpisodeRecord

SUITE = cards.load_suite("maniskill-ood")


def cloned(results: Path, name: str, per_task: int, seed: int = 0, steps: int = 100, rate: float = 1e-3) -> None:
    results.mkdir(exist_ok=True)
    options = (f'task_sets = ["maniskill_put_on_plate"]\nrounds = [{{ per_task = {per_task}, steps = {steps}, '
               f'learning_rate = {rate} }}]')
    card = CARD.format(name=name, seed=seed, epochs=0).replace("epochs = 0", options) + MADE.format(seed=seed)
    (results / f"{name}.toml").write_text(f"{card}spent = {{ rollouts = {16 * per_task} }}\n")


def played(policy: str, grasped: str = "", **outcomes: str) -> list[EpisodeRecord]:
    """Under conditions of SUITE, of ManiSkill's first task; grasped: in which episodes the object was."""
    found = list[EpisodeRecord]()
    for condition, letters in outcomes.items():
        each = episodes("maniskill_put_on_plate/0", condition, letters, policy=policy,
                        condition_digest=SUITE.conditions[condition].digest)
        found += [replace(record, milestones={"grasped": grasped[number] == "s"}) if grasped else record
                  for number, record in enumerate(each)]
    return found


def lines(axes: Any, style: str = "-") -> dict[str, list[tuple[float, float]]]:
    """Label → points, of lines over more than one number."""
    return {line.get_label(): list(zip(line.get_xdata(), np.round(line.get_ydata(), 1), strict=True))
            for line in axes.lines if len(set(line.get_xdata())) > 1 and line.get_linestyle() == style}


def test_trainings_that_differ_in_their_demonstrations_are_a_line(tmp_path: Path) -> None:
    for name, per_task, seed in (("sft-25", 25, 0), ("sft-100", 100, 0), ("sft-100-seed-1", 100, 1)):
        cloned(tmp_path, name, per_task, seed, steps=4 * per_task)
    cloned(tmp_path, "faster", 100, rate=1e-2)  # of another recipe, once
    results = write_records(tmp_path, [
        *played("sft-25", clean="ssff", table="sfff", position="ffff"),
        *played("sft-100", clean="ssss", table="ssff", position="sfff"),
        *played("sft-100-seed-1", clean="ssff", table="ssff", position="ssff"),
        *played("faster", clean="ssss", table="ssss", position="ssss")])
    figure: Any = plots.draw("scale", plots.load([results], "maniskill-ood", together=False))
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["clean", "vision", "execution"]
    clean, vision, execution = (lines(axes) for axes in figure.axes)
    assert clean == {"sft": [(400, 50.0), (1600, 75.0)]}  # of two seeds the mean
    assert [*vision.values()] == [[(400, 25.0), (1600, 50.0)]]
    assert [*execution.values()] == [[(400, 0.0), (1600, 37.5)]]


def test_grasps_are_drawn_beside_where_records_have_them(tmp_path: Path) -> None:
    for per_task in (25, 50):
        cloned(tmp_path, f"sft-{per_task}", per_task)
    results = write_records(tmp_path, [*played("sft-25", "ssss", clean="sfff"),
                                       *played("sft-50", "sssf", clean="ssff")])
    figure: Any = plots.draw("scale", plots.load([results], milestones=["grasped_5", "grasped"], together=False))
    (axes,) = figure.axes
    assert lines(axes)["sft"] == [(400, 25.0), (800, 50.0)]
    assert [*lines(axes, ":").values()] == [[(400, 100.0), (800, 75.0)]]
    assert "dotted: grasped" in figure.get_supxlabel().replace("\n", " ")


def test_who_is_in_no_line_costs_the_others_nothing(tmp_path: Path) -> None:
    """Nor do packs mix, nor is a milestone drawn that not all of a line's episodes tell."""
    for per_task in (25, 50):
        cloned(tmp_path, f"sft-{per_task}", per_task)
    records = [*played("sft-25", "ssss", clean="sfff"), *played("sft-50", clean="ssff")]
    official = [replace(each, assets="official", status="success") for each in records]
    lone = episodes("maniskill_put_on_plate/0", "clean", "s", policy="lone",
                    condition_digest=SUITE.conditions["clean"].digest)
    results = write_records(tmp_path, [*records, *official, *lone])
    figure: Any = plots.draw("scale", plots.load([results], milestones=["grasped"], together=False))
    (axes,) = figure.axes
    assert lines(axes) == {"sft (primitive)": [(400, 25.0), (800, 50.0)],
                           "sft (official)": [(400, 100.0), (800, 100.0)]}
    said = figure.get_supxlabel().replace("\n", " ")
    assert "In no line: lone on primitive." in said and "grasped" not in said


def test_trainings_of_one_seed_are_not_one_point(tmp_path: Path) -> None:
    cloned(tmp_path, "sft-25", 25)
    for name, steps in (("sft-50", 100), ("sft-50-long", 900)):
        cloned(tmp_path, name, 50, steps=steps)
    results = write_records(tmp_path, [each for name in ("sft-25", "sft-50", "sft-50-long")
                                       for each in played(name, clean="ss")])
    with pytest.raises(OptionError, match="of one number of demonstrations there are several with one seed, or with o"):
        plots.draw("scale", plots.load([results], together=False))


def test_an_option_of_trainings_may_take_their_place(tmp_path: Path) -> None:
    """As a weight; trainings that differ in anything else are no line."""
    for name, rate, per_task in (("slow", 1e-4, 25), ("fast", 1e-2, 25), ("more", 1e-2, 50)):
        cloned(tmp_path, name, per_task, rate=0.5)
        card = tmp_path / f"{name}.toml"
        card.write_text(card.read_text().replace(
            "task_sets =", f"objectives = {{ fan_ppo = {{ weight = {rate} }} }}\ntask_sets ="))
    results = write_records(tmp_path, [*played("slow", clean="sfff"), *played("fast", clean="sssf"),
                                       *played("more", clean="ssss")])
    figure: Any = plots.draw("scale", plots.load([results], over="objectives.fan_ppo.weight", together=False))
    (axes,) = figure.axes
    assert [*lines(axes).values()] == [[(1e-4, 25.0), (1e-2, 75.0)]]
    assert axes.get_xlabel() == "objectives.fan_ppo.weight" and axes.get_xscale() == "log"
    with pytest.raises(OptionError, match="trained alike but for their `task_sets`"):
        plots.draw("scale", plots.load([results], over="task_sets", together=False))


def test_one_number_of_demonstrations_is_no_line(tmp_path: Path) -> None:
    cloned(tmp_path, "sft-25", 25)
    with pytest.raises(OptionError, match="were trained alike but for their number of demonstrations"):
        plots.draw("scale", plots.load([write_records(tmp_path, played("sft-25", clean="ss"))]))
