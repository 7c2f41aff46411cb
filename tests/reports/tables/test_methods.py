"""Methods of two simulators in one table: who competes with whom, over what, and at which cost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.factories import episodes, write_records
from tests.reports.tables.test_trainings import trained
from vlabench import cards
from vlabench.errors import OptionError, UnknownName
from vlabench.reports.tables import Choice, make
from vlabench.reports.tables.paired import Cell
from vlabench.types import EpisodeRecord

LIBERO, MANISKILL = "libero_goal/0", "maniskill_put_on_plate/0"
SUITES = ("libero-observation", "maniskill-observation", "maniskill-pair", "maniskill-ood")


def spent(results: Path, name: str, rollouts: int) -> None:
    card = results / f"{name}.toml"
    card.write_text(card.read_text() + f"spent = {{ rollouts = {rollouts} }}\n")


def played(task: str, policy: str, **outcomes: str) -> list[EpisodeRecord]:
    """A letter for each episode, under conditions of the suites below."""
    known = {name: each for suite in SUITES if suite.startswith(task.split("_", 1)[0])
             for name, each in cards.load_suite(suite).conditions.items()}
    return [each for condition, letters in outcomes.items()
            for each in episodes(task, condition, letters, policy=policy, condition_digest=known[condition].digest)]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """On LIBERO two trainings of `hero` beside `base`; on ManiSkill `bridge`, and `base` once more; a policy that was
    never perturbed."""
    for seed, name in enumerate(("hero", "hero-seed-1")):
        trained(tmp_path, name, seed)
        spent(tmp_path, name, 1000 + 500 * seed)
    trained(tmp_path, "base", 2, epochs=9)
    return write_records(tmp_path, [
        *played(LIBERO, "hero", clean="ssss", shift="ssff", rotation="ssss"),
        *played(LIBERO, "hero-seed-1", clean="sssf", shift="sfff", rotation="sssf"),
        *played(LIBERO, "base", clean="ssssff", shift="ffffss", erasing="ssssss"),
        *played(MANISKILL, "base", clean="ffff", occlusion="ffff"),
        *played(MANISKILL, "bridge", clean="ssss", occlusion="sfff"),
        *played(MANISKILL, "lone", clean="s"), *played("libero_spatial/0", "lone", clean="s")])


def test_a_line_for_each_method_and_simulator(results: Path) -> None:
    sheet = make([results], Choice("methods"))
    assert [head.name for head in sheet.columns] == ["trainings", "clean", "perturbed", "minutes", "rollouts"]
    found = {(line.group, line.name): [round(100 * cell.value, 1) if isinstance(cell, Cell) else cell
                                       for cell in line.cells] for line in sheet.lines}
    # shift is the one condition that all of LIBERO's policies have; base's last two episodes are no one else's
    assert found == {("libero", "base"): ["1", 100.0, 0.0, "2", ""],
                     ("libero", "hero"): ["2", 87.5, 37.5, "0", "1,250"],
                     ("maniskill", "base"): ["1", 0.0, 0.0, "2", ""],
                     ("maniskill", "bridge"): ["", 100.0, 25.0, "", ""]}
    assert "libero, primitive: clean, and as perturbed shift, over libero_goal." in sheet.notes
    # who was never perturbed costs the others nothing
    assert "Without a task set that was played both clean and perturbed: lone on primitive." in sheet.notes
    counts = {line.name: [cell.n for cell in line.cells if isinstance(cell, Cell)] for line in sheet.lines}
    assert counts == {"base": [4, 4], "hero": [4, 4], "bridge": [4, 4]}


def test_methods_of_one_section_compete(results: Path) -> None:
    sheet = make([results], Choice("methods"))
    best = {(line.group, line.name, head.name) for line, marks in zip(sheet.lines, sheet.marks(), strict=True)
            for head, mark in zip(sheet.columns, marks, strict=True) if mark.value == "best"}
    assert best == {("libero", "base", "clean"), ("libero", "hero", "perturbed"), ("maniskill", "bridge", "clean"),
                    ("maniskill", "bridge", "perturbed")}


def test_task_sets_with_erasing_conditions_are_sections_of_their_own(tmp_path: Path) -> None:
    pair = "maniskill_pair/0"
    results = write_records(tmp_path, [
        *played(MANISKILL, "bridge", clean="ss", occlusion="sf"), *played(pair, "bridge", clean="sf", unseen_pose="ff"),
        *played(LIBERO, "base", clean="ss", shift="sf"), *played("libero_10/0", "base", clean="ss", shift="ff")])
    sheet = make([results], Choice("methods"))
    assert [(line.group, line.name) for line in sheet.lines] == [
        ("libero", "base"), ("maniskill_put_on_plate", "bridge"), ("maniskill_pair", "bridge")]
    assert any(note == "libero, primitive: clean, and as perturbed shift, over libero_goal, libero_10."
               for note in sheet.notes)


def test_methods_that_share_no_condition_are_told(results: Path, tmp_path: Path) -> None:
    sheet = make([results], Choice("methods", policies=["base", "bridge", "lone"]))
    assert {line.group for line in sheet.lines} == {"libero", "maniskill"}
    write_records(tmp_path, played(LIBERO, "stranger", clean="s", erasing="s"))
    sheet = make([results], Choice("methods"))
    assert {line.group for line in sheet.lines} == {"maniskill"}
    assert any(note.startswith("No perturbed condition on libero_goal, primitive, that all have played of base, hero, "
                               "hero-seed-1, stranger: --policies") for note in sheet.notes)
    with pytest.raises(OptionError, match="no policy has a task set on record both clean and perturbed"):
        make([results], Choice("methods", policies=["lone"]))
    with pytest.raises(OptionError, match="no perturbed condition that all of these policies have played"):
        make([results], Choice("methods", policies=["hero", "stranger"]))
    with pytest.raises(OptionError, match=r"--versus lone: it has no line here, .*; these have: base, hero, "
                                           r"hero-seed-1, bridge\n  fix: --versus base$"):
        make([results], Choice("methods", policies=["base", "hero*", "bridge", "lone"], versus="lone"))


OOD = {"clean": "ssss", "table": "ssff", "noise-weak": "sfff", "instruction": "ssss", "position": "ffff",
       "robot_pose": "sfff"}
"""The hero's episodes under conditions of two, one and two of the parts of maniskill-ood."""


