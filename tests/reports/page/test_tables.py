"""Tables: what stands in them, what they are sorted by, and that columns that say nothing are left out."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

from tests.factories import episodes, record, write_records
from vlabench import cards
from vlabench.reports import plots
from vlabench.reports.page import tables
from vlabench.reports.page import text as words
from vlabench.reports.page.verdicts import comparison, standing
from vlabench.reports.tables.severity import severity_sheet
from vlabench.reports.tables.sheet import MEASURED, Head, Line, Sheet
from vlabench.reports.tables.suite import suite_sheet
from vlabench.util.html import Html


class Reader(HTMLParser):
    """A table's header, and for each row the text and the value of each cell."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.header: list[str] = []
        self.texts: list[list[str]] = []
        self.values: list[list[str]] = []
        self._into: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "th":
            self._into = self.header
            self.header.append("")
        elif tag == "tr":
            self.texts.append([])
            self.values.append([])
        elif tag == "td":
            self._into = self.texts[-1]
            self._into.append("")
            self.values[-1].append(dict(attrs)["data-value"] or "")
        elif tag == "title":
            self._into = [""]  # of a drawing

    def handle_data(self, data: str) -> None:
        if self._into:
            self._into[-1] += data

    @property
    def rows(self) -> dict[str, list[str]]:
        """First cell → the others."""
        return {row[0]: row[1:] for row in self.texts if row}


def test_conditions_of_one_policy(hero: plots.Data) -> None:
    found = Reader(tables.conditions_table([standing(hero, hero.sides[0])], []))
    assert found.header == ["condition", "success, %", "", "− clean, points [as judged]", "verdict"]
    assert list(found.rows) == ["clean", "far", "nearon kitchen", "shift-s1on kitchen", "shift-s2on kitchen"]
    assert found.rows["far"][0].startswith("50.0 [") and found.rows["far"][2].startswith("−50.0 [")
    assert found.rows["clean"][2:] == ["–", ""] and found.rows["nearon kitchen"][3] == "undecided"
    assert [row[1] for row in found.values if row] == ["1.0", "0.5", "1.0", "0.75", "0.25"]
    assert found.values[2][3] == "-0.5"


def test_no_interval_belies_the_verdict_beside_it(tmp_path: Path) -> None:
    """40 conditions that lose 0 to 39 of 200 episodes, evenly over tasks: where it says undecided, the interval that is
    shown holds −5 points, although many a plain 95 % interval lies below."""
    records = [each for task in range(10) for each in episodes(f"kitchen/{task}", "clean", "s" * 20)]
    for lost in range(40):
        for task in range(10):
            own = lost // 10 + (task < lost % 10)
            records += episodes(f"kitchen/{task}", f"c{lost:02}", "f" * own + "s" * (20 - own))
    data = plots.load([write_records(tmp_path, records)])
    found = standing(data, data.sides[0])
    shown = Reader(tables.conditions_table([found], []))
    plain = 0
    for name, row in shown.rows.items():
        if name != "clean":
            low, high = (float(end.replace("−", "-")) for end in row[2].partition("[")[2].strip("]").split(", "))
            assert {"withstands": low > -5, "undecided": low <= -5 <= high, "loses": high < -5}[row[3]], row
            plain += row[3] == "undecided" and found.costs[name].high < -0.05
    assert {row[3] for row in shown.rows.values()} == {"", "withstands", "undecided", "loses"} and plain > 0
    said = words.figures(found)
    assert "(the mean of 40 conditions)" in said and "of 40 perturbed conditions" in words.verdict(found)
    rate = shown.rows["c39"][0].partition("acted")[0]
    assert f"The lowest rate is that under c39: {rate.replace(' [', ' % [')}." in said


def test_tasks_like_these_have_wider_intervals_and_a_single_task_none(both: plots.Data, results: Path) -> None:
    sample = plots.load([results], tasks_as="sample")
    for one, other in zip(both.sides, sample.sides, strict=True):
        mine, theirs = (standing(data, side) for data, side in ((both, one), (sample, other)))
        assert mine.perturbed and theirs.perturbed and theirs.perturbed.low < mine.perturbed.low
    alone = Reader(tables.tasks_table(sample, [standing(sample, side) for side in sample.sides], {}))
    assert alone.rows["kitchen/0"][0] == "100.0"


def test_conditions_of_several_policies(both: plots.Data) -> None:
    standings = [standing(both, side) for side in both.sides]
    found = Reader(tables.conditions_table(standings, [comparison(both, *both.sides)]))
    assert found.header == [
        "condition", "hero: success, %", "hero: − clean, points [as judged]", "hero: verdict", "rival: success, %",
        "rival: − clean, points [as judged]", "rival: verdict", "rival − hero, points [as judged]", "verdict"]
    near = found.rows["nearon kitchen"]
    assert near[0].startswith("100.0 [") and near[3].startswith("100.0 [") and near[6].startswith("0.0 [")
    assert found.rows["clean"][6].startswith("−25.0 [")


def test_how_often_a_condition_acted(tmp_path: Path) -> None:
    write_records(tmp_path, [*episodes("kitchen/0", "clean", "ss", policy="hero"),
                             *episodes("kitchen/0", "far", "s-", policy="hero"),
                             *episodes("kitchen/0", "far", "-s", policy="hero", changed={})])  # fmt: skip
    data = plots.load([tmp_path])
    found = Reader(tables.conditions_table([standing(data, data.sides[0])], []))
    assert found.rows["far"][0].endswith("acted in 1 of 2") and "acted" not in found.rows["clean"][0]


