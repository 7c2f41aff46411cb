"""Policies that one recipe made with several seeds: found by their cards, and summed up below their own rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.factories import episodes, write_records
from tests.reports.tables.conftest import HERO, played
from vlabench import cards
from vlabench.cards.lineage import recipe
from vlabench.reports import tables
from vlabench.reports.tables import Choice, make
from vlabench.reports.tables.paired import Cell

CARD = """
title = "{name}"
source = "a test"
adapter = "random"
assets = ["primitive"]
train = "vlabench train --policy {name} --seed {seed}"

[training]
method = "sft"

[training.options]
epochs = {epochs}
"""
MADE = """
[made]
command = "vlabench train"
seed = {seed}
minutes = {seed}
"""


def trained(results: Path, name: str, seed: int, epochs: int = 3, made: bool = True) -> None:
    """A card beside the records, of a policy whose weights were not kept."""
    results.mkdir(exist_ok=True)
    (results / f"{name}.toml").write_text((CARD + MADE * made).format(name=name, seed=seed, epochs=epochs))


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Three trainings of one recipe and one of another, three episodes each; and a policy without a card."""
    letters = {"hero": "sss", "hero-seed-1": "ssf", "hero-seed-2": "sff", "other": "fff", "lone": "sss"}
    for seed, name in enumerate(("hero", "hero-seed-1", "hero-seed-2")):
        trained(tmp_path, name, seed, made=seed != 2)
    trained(tmp_path, "other", 3, epochs=4)
    return write_records(tmp_path, [each for name, far in letters.items()
                                    for condition, outcomes in (("clean", "sss"), ("far", far))
                                    for each in episodes("kitchen/0", condition, outcomes, policy=name)])


def test_trainings_of_one_recipe_are_summed_up_below_their_rows(results: Path) -> None:
    sheet = make([results], Choice())
    assert [line.name for line in sheet.lines] == [
        "hero", "hero − clean", "hero-seed-1", "hero-seed-1 − clean", "hero-seed-2", "hero-seed-2 − clean",
        "hero, 3 trainings", "lone", "lone − clean", "other", "other − clean"]
    clean, far = sheet.lines[6].cells
    assert isinstance(clean, Cell) and (clean.value, clean.spread) == (1, 0)
    # 100, 66.7 and 33.3 %: 66.7 ± 33.3; each episode's mean over the trainings is 1, 2/3, 1/3
    assert isinstance(far, Cell) and far.n == 3
    assert far.value == pytest.approx(2 / 3) and far.spread == pytest.approx(1 / 3)
    text = tables.rendered(sheet, "md")
    assert "| 66.7 ± 33.3 [" in text and text.count("- k trainings: one recipe with k seeds") == 1
    assert [mark.value for mark in sheet.marks()[6]] == ["none", "none"]


def test_one_training_alone_is_no_row_and_no_note(results: Path) -> None:
    sheet = make([results], Choice(policies=["hero", "other", "lone"]))
    assert not any("trainings" in line.name for line in sheet.lines) and not any("seeds" in n for n in sheet.notes)
    trained(results, "hero-seed-1", 0)  # what one training kept of its course has one seed
    sheet = make([results], Choice(policies=["hero", "hero-seed-1"]))
    assert not any("trainings" in line.name for line in sheet.lines)


def test_trainings_that_share_a_seed_are_named_and_not_summed_up(results: Path) -> None:
    trained(results, "hero-seed-2", 1)
    sheet = make([results], Choice(policies=["hero*"]))
    assert not any("trainings" in line.name for line in sheet.lines)
    note = ("Not summed up with other trainings of the recipe: hero-seed-1, hero-seed-2, of which each has seed 1; "
            "--policies chooses one of them.")
    assert note in sheet.notes
    trained(results, "lone", 7)
    sheet = make([results], Choice(policies=["hero*", "lone"]))
    (both,) = (line for line in sheet.lines if "trainings" in line.name)
    assert both.name.endswith(", 2 trainings") and note in sheet.notes
    assert isinstance(both.cells[1], Cell) and both.cells[1].value == 1


def test_a_papers_table_has_the_row_too(tmp_path: Path) -> None:
    for seed, name in enumerate(("hero", "hero-s1")):
        trained(tmp_path, name, seed)
        write_records(tmp_path, played(name, {**HERO, "shift": "sfff" if seed else "ssff"}))
    sheet = make([tmp_path], Choice("robustvla-1", published=True))
    assert [line.name for line in sheet.lines][:3] == ["hero", "hero-s1", "hero, 2 trainings"]
    shift = sheet.lines[2].cells[0]
    assert isinstance(shift, Cell) and shift.value == 0.375 and shift.spread == pytest.approx(0.25 / 2**0.5)


def test_a_recipe_is_all_but_the_seed_and_what_came_of_it(tmp_path: Path) -> None:
    def of(name: str, seed: int, epochs: int = 3, made: bool = True) -> tuple[str, int] | None:
        trained(tmp_path, name, seed, epochs, made)
        return recipe(cards.load_policy(str(tmp_path / f"{name}.toml")))

    first, told, longer = of("a", 0), of("b", 7, made=False), of("c", 0, 5)
    assert first and told and longer and first[0] == told[0] != longer[0] and (first[1], told[1]) == (0, 7)
    text = (tmp_path / "b.toml").read_text()
    (tmp_path / "d.toml").write_text(text.replace("vlabench train --policy b --seed 7", "python theirs.py"))
    assert recipe(cards.load_policy(str(tmp_path / "d.toml"))) is None


def test_trainings_are_compared_with_all_of_the_rivals_recipe(results: Path) -> None:
    """Hero's three trainings do 100, 66.7 and 33.3 % far away, other's two 0 and 66.7; lone has one."""
    trained(results, "other-seed-9", 9, epochs=4)
    write_records(results, [each for condition, outcomes in (("clean", "sss"), ("far", "ssf"))
                            for each in episodes("kitchen/0", condition, outcomes, policy="other-seed-9")])
    sheet = make([results], Choice(versus="hero"))
    names = [line.name for line in sheet.lines]
    assert names.index("other, 2 trainings − hero, 3 trainings") == names.index("other, 2 trainings") + 1
    assert "lone − hero, 3 trainings" in names and not any(name.startswith("hero, 3 trainings −") for name in names)
    by_name = {line.name: line.cells for line in sheet.lines}
    clean, far = by_name["other, 2 trainings − hero, 3 trainings"]
    assert isinstance(clean, Cell) and clean.value == 0 and clean.p == 1
    assert isinstance(far, Cell) and far.value == pytest.approx(1 / 3 - 2 / 3) and far.low < -0.6 and far.high > 0
    clean, far = by_name["lone − hero, 3 trainings"]
    assert isinstance(far, Cell) and far.value == pytest.approx(1 / 3) and far.p is not None and far.p > 0.05
    # of one training and one there is a line already, and no second one
    alone = make([results], Choice(versus="hero", policies=["hero", "lone", "other"]))
    assert not any("trainings" in line.name for line in alone.lines)
