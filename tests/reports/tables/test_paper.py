"""RL4VLA's, FAN's and PAIR's tables, filled with records that can be counted by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.factories import episodes, record, write_records
from vlabench import cards
from vlabench.reports import tables
from vlabench.reports.tables import Choice, Sheet, make
from vlabench.reports.tables.paired import Cell
from vlabench.reports.tables.sheet import PUBLISHED, Line
from vlabench.types import EpisodeRecord

TRAINED = """
title = "{name}"
source = "a test"
adapter = "random"
assets = ["primitive"]
trained_on = ["maniskill_pair"]
train = "vlabench train --policy {name}"
training = {{ method = "rloo" }}
"""
SHIFTS = {
    "clean": "sssf",
    # vision: 1, 1/2, 1/2, 1/4, 1/4: 50 %
    "table": "ssss", "texture-weak": "ssff", "texture-strong": "ffss", "noise-weak": "sfff", "noise-strong": "fsff",
    # semantic: 1/4 but for the two objects of training, which are easy: 1, so (6/4 + 1)/7 = 35.7 %
    "unseen_object": "sfff", "unseen_receptacle": "fsff", "instruction": "ffsf", "multi_object_ind": "ssss",
    "multi_object_ood": "sfff", "distractor_receptacle": "fsff", "multi_receptacle": "ffsf",
    # execution: 3/4 each
    "position": "sssf", "robot_pose": "ssfs", "object_reposition": "sfss",
}  # fmt: skip


def points(line: Line) -> list[float | str | None]:
    return [round(100 * cell.value, 1) if isinstance(cell, Cell) else cell for cell in line.cells]


def by_name(sheet: Sheet) -> dict[str, Line]:
    return {f"{line.group} {line.name}".strip(): line for line in sheet.lines}


def played(policy: str, suite: str, outcomes: Mapping[str, str]) -> Iterator[EpisodeRecord]:
    """One task, under conditions as the suite has them."""
    card = cards.load_suite(suite)
    for name, letters in outcomes.items():
        yield from episodes(f"{card.task_sets[0]}/0", name, letters, policy=policy,
                            condition_digest=card.conditions[name].digest)


@pytest.fixture(scope="module")
def shifted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`plain`, and `pair`, which was trained with two objects."""
    root = tmp_path_factory.mktemp("shifted")
    (root / "pair.toml").write_text(TRAINED.format(name="pair"))
    return write_records(root, [each for name in ("plain", "pair") for each in played(name, "maniskill-ood", SHIFTS)])


@pytest.mark.parametrize("number", ["1", "2", "11", "12"])
def test_fan_s_average_is_the_mean_of_three_groups_and_not_of_their_conditions(number: str, shifted: Path) -> None:
    sheet = make([shifted], Choice(f"fan-{number}", policies=["plain"]))
    assert [head.name for head in sheet.columns] == ["In-distribution", "Vision", "Semantic", "Execution", "Avg."]
    # (50 + 35.7 + 75) / 3, where the fifteen conditions alike would be 48.3
    assert points(sheet.lines[0]) == [75.0, 50.0, 35.7, 75.0, 53.6]
    assert any("in an average of columns every column" in note for note in sheet.notes)
    average = sheet.lines[0].cells[-1]
    assert isinstance(average, Cell) and average.n == 4 and average.low < average.value < average.high
    assert [line.name for line in sheet.lines] == ["plain"]


