"""Layouts filled with records that can be counted by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.factories import episodes, write_records
from tests.reports.tables.conftest import HERO, RIVAL, TASK_SETS, agresti_coull, p_of, played
from vlabench import cards
from vlabench.cards import published
from vlabench.errors import OptionError, UnknownName
from vlabench.reports import tables
from vlabench.reports.tables import Choice, Sheet, make
from vlabench.reports.tables.paired import Cell
from vlabench.reports.tables.sheet import MEASURED, PUBLISHED, Head, Line


def points(line: Line) -> list[float | None]:
    return [round(100 * cell.value, 1) if isinstance(cell, Cell) else None for cell in line.cells]


def line(sheet: Sheet, name: str) -> Line:
    (found,) = (each for each in sheet.lines if each.name == name and each.kind == MEASURED)
    return found


def test_robustvla_1_has_the_papers_columns_and_both_policies_on_the_same_episodes(robust: Path) -> None:
    sheet = make([robust], Choice("robustvla-1", versus="rival"))
    assert [head.name for head in sheet.columns] == ["Shift", "Rotation", "Color", "Occlusions", "Erasing", "Avg."]
    # The rival's fourth episode under erasing is an error: for both, three episodes a task are left there.
    assert points(line(sheet, "hero")) == [25.0, 50.0, 75.0, 100.0, 100.0, 70.0]
    assert points(line(sheet, "rival")) == [50.0, 50.0, 50.0, 75.0, 100.0, 65.0]
    assert line(sheet, "hero").source == "primitive"
    assert "8 of hero on primitive" in sheet.notes[0] and "8 of rival on primitive" in sheet.notes[1]
    other = make([robust], Choice("robustvla-1", versus="hero"))
    assert [cell.n for cell in other.lines[0].cells if isinstance(cell, Cell)] == [32] * 6  # its own
    shift = line(sheet, "hero").cells[0]
    assert isinstance(shift, Cell) and shift.n == 32 and shift.low == pytest.approx(agresti_coull(0.25, 32)[0])
    assert sheet.notes[-1] == ("Tasks played: libero_spatial 2, libero_object 2, libero_goal 2, libero_10 2. "
                               "Episodes behind a figure: 24 to 32.")


def test_a_policy_has_all_its_episodes_unless_it_is_compared(robust: Path) -> None:
    sheet = make([robust], Choice("robustvla-1"))
    assert [cell.n for cell in line(sheet, "hero").cells if isinstance(cell, Cell)] == [32] * 6
    assert [cell.n for cell in line(sheet, "rival").cells if isinstance(cell, Cell)] == [32] * 4 + [24, 32]
    assert [note for note in sheet.notes if "Left out" in note or "different episodes" in note] == []
    # errors apart, they stand on the same episodes
    assert [mark.value for mark in sheet.marks()[0]] == ["none", "none", "best", "best", "none", "best"]


def test_only_some_starts_count(tmp_path: Path) -> None:
    results = write_records(tmp_path, [each for task, letters in (("kitchen/0", "ssff"), ("kitchen/1", "fssf"))
                                       for each in episodes(task, "clean", letters)])
    for starts, rate in (((0, 0), 0.5), ((1, 2), 0.75), ((3, 9), 0.0), (None, 0.5)):
        sheet = make([results], Choice(starts=starts))
        (cell,) = (each for line in sheet.lines for each in line.cells if isinstance(each, Cell))
        assert cell.value == rate and (starts is None or
                                       f"Of every task the starts {starts[0]} to {starts[1]} alone." in sheet.notes)
    with pytest.raises(OptionError, match="4-9: the episodes on record have the numbers 0 to 3\n.*--episodes 10"):
        make([results], Choice(starts=(4, 9)))


def test_no_best_among_figures_on_different_episodes(tmp_path: Path) -> None:
    records = [each for policy, far in (("hero", "ssss"), ("rival", "ff"))
               for name, letters in (("clean", "ssse" if policy == "hero" else "ffff"), ("far", far))
               for each in episodes("kitchen/0", name, letters, policy=policy)]
    results = write_records(tmp_path, records)
    sheet = make([results], Choice())
    best = {each.name: [mark.value for mark in row] for each, row in zip(sheet.lines, sheet.marks(), strict=True)}
    assert best["hero"] == ["best", "none"]
    assert sheet.notes[-1] == ("In far the policies stand on different episodes or conditions, and none is marked as "
                               "the best; --versus P compares them with P on the same ones.")
    cut = make([results], Choice(versus="rival"))
    assert [mark.value for mark in cut.marks()[0]] == ["best", "best"]
    assert not any("different episodes" in note for note in cut.notes)


def test_tables_say_which_question_they_answer(robust: Path, tmp_path: Path) -> None:
    for layout in ("suite", "robustvla-1"):
        fixed, sample = (make([robust], Choice(layout, tasks_as=tasks_as)) for tasks_as in ("fixed", "sample"))
        assert sum(note.startswith("These figures are about exactly the tasks played") for note in fixed.notes) == 1
        (about,) = (note for note in sample.notes if note.startswith("These figures treat the tasks played as a"))
        assert "less than 31 % of all may be missing among these 8" in about  # 1 − 0.05^(1/8)
        one, other = (next(cell for cell in sheet.lines[0].cells if isinstance(cell, Cell) and cell.value < 1)
                      for sheet in (fixed, sample))
        assert one.value == other.value and other.low < one.low < one.high < other.high
    parts = make([robust], Choice("robustvla-3", tasks_as="sample")).notes
    assert any("among these 2;" in note and "about the fewest tasks, 2; others are about up to 8" in note
               for note in parts)
    alone = make([write_records(tmp_path, episodes("kitchen/0", "clean", "sf"))], Choice(tasks_as="sample"))
    assert any("there is no interval" in note for note in alone.notes)
    assert "| random |  50.0 |\n" in tables.rendered(alone, "md")


def test_robustvla_3_and_4_split_by_task_set(robust: Path) -> None:
    joint = make([robust], Choice("robustvla-3"))
    assert [head.name for head in joint.columns] == ["Spatial", "Object", "Goal", "Long", "Avg."]
    assert points(line(joint, "hero")) == [50.0] * 5 and points(line(joint, "rival")) == [25.0] * 5
    detailed = make([robust], Choice("robustvla-4"))
    assert detailed.transposed and len(detailed.columns) == 21
    assert points(line(detailed, "hero"))[:9] == [25.0] * 4 + [50.0] * 4 + [75.0]
    assert points(line(detailed, "hero"))[-1] == 70.0
    assert detailed.lines[0].name == "hero"


def test_published_rows_are_marked_and_apart(robust: Path) -> None:
    sheet = make([robust], Choice("robustvla-1", published=True))
    kinds = [each.kind for each in sheet.lines]
    assert kinds == [MEASURED] * 2 + [PUBLISHED] * 10
    quoted = next(each for each in sheet.lines if each.name == "RIPT-VLA")
    assert points(quoted) == [39.5, 79.0, 95.1, 95.0, 95.6, 80.8] and quoted.source == "RobustVLA table 1"
    marks = dict(zip([each.name for each in sheet.lines], sheet.marks(), strict=True))
    # as the paper has it, of its own rows alone
    assert [mark.value for mark in marks["RobustVLA"]] == ["second", "second", "second", "best", "best", "best"]
    assert [mark.value for mark in marks["hero"]] == ["none", "none", "best", "best", "none", "best"]
    text = tables.rendered(sheet, "md")
    assert all(("measured, primitive" in row) != ("published, RobustVLA table 1" in row)
               for row in text.splitlines() if row.startswith("| ") and "---" not in row and "policy" not in row)
    assert any("quoted from arXiv 2511.01331" in note for note in sheet.notes)
    assert "RobustVLA table 1, OpenVLA, Avg.: its parts (table 1) average to 52.9" in sheet.notes


def test_the_papers_own_marks_are_found_again() -> None:
    """Bold and underlined in RobustVLA's tables, as its text has them."""
    _, table = published.layouts()["robustvla-1"]
    quoted = [Line(row.name, PUBLISHED, "P", [Cell(rate / 100, 0, 0, 0) for rate in row.rates]) for row in table.rows]
    marks = Sheet("", [Head(column.key) for column in table.columns], quoted).marks()
    by_name = {row.name: [mark.value for mark in each] for row, each in zip(table.rows, marks, strict=True)}
    assert by_name["GEVRM"][0] == "best" and by_name["RobustVLA"][0] == "second"
    assert by_name["RobustVLA-C"] == ["none", "best", "none", "second", "second", "second"]
    assert by_name["OpenVLA-OFT"][2] == "best"