def test_what_was_seen_in_training_is_marked(tmp_path: Path) -> None:
    card = cards.load_policy("ript")
    known = {"policy": "ript", "policy_digest": card.digest}
    write_records(tmp_path, [*episodes("kitchen/0", "clean", "ss", **known), *episodes(
        "kitchen/0", "far", "sf", realised={"action_noise": {"sigma": 0.1}}, **known)])
    data = plots.load([tmp_path])
    found = Reader(tables.conditions_table([standing(data, data.sides[0])], []))
    assert found.rows["far"][0].startswith("50.0† [") and found.rows["clean"][0].startswith("100.0 [")


def test_policies(both: plots.Data) -> None:
    standings = [standing(both, side) for side in both.sides]
    about = {"hero": Html("<i>brave</i>")}
    found = Reader(tables.policies_table(standings, [comparison(both, *both.sides)], about))
    assert found.header[-1] == "− hero, points" and list(found.rows) == ["herobrave", "rival"]
    assert [row[-1] for row in found.values if row] == ["", "-0.1875"]
    assert found.rows["rival"][5].startswith("shift-s2 0.0 % [")


def test_the_other_success_that_a_suite_prints_stands_beside(tmp_path: Path) -> None:
    """PAIR's, in which an object that was put down and knocked off again counts, and once more as at the end."""
    suite = cards.load_suite("pair-texture").conditions
    write_records(tmp_path, [
        record(task="maniskill_pair/0", condition=name, index=index, condition_digest=suite[name].digest, policy="hero",
               status="success" if letter == "s" else "failure", success_once=letter in "so",
               success_at_end=letter == "s")
        for name, letters in {"clean": "ssso", "table": "ssof"}.items() for index, letter in enumerate(letters)])
    data = plots.load([tmp_path], "pair-texture")
    found = standing(data, data.sides[0])
    shown = Reader(tables.conditions_table([found], []))
    assert shown.header[:4] == ["condition", "success, %", "", "at the end, %"]
    assert shown.rows["clean"][0].startswith("100.0") and shown.rows["clean"][2].startswith("75.0")
    assert shown.rows["table"][0].startswith("75.0") and shown.rows["table"][2].startswith("50.0")
    both = Reader(tables.policies_table([found], [], {}))
    assert {name: (row[0][:5], row[2][:4]) for name, row in both.rows.items()} == {
        "hero": ("100.0", "75.0"), "hero, at the end": ("75.0 ", "50.0")}
    assert len({len(row) for row in both.rows.values()}) == 1
    assert plots.load([tmp_path], "pair-texture", at_end=True).also is None


def test_tasks(both: plots.Data) -> None:
    standings = [standing(both, side) for side in both.sides]
    found = Reader(tables.tasks_table(both, standings, {"kitchen/1": "do it"}))
    assert list(found.rows) == ["garage/0", "kitchen/0", "kitchen/1do it"]
    assert found.header == ["task", "hero: clean, %", "hero: perturbed, %", "hero: − clean, points", "rival: clean, %",
                            "rival: perturbed, %", "rival: − clean, points"]
    assert [float(value) if value else None for value in found.values[2]] == [
        1, 1.0, 0.625, -0.375, 0.75, 0.4375, -0.375]
    assert found.rows["garage/0"][3:] == ["–"] * 3 and found.rows["garage/0"][1].startswith("50.0 [")


def test_a_sheet_keeps_its_numbers_marks_and_groups(both: plots.Data) -> None:
    found = Reader(tables.sheet_table(severity_sheet(both.sides, ())))
    assert found.header == ["policy", "clean", "severity: 1", "severity: 2", "severity: 3", "severity: 4",
                            "severity: 5", "area", "retention"]  # one perturbation: its name says nothing
    first, second = [row[:4] for row in found.values if row]
    assert first == ["hero", "1.0", "0.75", "0.25"] and second == ["rival", "0.75", "0.5", "0.0"]
    text = tables.sheet_table(suite_sheet(None, both.sides, (), True, False, None))
    suite = Reader(text)
    assert suite.header == ["task set", "condition", "hero", "hero − clean", "rival", "rival − clean"]
    groups = [row[0] for row in suite.texts if row]
    assert groups == ["garage"] * 7 + ["kitchen"] * 7 + ["all task sets"] * 7
    assert "<b>100.0" in text


def test_words_and_figures_of_any_sheet() -> None:
    sheet = Sheet("t", [Head("a"), Head("b")], [
        Line("<x>", MEASURED, "p", ["<b>hard", None]), Line("y", MEASURED, "p", ["easy", None])])
    found = Reader(text := tables.sheet_table(sheet))
    assert found.header == ["policy", "a", "b"] and found.texts[1:] == [["<x>", "<b>hard", "–"], ["y", "easy", "–"]]
    assert "&lt;x&gt;" in text and "<x>" not in text
    assert found.values[1] == ["<x>", "", ""]  # no words among numbers, which could not be sorted with them


def test_long_tables_scroll() -> None:
    rows = [[Html("<td>x</td>")]] * (tables.ROOM + 1)
    assert 'class="tall"' in tables.boxed(["a"], rows) and 'class="tall"' not in tables.boxed(["a"], rows[1:])