def test_what_two_objects_in_training_made_easy_is_marked_and_left_out_once(shifted: Path) -> None:
    sheet = make([shifted], Choice("fan-1"))
    assert [line.name for line in sheet.lines] == [
        "pair", "pair, without multi_object_ind", "plain", "plain, without multi_object_ind"]
    marked = [cell.familiar for cell in sheet.lines[0].cells if isinstance(cell, Cell)]
    assert marked == [False, False, True, False, True]
    assert not any(cell.familiar for line in sheet.lines[1:] for cell in line.cells if isinstance(cell, Cell))
    # the six others 1/4 each, and (50 + 25 + 75) / 3
    assert points(sheet.lines[1]) == points(sheet.lines[3]) == ["", "", 25.0, "", 50.0]
    assert not sheet.lines[1].ranked
    assert any(note.startswith("†: in scenes such as those of a task set that it was trained on (pair: maniskill_pair)."
                               " Of plain no card") for note in sheet.notes)
    assert any(note.startswith("without multi_object_ind: averages over the other conditions") for note in sheet.notes)
    # By condition there is nothing to leave out, and only one cell to mark.
    parts = make([shifted], Choice("fan-14"))
    assert not any(note.startswith("without") for note in parts.notes)
    assert [line.name for line in parts.lines] == ["pair", "plain"]
    assert [head.name for head, cell in zip(parts.columns, parts.lines[0].cells, strict=True)
            if isinstance(cell, Cell) and cell.familiar] == ["M-Obj. (IND)"]


def test_the_suite_s_mean_stands_with_and_without_it(shifted: Path) -> None:
    lines = by_name(make([shifted], Choice(suite="maniskill-semantic")))
    assert points(lines["pair"])[-2:] == points(lines["plain"])[-2:] == [35.7, 25.0]
    rest = lines["pair, without multi_object_ind"]
    assert points(rest) == [*[""] * 8, 25.0, 25.0] and not rest.ranked
    assert not any("without" in name for name in by_name(make([shifted], Choice(
        suite="maniskill-semantic", policies=["plain"]))))
    assert not any("without" in name for name in by_name(make([shifted], Choice(suite="maniskill-execution"))))
    # nor is there a line of it for who has not played it
    other = write_records(shifted, episodes("libero_goal/0", "clean", "ss", policy="elsewhere"))
    names = by_name(make([other], Choice()))
    assert "pair, without multi_object_ind" in names and "elsewhere, without multi_object_ind" not in names


def grasped(letters: str, **changes: object) -> Iterator[EpisodeRecord]:
    """w(on), 5 (grasped for five steps), g(rasped), f(ailed), e(rror)."""
    for index, letter in enumerate(letters):
        milestones = {} if letter == "e" else {"grasped": letter in "w5g", "grasped_5": letter in "w5"}
        status = {"w": "success", "e": "error"}.get(letter, "failure")
        yield record(task="maniskill_put_on_plate/0", index=index, status=status, milestones=milestones, **changes)


def test_rl4vla_s_tables_have_grasps_from_milestones_beside_success(tmp_path: Path) -> None:
    suite = cards.load_suite("maniskill-ood").conditions
    letters = {"clean": "wwww", "table": "w5gf", "texture-weak": "55gg", "texture-strong": "gggg", "noise-weak": "fffw",
               "noise-strong": "wfee"}
    results = write_records(tmp_path, [each for policy in ("hero", "rival") for name, outcomes in letters.items()
                                       for each in grasped("ffff" if policy == "rival" else outcomes, policy=policy,
                                                           condition=name, condition_digest=suite[name].digest)])
    sheet = make([results], Choice("rl4vla-1", published=True))
    assert sheet.transposed
    assert [head.name for head in sheet.columns] == ["IND", "Table", "Texture-w", "Texture-s", "Noise-w", "Noise-s"]
    lines = by_name(sheet)
    assert list(lines) == [f"{measure} {name}" for measure in ("Acc.", "Cont. Acc.", "Suc.")
                           for name in ("hero", "rival", "SFT", "RL")]
    assert points(lines["Acc. hero"]) == [100.0, 75.0, 100.0, 100.0, 25.0, 50.0]
    assert points(lines["Cont. Acc. hero"]) == [100.0, 50.0, 50.0, 0.0, 25.0, 50.0]
    assert points(lines["Suc. hero"]) == [100.0, 25.0, 0.0, 0.0, 25.0, 50.0]
    assert points(lines["Acc. SFT"]) == [92.2, 88.0, 89.6, 83.9, 90.1, 78.1]
    assert points(lines["Cont. Acc. RL"])[1] == 92.7 and lines["Suc. RL"].kind == PUBLISHED
    marks = dict(zip(lines, sheet.marks(), strict=True))
    assert [mark.value for mark in marks["Acc. hero"]] == ["best"] * 6
    assert "Cont. Acc.: the episodes that reached the milestone grasped_5, at whatever step." in sheet.notes
    text = tables.rendered(sheet, "md")
    assert "Acc.: hero" in text and "| Table " in text
    assert "92.7 ± 1.9" in text and "88.0 ± 3.2" in text  # of RL and SFT
    assert "RL4VLA table 1: ± is the standard deviation between three seeds." in sheet.notes
    assert "±" not in tables.rendered(sheet, "md", intervals=False).partition("\n- ")[0]