def test_stale_records_are_left_out_and_said_to_be(robust: Path, tmp_path: Path) -> None:
    results = write_records(tmp_path, [*played("hero", HERO), *episodes(
        "libero_goal/0", "shift", "-----ss", policy="hero", condition_digest="older")])
    sheet = make([results], Choice("robustvla-1"))
    assert points(sheet.lines[0]) == points(make([robust], Choice("robustvla-1", policies=["hero"])).lines[0])
    assert sheet.notes[0] == ("hero on primitive: 2 records left out: condition 'shift' had other parameters then, or "
                              "the simulator an earlier protocol")


def test_a_table_of_nothing_is_refused_with_the_reason(tmp_path: Path) -> None:
    old = episodes("libero_goal/0", "joint", "sf", policy="hero", condition_digest="older")
    with pytest.raises(OptionError) as caught:
        make([write_records(tmp_path, old)], Choice(suite="libero-joint"))
    assert str(caught.value).splitlines() == [
        "no episode of suite 'libero-joint' is on record as it is played now",
        "  hero on primitive: 2 records left out: condition 'joint' had other parameters then, or the simulator an "
        "earlier protocol", "  fix: vlabench run --policy P --suite S plays them"]


def test_missing_task_sets_leave_averages_empty_unless_partial_is_asked_for(tmp_path: Path) -> None:
    few = TASK_SETS[:2]
    results = write_records(tmp_path, [*played("hero", HERO), *played("rival", RIVAL, few)])
    strict = make([results], Choice("robustvla-1"))
    assert [each.name for each in strict.lines] == ["hero"]
    partial = make([results], Choice("robustvla-1", partial=True))
    assert points(line(partial, "rival")) == [50.0, 50.0, 50.0, 75.0, 100.0, 65.0]
    assert [cell.n for cell in line(partial, "hero").cells if isinstance(cell, Cell)] == [16] * 6
    assert any("rival on primitive lacks" in note and "averages are over libero_spatial, libero_object" in note
               for note in partial.notes)
    joint = make([results], Choice("robustvla-3"))
    assert points(line(joint, "rival")) == [25.0, 25.0, None, None, None]


