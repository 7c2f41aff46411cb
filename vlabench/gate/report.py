"""A gate's report for people and machines: a table, Markdown for a CI job's page, JUnit XML."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from rich.table import Table
from rich.text import Text

from vlabench import stats
from vlabench.errors import OptionError, StoreError
from vlabench.gate.compare import Report
from vlabench.gate.power import POWER, Visible
from vlabench.gate.verdicts import Finding, TaskLoss
from vlabench.util.text import counted

WORDS = {"no regression": "no regression", "regression": "REGRESSION", "undecided": "inconclusive"}
"""Verdict → what is said."""
COLOURS = {"no regression": "green", "regression": "bold red", "undecided": "yellow"}
MAX_ROWS = 200
"""Conditions in a summary's table; regressions and undecided ones come first."""


def headline(report: Report) -> str:
    """One line: the verdict, who against whom, and the counts."""
    counts = [f"{sum(finding.verdict == verdict for finding in report.findings)} {said}"
              for verdict, said in WORDS.items() if any(finding.verdict == verdict for finding in report.findings)]
    return f"{WORDS[report.verdict]}: {report.candidate} against {report.baseline} ({', '.join(counts)})"


def terms(report: Report) -> str:
    """What was compared and how, in a few sentences."""
    choice = report.choice
    what = f"suite {choice.suite}, " if choice.suite else ""
    seeds = f" of seed {choice.seed}" if choice.seed or choice.candidate_seed else ""
    if choice.candidate_seed != choice.seed:
        seeds = f" of seed {choice.seed} against {choice.candidate_seed}, which share start states alone"
    count, bound = len(report.findings), f"−{choice.margin:g}" if choice.margin else "0"
    many = f", corrected for {count} conditions" if count > 1 else ""
    looks = ", both valid at every look" if report.sequential else ""
    return (f"{what}{report.assets} assets; the same episodes{seeds}; margin {counted(choice.margin, 'point')}, of a "
            f"single task {choice.task_margin:g}, alpha {choice.alpha:g}. The difference is candidate − baseline "
            f"in points, the mean over tasks; the lower end of its interval has an error of {choice.alpha:g}, the "
            f"upper end one of {choice.alpha / 2:g}{many}{looks}. No regression: it lies above {bound}, and no task is "
            f"flagged. A regression: it lies below, or a task is flagged, because it certainly lost something and "
            f"{counted(choice.task_margin, 'point')} or more.")


def rows(report: Report) -> tuple[list[str], list[list[str]]]:
    """Header and a row per condition, the bad news first."""
    header = ["condition", "verdict", "pairs", "baseline %", "candidate %", "difference", "lost", "gained",
              "tasks flagged", "further episodes per task"]
    order = {"regression": 0, "undecided": 1, "no regression": 2}
    found = sorted(report.findings, key=lambda finding: order[finding.verdict])
    return header, [[each.condition, WORDS[each.verdict], str(each.pairs), _percent(each.baseline),
                     _percent(each.candidate), points(each.difference), str(each.lost), str(each.gained),
                     f"{len(each.flagged)} of {each.tasks}" if each.tasks else "–", needed(each)] for each in found]


def needed(finding: Finding) -> str:
    """What it would take to decide."""
    if finding.verdict != "undecided":
        return ""
    if finding.why:
        return finding.why
    if finding.further is None:
        return "no number would decide: more tasks, or another margin"
    return f"about {finding.further}"


def notes(report: Report) -> list[str]:
    """Sentences below the table."""
    found = [report.effort] if report.effort else []
    for finding in report.findings:
        if finding.flagged:
            about = ", which is about these very tasks" if report.choice.tasks_as == "sample" else ""
            found.append(f"{finding.condition}: flagged{about}: {', '.join(map(loss, finding.flagged))}")
        elif finding.verdict == "regression" and finding.worst:
            found.append(f"{finding.condition} lost most in: {', '.join(map(loss, finding.worst))}")
    tasks = max((finding.tasks for finding in report.findings), default=0)
    often = f"in {100 * (1 - 1.5 * report.choice.alpha):g} % of cases"
    asked = stats.question(report.choice.tasks_as, tasks, often) if tasks else []
    return found + sight(report) + asked + list(report.notes)


def loss(task: TaskLoss) -> str:
    """`libero_goal/3 −80 points (16 lost, 0 gained of 20; p 0.0006)`."""
    change = round(100 * task.difference)
    text = f"{task.task} {'+' if change > 0 else ''}{counted(change, 'point')}".replace("-", "−")
    return f"{text} ({task.lost} lost, {task.gained} gained of {task.pairs}" + (
        f"; p {task.p:.2g})" if task.p < 1 else ")")


def sight(report: Report) -> list[str]:
    """What loss of a single task these episodes can show; by condition, where they differ in that."""
    found: dict[Visible, list[str]] = {}
    for finding in report.findings:
        if finding.visible and finding.visible.episodes:
            found.setdefault(finding.visible, []).append(finding.condition)
    unit = "round" if report.sequential else "episode"
    return [(f"{', '.join(names)}: " if len(found) > 1 else "") + _sight(seen, unit) for seen, names in found.items()]