def test_pair_s_tables_print_success_at_the_end_below_and_rank_it_not(tmp_path: Path) -> None:
    suite = cards.load_suite("maniskill-pair").conditions
    # o: held at some step, not at the end
    letters = {"clean": "ssss", "table": "ssoo", "lighting": "oooo", "unseen_pose": "ssff", "clutter-2": "ssss",
               "clutter-4": "ssso", "clutter-6": "sfff", "clutter-8": "ffff"}
    results = write_records(tmp_path, [
        record(task="maniskill_pair/0", condition=name, index=index, condition_digest=suite[name].digest, policy="hero",
               status="success" if letter == "s" else "failure", success_once=letter in "so",
               success_at_end=letter == "s")
        for name, outcomes in letters.items() for index, letter in enumerate(outcomes)])
    sheet = make([results], Choice("pair-1"))
    assert [line.name for line in sheet.lines] == ["hero", "hero, at the end"]
    # Clutter: (1 + 1 + 1/4 + 0) / 4 and (1 + 3/4 + 1/4 + 0) / 4; Avg. of the four columns
    assert points(sheet.lines[0]) == [100.0, 100.0, 50.0, 56.2, 76.6]
    assert points(sheet.lines[1]) == [50.0, 0.0, 50.0, 50.0, 37.5]
    assert not sheet.lines[1].ranked and any(note.startswith("at the end: the same") for note in sheet.notes)
    assert points(make([results], Choice("pair-figure-3")).lines[0]) == [100.0, 100.0, 25.0, 0.0]
    assert [line.name for line in make([results], Choice("pair-1", at_end=True)).lines] == ["hero"]
    for suite_name, columns in (("maniskill-pair", 10), ("pair-clutter", 7)):
        lines = by_name(make([results], Choice(suite=suite_name)))
        assert list(lines) == ["hero", "hero, at the end", "hero − clean"]
        assert len(lines["hero, at the end"].cells) == columns and not lines["hero, at the end"].ranked
    summed = by_name(make([results], Choice("summary", suite="pair-texture")))
    assert points(summed["maniskill_pair"])[:2] == [100.0, 100.0]
    assert points(summed["maniskill_pair, at the end"]) == [100.0, 50.0, ""]


def test_rows_of_one_name_are_told_apart_by_their_model(shifted: Path, tmp_path: Path) -> None:
    results = write_records(tmp_path, played("hero", "maniskill-pair", {"clutter-8": "sf"}))
    quoted = [line for line in make([results], Choice("pair-figure-3", published=True)).lines
              if line.kind == PUBLISHED]
    assert [(line.name, line.source, points(line)[-1]) for line in quoted] == [
        ("OpenVLA PPO", "PAIR-VLA figure 3", 56.0), ("OpenVLA PAIR-VLA", "PAIR-VLA figure 3", 72.0),
        ("π0.5 PPO", "PAIR-VLA figure 3", 21.0), ("π0.5 PAIR-VLA", "PAIR-VLA figure 3", 33.0)]