def test_the_suite_has_drops_and_the_worst_condition(robust: Path) -> None:
    sheet = make([robust], Choice(suite="libero-observation", policies=["hero"]))
    assert [head.name for head in sheet.columns] == [
        "clean", "shift", "rotation", "color_jitter", "occlusion", "erasing", "mean of perturbed", "worst"]
    rates, drops = sheet.lines
    assert (rates.name, drops.name, drops.ranked) == ("hero", "hero − clean", False)
    assert points(rates) == [100.0, 25.0, 50.0, 75.0, 100.0, 100.0, 70.0, 25.0]
    # libero-observation has no joint: the worst is shift
    worst = rates.cells[-1]
    assert isinstance(worst, Cell) and worst.label == "shift" and isinstance(rates.cells[1], Cell)
    assert (worst.value, worst.low, worst.high) == (0.25, rates.cells[1].low, rates.cells[1].high)
    assert points(drops) == [None, -75.0, -50.0, -25.0, 0.0, 0.0, -30.0, None]  # at last their mean
    p = [cell.p for cell in drops.cells[:6] if isinstance(cell, Cell)]
    # 24, 16, 8, 0 and 0 of 32 pairs disagree; Holm over five
    assert p == pytest.approx([p_of(24) * 5, p_of(16) * 4, p_of(8) * 3, 1, 1])