def _sight(seen: Visible, unit: str) -> str:
    number = f"{counted(seen.episodes, unit)}{' a task' if unit == 'episode' else ''}"
    if seen.lost is None:
        return f"{number} cannot show that a single task collapsed; {seen.enough} could"
    share = 100 * seen.lost / seen.episodes
    likely = "" if seen.likely is None else (f"; one that loses {counted(round(100 * seen.likely), 'point')} is found "
                                             f"in {100 * POWER:.0f} % of such gates")
    return (f"with {number}, a task is flagged once it loses {seen.lost} of them ({counted(round(share), 'point')}), "
            f"none gained{likely}")


def to_rich(report: Report) -> Table:
    """For a terminal."""
    header, lines = rows(report)
    table = Table(title=None)
    for number, name in enumerate(header):
        table.add_column(name, justify="left" if number in (0, 1, len(header) - 1) else "right", no_wrap=number == 0)
    said = {word: verdict for verdict, word in WORDS.items()}
    for line in lines:
        table.add_row(*(Text(text) for text in line), style=COLOURS[said[line[1]]])
    return table


def to_markdown(report: Report) -> str:
    """For a CI job's page."""
    header, lines = rows(report)
    left = [":---" if number in (0, 1, len(header) - 1) else "---:" for number in range(len(header))]
    table = [header, left, *([f"**{cell}**" if k == 1 else cell for k, cell in enumerate(line)]
                             for line in lines[:MAX_ROWS])]
    said = [f"- {_plain(note)}" for note in notes(report)]
    if len(lines) > MAX_ROWS:
        said.insert(0, f"- {counted(len(lines) - MAX_ROWS, 'more condition')}: {lines[-1][1]}")
    parts = [f"## {_plain(headline(report))}", _plain(terms(report)),
             "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in table), "\n".join(said)]
    return "\n\n".join(part for part in parts if part) + "\n"


def to_junit(report: Report) -> str:
    """One test case per condition: a regression is a failure, an undecided one counts as skipped."""
    tally = [finding.verdict for finding in report.findings]
    suite = ElementTree.Element("testsuite", {
        "name": f"vlabench gate: {report.candidate} against {report.baseline}", "tests": str(len(tally)),
        "failures": str(tally.count("regression")), "skipped": str(tally.count("undecided")), "errors": "0"})
    where = ".".join(filter(None, ["gate", report.choice.suite, report.assets]))
    for finding in report.findings:
        case = ElementTree.SubElement(suite, "testcase", {"classname": where, "name": finding.condition, "time": "0"})
        text = f"difference {points(finding.difference)} points over {counted(finding.pairs, 'pair')}; baseline " \
               f"{_percent(finding.baseline)} %, candidate {_percent(finding.candidate)} %"
        if finding.verdict == "regression":
            flagged = f"; flagged: {', '.join(map(loss, finding.flagged))}" if finding.flagged else ""
            ElementTree.SubElement(case, "failure", {"message": text + flagged, "type": "regression"}).text = terms(
                report)
        elif finding.verdict == "undecided":
            ElementTree.SubElement(case, "skipped", {"message": f"inconclusive: {text}; further episodes per task: "
                                                                f"{needed(finding)}"})
        ElementTree.SubElement(case, "system-out").text = text
    ElementTree.indent(suite)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suite, encoding="unicode") + "\n"


def points(difference: stats.Estimate | stats.Difference) -> str:
    """`−3.5 [−8.0, +1.0]`, or a dash; no interval where there is none."""
    if not difference.n:
        return "–"
    if math.isnan(difference.low):
        return f"{100 * difference.value + 0.0:+.1f}".replace("+0.0", "0.0").replace("-0.0", "0.0").replace("-", "−")
    value, low, high = (f"{100 * number + 0.0:+.1f}".replace("+0.0", "0.0").replace("-0.0", "0.0")
                        for number in (difference.value, difference.low, difference.high))
    return f"{value} [{low}, {high}]".replace("-", "−")


def check_paths(paths: Sequence[Path | None]) -> None:
    """Raises OptionError unless all files could be written: to be asked before a long run."""
    for path in paths:
        if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
            raise OptionError(f"{path}: no file can be written there: there is no folder {path.absolute().parent}, or "
                              f"it is one itself")


def write(report: Report, summary: Path | None, junit: Path | None) -> None:
    """Append the Markdown to one file (a CI job's page holds several steps) and write the XML to another.

    Raises StoreError.
    """
    for path, text, mode in ((summary, to_markdown(report), "a"), (junit, to_junit(report), "w")):
        if path is not None:
            try:
                with path.open(mode, encoding="utf-8") as file:
                    file.write(text)
            except OSError as error:
                raise StoreError(f"{path}: cannot be written: {error.strerror}") from error


def _percent(rate: stats.Estimate) -> str:
    return f"{100 * rate.value:.1f}" if rate.n else "–"


def _cell(text: str) -> str:
    return _plain(text).replace("|", "\\|")


def _plain(text: str) -> str:
    """As Markdown shows it: without markup of its own."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\n", " ")
