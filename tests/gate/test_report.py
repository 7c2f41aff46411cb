"""What people and CI systems get to read."""

from __future__ import annotations

import dataclasses
import inspect
import io
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from rich.console import Console

from vlabench.cli.gate import gate
from vlabench.errors import OptionError, StoreError
from vlabench.gate import report as reports
from vlabench.gate.compare import Choice, Report
from vlabench.gate.verdicts import Pairs, Terms, judge


def outcomes(condition: str, lost: int, of: int = 100) -> Pairs:
    """10 tasks; all lost ones are in the first ones."""
    keys = tuple((f"kitchen/{k % 10}", k // 10) for k in range(of))
    won = np.ones(of, dtype=np.bool_)
    return Pairs(condition, keys, won, np.array([int(task[-1]) >= lost for task, _ in keys]))


@pytest.fixture
def report() -> Report:
    """Of five conditions, one of each verdict, one without pairs, and one whose name tries to be markup."""
    none = Pairs("absent", (), np.zeros(0, dtype=np.bool_), np.zeros(0, dtype=np.bool_), alone=(4, 0))
    found = judge([outcomes("fine", 0), outcomes("few", 0, of=20), outcomes("bad", 6), none,
                   outcomes("<b>|x", 0)], Terms())
    return Report("old (aaaa)", "new (bbbb)", "primitive", Choice(suite="kitchens"), tuple(found), ("a <note>",))


def test_the_verdict_is_that_of_the_worst(report: Report) -> None:
    assert [finding.verdict for finding in report.findings] == [
        "no regression", "undecided", "regression", "undecided", "no regression"]
    assert report.verdict == "regression" and report.exit_code == 1
    assert reports.headline(report) == (
        "REGRESSION: new (bbbb) against old (aaaa) (2 no regression, 1 REGRESSION, 2 inconclusive)")
    calm = dataclasses.replace(report, findings=report.findings[:2])
    assert calm.exit_code == 3 and dataclasses.replace(calm, findings=report.findings[:1]).exit_code == 0
    assert dataclasses.replace(calm, interrupted=True).exit_code == 130


def test_markdown_has_the_bad_news_first_and_no_markup_from_outside(report: Report) -> None:
    text = reports.to_markdown(report)
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.replace("\\|", "/").strip("|").split("|")] for line in lines]
    assert {len(row) for row in rows} == {10}
    assert [row[0] for row in rows[2:]] == ["bad", "few", "absent", "fine", "&lt;b&gt;/x"]
    assert rows[2][1:8] == ["**REGRESSION**", "100", "100.0", "40.0", rows[2][5], "60", "0"]
    assert rows[2][5].startswith("−60.0 [−")
    assert [row[8] for row in rows[2:]] == ["6 of 10", "0 of 10", "–", "0 of 10", "0 of 10"]
    assert rows[3][9].startswith("about ") and int(rows[3][9].removeprefix("about ")) >= 1
    assert rows[4][2:6] == ["0", "–", "–", "–"] and "4 without a counterpart" in rows[4][9]
    assert "bad: flagged: kitchen/0 −100 points (10 lost, 0 gained of 10; p 0." in text
    assert "- with 10 episodes a task, a task is flagged once it loses " in text
    assert "These figures are about exactly the tasks played" in text and "interval in 92.5 % of cases" in text
    assert "- a &lt;note&gt;" in text
    assert "suite kitchens, primitive assets; the same episodes; margin 5 points, of a single task 30, alpha 0.05." in (
        text)
    assert "the upper end one of 0.025, corrected for 5 conditions." in text