def test_the_suite_by_task_set_has_a_group_for_each_and_one_for_all(robust: Path) -> None:
    sheet = make([robust], Choice(suite="libero-joint", by_task_set=True))
    assert [head.name for head in sheet.columns] == ["clean", "joint"] and sheet.grouping == "task set"
    assert [(each.group, each.name) for each in sheet.lines] == [
        (group, name) for group in [*TASK_SETS, "all task sets"]
        for name in ("hero", "hero − clean", "rival", "rival − clean")]
    assert [points(each) for each in sheet.lines[::4]] == [[100.0, 50.0]] * 5
    assert [points(each) for each in sheet.lines[3::4]] == [[None, -50.0]] * 5


def test_how_often_a_condition_acted_stands_beside_its_rate(tmp_path: Path) -> None:
    idle = {"changed": {"action/asked": 0.5}}
    for policy, acted in (("hero", "ssf---"), ("rival", "ss----")):
        later = "".join("s" if letter == "-" else "-" for letter in acted)
        write_records(tmp_path, [*episodes("kitchen/0", "clean", "ssssss", policy=policy, changed={}),
                                 *episodes("kitchen/0", "stuck", acted, policy=policy),
                                 *episodes("kitchen/0", "stuck", later, policy=policy, **idle),
                                 *episodes("kitchen/0", "noise", "ssss--", policy=policy)])  # fmt: skip
    sheet = make([tmp_path], Choice())
    assert [head.name for head in sheet.columns][:3] == ["clean", "noise", "stuck"]
    figures = [cell for cell in sheet.lines[0].cells if isinstance(cell, Cell)]
    assert [(cell.acted, cell.n) for cell in figures] == [(None, 6), (4, 4), (3, 6), (None, 6), (None, 6)]
    text = tables.rendered(sheet, "md")
    assert text.count("; acted 3/6") == text.count("; acted 2/6") == 1 and text.count("; acted") == 2
    assert sum(note.startswith("acted k/n: in k of n episodes") for note in sheet.notes) == 1
    lines = tables.rendered(sheet, "csv").splitlines()
    assert lines[0].split(",")[9:12] == ["n", "errors", "acted"]
    assert next(line for line in lines if ",stuck," in line).split(",")[9:12] == ["6", "0", "3"]


def seer(name: str, **changes: object) -> dict[str, Any]:
    """Fields of the records of a policy whose card is here."""
    return {"policy": name, "policy_digest": cards.load_policy(name).digest, **changes}


def test_what_was_seen_in_training_is_marked_where_the_card_is_that_of_the_records(tmp_path: Path) -> None:
    joint = {"rotation": {"degrees": 3.0}, "action_noise": {"sigma": 0.1}}
    for name in ("ript", "robustvla"):
        write_records(tmp_path, [*episodes("kitchen/0", "clean", "ss", **seer(name)),
                                 *episodes("kitchen/0", "joint", "sf", **seer(name, realised=joint)),
                                 *episodes("kitchen/0", "turned", "sf", **seer(name, realised={"rotation": {}}))])
    write_records(tmp_path, [*episodes("kitchen/0", "clean", "ss", policy="nano-sft"),
                             *episodes("kitchen/0", "joint", "sf", policy="nano-sft", realised=joint)])
    sheet = make([tmp_path], Choice())
    marked = {line.name: [cell.familiar for cell in line.cells if isinstance(cell, Cell)] for line in sheet.lines}
    assert [head.name for head in sheet.columns] == ["clean", "joint", "turned", "mean of perturbed", "worst"]
    assert marked["nano-sft"] == [False] * 4  # an older version, of which nothing is known
    assert marked["ript"] == [False, True, False, True, True] and marked["robustvla"] == [False, True, True, True, True]
    note = next(note for note in sheet.notes if note.startswith("†"))
    assert "(ript: action_noise; robustvla: action_noise, color_jitter, " in note
    assert note.endswith("Of nano-sft no card of this version is here to say.")
    text = tables.rendered(sheet, "md")
    assert text.count("50.0† [9.5, 90.5]") == 7 and r"50.0$\dagger$ {\scriptsize" in tables.rendered(sheet, "latex")
    lines = tables.rendered(sheet, "csv").splitlines()
    row = next(line for line in lines if line.startswith("ript,") and ",joint," in line)
    assert row.split(",")[9:13] == ["2", "0", "2", "1"]