def test_groups_of_a_suite_made_of_others_weigh_the_same(tmp_path: Path) -> None:
    """As FAN averages vision, semantic and execution: by hand 3/8, 1 and 1/8 for the one, 0, 1 and 0 for the other."""
    results = write_records(tmp_path, [
        *played(MANISKILL, "hero", **OOD), *played(MANISKILL, "base", **{
            name: "ssss" if name in ("clean", "instruction") else "ffff" for name in OOD})])
    sheet = make([results], Choice("methods", suite="maniskill-ood", versus="base"))
    assert [head.name for head in sheet.columns] == ["clean", "vision", "semantic", "execution", "perturbed"]
    found = {line.name: [round(cell.value, 4) for cell in line.cells if isinstance(cell, Cell)] for line in sheet.lines}
    assert found == {"hero": [1.0, 0.375, 1.0, 0.125, 0.5], "base": [1.0, 0.0, 1.0, 0.0, 0.3333],
                     "hero − base": [0.0, 0.375, 0.0, 0.125, 0.1667]}
    assert ("maniskill, primitive: clean, and as perturbed the mean of vision, semantic, execution, over "
            "maniskill_put_on_plate; vision is the mean of table, noise-weak; semantic is instruction; "
            "execution is the mean of position, robot_pose.") in sheet.notes
    assert any("in an average of columns every column" in note for note in sheet.notes)
    assert any(note.startswith("A difference between one training and one other") for note in sheet.notes)
    difference = next(line for line in sheet.lines if line.name == "hero − base").cells[4]
    assert isinstance(difference, Cell) and difference.low < 1 / 6 < difference.high and difference.n == 4
    flat = make([results], Choice("methods", versus="base"))  # by condition: 2/4, 1/4, 1, 0, 1/4 and 1/5
    (perturbed, rival) = (line.cells[1] for line in flat.lines if line.name in ("hero", "base"))
    assert isinstance(perturbed, Cell) and isinstance(rival, Cell)
    assert {round(perturbed.value, 4), round(rival.value, 4)} == {0.4, 0.2}


def test_trainings_of_a_recipe_are_compared_together(results: Path) -> None:
    """hero's are 87.5 and 37.5 %, base's 100 and 0."""
    sheet = make([results], Choice("methods", versus="base"))
    found = {(line.group, line.name): [round(100 * cell.value, 1) for cell in line.cells if isinstance(cell, Cell)]
             for line in sheet.lines}
    assert found["libero", "hero − base"] == [-12.5, 37.5] and found["maniskill", "bridge − base"] == [100.0, 25.0]
    assert ("libero", "base − base") not in found
    assert not any(note.startswith("maniskill, primitive: no differences") for note in sheet.notes)
    other = make([results], Choice("methods", versus="hero-seed-1"))
    assert "maniskill, primitive: no differences, as hero-seed-1 has no line there." in other.notes
    assert not any(note.startswith("A difference between one training") for note in other.notes)
    (line,) = (line for line in other.lines
               if line.name.startswith("base − "))
    assert line.name == "base − hero" and [round(100 * cell.value, 1) for cell in line.cells
                                           if isinstance(cell, Cell)] == [12.5, -37.5]
    assert make([results], Choice("methods", versus="hero")).lines == other.lines  # as the table calls it
    with pytest.raises(UnknownName, match="unknown policy 'hera' in --versus: did you mean 'hero'"):
        make([results], Choice("methods", versus="hera"))


def test_what_acted_now_and_then_is_explained(tmp_path: Path) -> None:
    """One condition alone: in how many of its episodes anything changed."""
    often, never = played(LIBERO, "base", shift="sf"), played(LIBERO, "base", shift="--ff")
    results = write_records(tmp_path, [*played(LIBERO, "base", clean="ssss"), *often,
                                       *(replace(each, changed={}) for each in never)])
    assert any(note.startswith("acted k/n: ") for note in make([results], Choice("methods")).notes)