def test_junit_is_xml_with_a_case_for_each_condition(report: Report) -> None:
    suite = ElementTree.fromstring(reports.to_junit(report))
    assert {key: suite.get(key) for key in ("tests", "failures", "skipped", "errors")} == {
        "tests": "5", "failures": "1", "skipped": "2", "errors": "0"}
    cases = {case.get("name"): case for case in suite.iter("testcase")}
    assert set(cases) == {"fine", "few", "bad", "absent", "<b>|x"}
    assert cases["bad"].get("classname") == "gate.kitchens.primitive"
    failure = cases["bad"].find("failure")
    assert failure is not None and str(failure.get("message")).startswith("difference −60.0 [")
    assert "; flagged: kitchen/0 −100 points" in str(failure.get("message"))
    skipped = cases["few"].find("skipped")
    assert skipped is not None and "further episodes per task: about " in str(skipped.get("message"))
    assert cases["fine"].find("failure") is None and cases["fine"].find("skipped") is None


def test_the_terminal_shows_every_condition(report: Report) -> None:
    out = io.StringIO()
    Console(file=out, width=220).print(reports.to_rich(report))
    assert all(name in out.getvalue() for name in ("fine", "few", "bad", "absent", "<b>|x", "REGRESSION"))


def test_terms_say_what_was_paired() -> None:
    empty = Report("a", "b", "primitive", Choice(margin=2.5, alpha=0.1, seed=1, other_seed=3), ())
    assert "of seed 1 against 3, which share start states alone" in reports.terms(empty)
    assert "margin 2.5 points, of a single task 30, alpha 0.1" in reports.terms(empty)
    assert "lower end of its interval has an error of 0.1, the upper end one of 0.05." in reports.terms(empty)
    played = dataclasses.replace(empty, sequential=True, choice=Choice())
    assert "an error of 0.05, the upper end one of 0.025, both valid at every look" in reports.terms(played)


def test_too_few_episodes_to_see_a_task_collapse_are_said_to_be() -> None:
    found = judge([outcomes("c", 0, of=50)], Terms())
    (said,) = reports.sight(Report("a", "b", "primitive", Choice(), tuple(found)))
    assert said == "5 episodes a task cannot show that a single task collapsed; 6 could"
    found = judge([outcomes("c", 0, of=200)], Terms())
    (said,) = reports.sight(Report("a", "b", "primitive", Choice(), tuple(found)))
    assert said == ("with 20 episodes a task, a task is flagged once it loses 6 of them (30 points), none gained; one "
                    "that loses 37 points is found in 80 % of such gates")


def test_summaries_are_appended_and_xml_is_written_anew(report: Report, tmp_path: Path) -> None:
    for _ in range(2):
        reports.write(report, tmp_path / "s.md", tmp_path / "j.xml")
    assert (tmp_path / "s.md").read_text() == 2 * reports.to_markdown(report)
    assert (tmp_path / "j.xml").read_text() == reports.to_junit(report)
    reports.check_paths([tmp_path / "new.md", None])
    for path in (tmp_path / "no" / "x.md", tmp_path):
        with pytest.raises(OptionError, match="no file can be written there"):
            reports.check_paths([path])
    with pytest.raises(StoreError, match="cannot be written"):
        reports.write(report, tmp_path, None)


def test_terms_that_cannot_be() -> None:
    for margin in (-1.0, 100.0, float("nan")):
        with pytest.raises(OptionError, match="--margin"):
            _ = Choice(margin=margin).terms
        with pytest.raises(OptionError, match="--task-margin"):
            _ = Choice(task_margin=margin).terms
    for alpha in (0.0, 0.5, float("nan")):
        with pytest.raises(OptionError, match="--alpha"):
            _ = Choice(alpha=alpha).terms
    assert Choice(margin=5, tasks_as="sample").terms == Terms(0.05, 0.3, 0.05, "sample")


def test_the_command_takes_the_terms_that_everything_else_takes() -> None:
    given = {name: parameter.default for name, parameter in inspect.signature(gate).parameters.items()}
    assert Choice(margin=given["margin"], alpha=given["alpha"], task_margin=given["task_margin"],
                  tasks_as=given["tasks_as"].value).terms == Choice().terms == Terms()