def test_versus_pairs_policies_under_the_same_condition(robust: Path) -> None:
    sheet = make([robust], Choice(suite="libero-joint", versus="rival"))
    assert [each.name for each in sheet.lines] == ["hero", "hero − rival", "rival"]
    assert points(sheet.lines[1]) == [25.0, 25.0]
    # the rival lost one of four where the hero did not, in 8 tasks, under both conditions
    assert [cell.p for cell in sheet.lines[1].cells if isinstance(cell, Cell)] == pytest.approx([2 * p_of(8)] * 2)


def test_without_a_suite_everything_is_shown_and_gaps_are_explained(tmp_path: Path) -> None:
    results = write_records(tmp_path, [*episodes("kitchen/0", "clean", "ss"), *episodes("garage/0", "clean", "sf"),
                                       *episodes("garage/0", "far", "ff")])  # fmt: skip
    sheet = make([results], Choice())
    assert points(sheet.lines[0]) == [75.0, None]
    assert any(note.startswith("–: not played on all of these task sets") for note in sheet.notes)
    only = write_records(tmp_path / "only", episodes("kitchen/0", "clean", "ss"))
    assert [head.name for head in make([only], Choice()).columns] == ["clean"]


def strayed(tmp_path: Path) -> Path:
    """Two policies in the kitchen, and one that played five episodes in the garage."""
    return write_records(tmp_path, [*(each for policy, far in (("hero", "ssff"), ("rival", "sfff"))
                                      for name, letters in (("clean", "ssss"), ("far", far))
                                      for each in episodes("kitchen/0", name, letters, policy=policy)),
                                    *episodes("garage/0", "clean", "sssff", policy="stray")])  # fmt: skip


def test_a_policy_on_another_task_set_blanks_no_other(tmp_path: Path) -> None:
    results = strayed(tmp_path)
    sheet = make([results], Choice())
    assert [(each.name, points(each)) for each in sheet.lines] == [
        ("hero", [100.0, 50.0]), ("hero − clean", [None, -50.0]), ("rival", [100.0, 25.0]),
        ("rival − clean", [None, -75.0]), ("stray", [60.0, None])]
    assert [[mark.value for mark in row] for row in sheet.marks()[::2]] == [
        ["none", "best"], ["none", "none"], ["none", "none"]]
    assert ("Each policy is over the task sets that it played, and these are not the same: hero, rival: kitchen; "
            "stray: garage.") in sheet.notes
    parts = make([results], Choice(by_task_set=True))
    assert {(each.group, each.name): points(each) for each in parts.lines if each.ranked} == {
        ("garage", "hero"): [None, None], ("garage", "rival"): [None, None], ("garage", "stray"): [60.0, None],
        ("kitchen", "hero"): [100.0, 50.0], ("kitchen", "rival"): [100.0, 25.0], ("kitchen", "stray"): [None, None],
        ("all task sets", "hero"): [100.0, 50.0], ("all task sets", "rival"): [100.0, 25.0],
        ("all task sets", "stray"): [60.0, None]}
    alone = make([results], Choice(policies=["hero", "rival"]))
    assert "Over kitchen." in alone.notes and not any("not the same" in note for note in alone.notes)
    with pytest.raises(OptionError, match=r"no task set that all policies have played\n  fix: leave --partial out"):
        make([results], Choice(partial=True))


def test_partial_is_over_the_task_sets_that_all_have(tmp_path: Path) -> None:
    results = write_records(tmp_path, [*episodes("kitchen/0", "clean", "ss", policy="hero"),
                                       *episodes("garage/0", "clean", "ff", policy="hero"),
                                       *episodes("kitchen/0", "clean", "sf", policy="rival"),
                                       *episodes("attic/0", "clean", "e", policy="broken")])  # fmt: skip
    assert [points(each) for each in make([results], Choice()).lines] == [[None], [50.0], [50.0]]
    sheet = make([results], Choice(partial=True))
    assert [points(each) for each in sheet.lines] == [[None], [100.0], [50.0]] and "Over kitchen." in sheet.notes


def test_versus_differences_stand_on_all_pairs_with_that_policy(tmp_path: Path) -> None:
    made = {"base": "ssssssff", "hero": "sfssssss", "short": "ff"}
    results = write_records(tmp_path, [each for policy, letters in made.items()
                                       for each in episodes("kitchen/0", "clean", letters, policy=policy)])
    sheet = make([results], Choice(versus="base"))
    assert {each.name: [(cell.n, cell.value) for cell in each.cells if isinstance(cell, Cell)]
            for each in sheet.lines} == {
        "base": [(8, 0.75)], "hero": [(8, 0.875)], "hero − base": [(8, 0.125)], "short": [(2, 0.0)],
        "short − base": [(2, -1.0)]}
    with pytest.raises(OptionError, match=r"--versus stray: no episode that stray .* of hero on primitive, rival on"):
        make([strayed(tmp_path / "strayed")], Choice(versus="stray"))


def test_versus_a_policy_of_old_records_says_so(tmp_path: Path) -> None:
    results = write_records(tmp_path, [*played("hero", HERO), *episodes(
        "libero_goal/0", "shift", "ss", policy="old", condition_digest="older")])
    with pytest.raises(OptionError, match=r"old has no outcome here.*\n  old on primitive: .*\n  fix: vlabench run"):
        make([results], Choice(suite="libero-observation", versus="old"))


def test_packs_have_rows_and_rankings_of_their_own(tmp_path: Path) -> None:
    records = [*episodes("kitchen/0", "clean", "ssf"), *episodes("kitchen/0", "clean", "s", assets="official")]
    sheet = make([write_records(tmp_path, records)], Choice())
    assert [(each.name, each.source, points(each)) for each in sheet.lines] == [
        ("random", "official", [100.0]), ("random", "primitive", [66.7])]
    assert {mark.value for row in sheet.marks() for mark in row} == {"none"}
    assert [each.source for each in make([tmp_path], Choice(assets="official")).lines] == ["official"]


@pytest.mark.parametrize(("choice", "error", "why"), [
    (Choice("robustvla-6"), UnknownName, "did you mean 'robustvla-"),
    (Choice("suite", published=True), OptionError, "no paper has a table like --layout suite"),
    (Choice("robustvla-1", suite="libero-clean"), OptionError, "leave --suite out"),
    (Choice("suite", reference="hero"), OptionError, "--reference goes with --layout severity or dimensions"),
    (Choice("robustvla-1", by_task_set=True), OptionError, "--by-task-set goes with --layout suite"),
    (Choice(versus="hera"), UnknownName, "unknown policy 'hera' in --versus: did you mean 'hero'"),
    (Choice("robustvla-2"), OptionError, "vlabench run --policy P --suite libero-action"),
    (Choice("severity"), OptionError, "vlabench run --policy P --suite libero-severity"),
    (Choice(suite="libero-cleam"), UnknownName, "libero-clean"),
])  # fmt: skip
def test_what_cannot_be_shown_is_explained(choice: Choice, error: type[Exception], why: str, robust: Path) -> None:
    with pytest.raises(error, match=why):
        make([robust], choice)
