"""Verbs that judge what was recorded: table, plot, report."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vlabench.cli import probe
from vlabench.cli.options import Conditions, Question, Tasks, TasksAs, console, split
from vlabench.errors import OptionError, UnknownName
from vlabench.util.text import counted, short

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vlabench.reports.plots import Choice, Data

PLACES = "Folders that runs wrote to, or a policy's in one; by default results."
Places = Annotated[list[Path] | None, typer.Argument(metavar="RESULTS…", help=PLACES)]
Policies = Annotated[list[str] | None, typer.Option(
    "--policies", metavar="P", help="Only these, names or patterns; with commas, or repeated.")]
Pack = Annotated[str | None, typer.Option("--assets", metavar="PACK", help="Only records on primitive, or official.")]
SuiteOf = Annotated[str | None, typer.Option(
    "--suite", metavar="S", help="Only its conditions and tasks, as its card has them now.")]
Index = Annotated[int | None, typer.Option(
    metavar="I", help="The start (strips, trajectories, policy); by default the first that tells policies apart, all, "
                      "the first.")]
Frames = Annotated[int | None, typer.Option(metavar="N", help="Frames beside each other (strips); by default 8.")]
Episodes = Annotated[int | None, typer.Option(
    metavar="N", help="Of each policy (trajectories); by default 16.")]
Look = Annotated[int | None, typer.Option(metavar="N", help="Of the episode (policy), from 0, the default.")]
Dimensions = Annotated[list[str] | None, typer.Option(
    "--dimensions", metavar="A,B", help="Of the surface (policy); by default the first two.")]
Over = Annotated[str | None, typer.Option(
    metavar="OPTION", help="A number among the options of trainings, such as objectives.fan_ppo.weight, instead of "
                           "their demonstrations (scale).")]
AtEnd = Annotated[bool, typer.Option("--at-end", help="Success has to hold at the end of the episode.")]


WIDE = 24
"""Of a table with more columns the reader hears how to choose."""


class Format(str, Enum):
    """What `vlabench table` writes."""

    rich = "rich"
    md = "md"
    latex = "latex"
    csv = "csv"


def table(
    results: Places = None,
    layout: Annotated[str, typer.Option(
        metavar="L", help="suite, severity, dimensions, summary, cost, methods, or a paper's: "
                          "robustvla-1 to -5, rl4vla-1 to -3, fan-1, -2, -9 to -12, -14 to -18, pair-1, -2, "
                          "pair-figure-2, -3.")] = "suite",
    form: Annotated[Format | None, typer.Option("--format", help="By default that of --out, else rich.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Not the terminal: .md, .tex or .csv.")] = None,
    published: Annotated[bool, typer.Option("--published", help="Add the paper's own rows, marked as such.")] = False,
    suite: SuiteOf = None,
    policies: Policies = None,
    assets: Pack = None,
    by_task_set: Annotated[bool, typer.Option("--by-task-set", help="Rows for each task set (layout suite).")] = False,
    partial: Annotated[bool, typer.Option(
        "--partial", help="Average over the task sets that all policies have, where some lack others.")] = False,
    intervals: Annotated[bool, typer.Option("--intervals/--no-intervals", help="Show 95 % intervals.")] = True,
    at_end: AtEnd = False,
    reference: Annotated[str | None, typer.Option(
        metavar="P", help="The policy whose failures the mCE is relative to (layouts severity, dimensions).")] = None,
    versus: Annotated[str | None, typer.Option(
        metavar="P", help="Compare each with this policy, on episodes that both have: differences to it (layout "
                          "suite), or on those that all have to all trainings of its recipe (methods).")] = None,
    tasks_as: TasksAs = Question.fixed,
    starts: Annotated[str | None, typer.Option(
        metavar="A-B", help="Only episodes of these numbers, as 20-49 if the first 20 chose something.")] = None,
) -> None:
    """Show policies' success rates, intervals, paired drops; best in bold, second underlined."""
    from vlabench.reports import tables
    from vlabench.reports.tables.terminal import to_rich

    kind = tables.check_target(out, form.value if form else None)
    sheet = tables.make(results or [Path("results")], tables.Choice(
        layout, suite, split(policies, "--policies"), assets, published, partial, by_task_set, at_end, reference,
        versus, tasks_as.value, _starts(starts)))
    if kind == "rich":
        console().print(to_rich(sheet, intervals), crop=False)
        if suite is None and len(sheet.columns) > WIDE:
            typer.echo(f"note: {len(sheet.columns)} columns, of all that is on record: --suite S shows one suite's, "
                       "--policies P some policies' (vlabench list suites)", err=True)
    elif out is None:
        typer.echo(tables.rendered(sheet, kind, intervals), nl=False)
    else:
        tables.write_text(out, tables.rendered(sheet, kind, intervals))
        typer.echo(f"{out}: {counted(len(sheet.lines), 'line')}")
    if kind == "csv":
        for note in sheet.notes:
            typer.echo(f"note: {note}", err=True)


def _starts(text: str | None) -> tuple[int, int] | None:
    """`20-49` → 20, 49. Raises OptionError."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,9})-(\d{1,9})", text, re.ASCII)
    if not found or int(found[1]) > int(found[2]):
        why = "its first number is above its last" if found else "no range of episode numbers"
        raise OptionError(f"--starts {short(text)!r}: {why}\n  fix: --starts 20-49")
    return int(found[1]), int(found[2])


def plot(
    kind: Annotated[str, typer.Argument(
        help="bars, severity, parameter, grid, drops, tasks, radar, time, iterations, methods or scale; of "
             "episodes, strips or trajectories; of trainings, curves; of probes, tsne, actions or policy.")],
    results: Annotated[list[Path] | None, typer.Argument(
        metavar="RESULTS…", help=f"{PLACES} For tsne, actions and policy: files of `vlabench probe`; for curves: "
                                       "folders of trainings.")] = None,
    out: Annotated[Path, typer.Option(
        "--out", metavar="FILE", help="An .svg, .png or .pdf; without a suffix the first two.")] = Path("plot"),
    suite: SuiteOf = None,
    conditions: Conditions = None,
    policies: Policies = None,
    assets: Pack = None,
    at_end: AtEnd = False,
    tasks_as: TasksAs = Question.fixed,
    tasks: Tasks = None,
    index: Index = None,
    frames: Frames = None,
    episodes: Episodes = None,
    look: Look = None,
    dimensions: Dimensions = None,
    over: Over = None,
) -> None:
    """Draw success: bars by setting, curves over severity or a parameter, a heat map of places, a forest plot of paired
    drops, a heat map by task, a radar, times to success, or what a training kept over its iterations; strips of what
    several policies saw, from one start, or the ways that their hands took; of probes, embeddings or actions, clean and
    perturbed, or what a policy finds probable at one state."""
    from vlabench.reports import plots
    from vlabench.reports.plots import policy, probes
    from vlabench.reports.plots.scale import MILESTONES

    plots.check_target(out)
    of_probes = (*probes.KINDS, policy.POLICY)
    if kind not in (kinds := {*plots.KINDS, plots.STRIPS, plots.TRAJECTORIES, plots.CURVES, *of_probes}):
        raise UnknownName("kind of plot", kind, kinds)
    senseless = _senseless(kind, {"--tasks": tasks, "--index": index, "--frames": frames, "--episodes": episodes,
                                  "--look": look, "--dimensions": dimensions, "--over": over})
    given = {"--suite": suite, "--policies": policies, "--assets": assets, "--at-end": at_end,
             "--tasks-as": tasks_as != Question.fixed}
    none = [*senseless, *(name for name, value in given.items() if value)]
    if kind == plots.CURVES:
        _curves([*none, *(["--conditions"] if conditions else [])], results or (), out)
        return
    if kind in of_probes:
        probe.draw(kind, results or (), out, split(conditions, "--conditions"), none, policy.State(
            split(tasks, "--tasks"), index, look or 0, split(dimensions, "--dimensions")))
        return
    _refuse(kind, senseless)
    data = plots.load(results or [Path("results")], suite, split(conditions, "--conditions"),
                      split(policies, "--policies"), assets, at_end, tasks_as.value,
                      [*MILESTONES] if kind == "scale" else (), over, together=kind not in plots.WHOLE)
    for note in data.notes:
        typer.echo(f"note: {note}", err=True)
    for file in plots.save(_figure(kind, data, plots.Choice(
            split(conditions, "--conditions"), split(tasks, "--tasks"), index, split(policies, "--policies")),
            8 if frames is None else frames, 16 if episodes is None else episodes), out):
        typer.echo(str(file))


def _curves(wrong: Sequence[str], places: Sequence[Path], out: Path) -> None:
    """Of trainings. wrong: options that were given and say nothing about them."""
    from vlabench.reports import plots

    if wrong:
        raise OptionError(f"{' and '.join(wrong)}: curves are drawn of what trainings wrote, not of records\n"
                          "  fix: leave it out; vlabench plot curves DIR DIR")
    for file in plots.save(plots.curves(places), out):
        typer.echo(str(file))


def _refuse(kind: str, senseless: Mapping[str, Sequence[str]]) -> None:
    """Raises OptionError for options that do not go with a kind, if there are any."""
    if senseless:
        told = "; ".join(f"{name} goes with {', '.join(kinds)}" for name, kinds in senseless.items())
        raise OptionError(f"{told}: not with {kind}\n  fix: leave it out; --suite, --conditions and --policies choose")


def _senseless(kind: str, given: Mapping[str, object]) -> dict[str, Sequence[str]]:
    """Those of the options given that do not go with a kind of plot, and what they go with."""
    from vlabench.reports.plots import STRIPS, TRAJECTORIES
    from vlabench.reports.plots.policy import POLICY

    some = (STRIPS, TRAJECTORIES, POLICY)
    kinds: dict[str, Sequence[str]] = {"--tasks": some, "--index": some, "--frames": [STRIPS],
                                       "--episodes": [TRAJECTORIES], "--look": [POLICY], "--dimensions": [POLICY],
                                       "--over": ["scale"]}
    return {name: kinds[name] for name, value in given.items() if value is not None and kind not in kinds[name]}


def _figure(kind: str, data: Data, choice: Choice, frames: int, episodes: int) -> Figure:
    """Of records."""
    from vlabench.reports import plots

    def say(text: str) -> None:
        typer.echo(text, err=True)

    if kind == plots.STRIPS:
        return plots.strips(data, choice, frames, say)
    if kind == plots.TRAJECTORIES:
        return plots.trajectories(data, choice, episodes, say)
    return plots.draw(kind, data)


def report(
    results: Places = None,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The page, .html.")] = Path("report.html"),
    suite: SuiteOf = None,
    conditions: Conditions = None,
    policies: Policies = None,
    assets: Pack = None,
    at_end: AtEnd = False,
    tasks_as: TasksAs = Question.fixed,
    versus: Annotated[str | None, typer.Option(
        metavar="P", help="The policy to compare the others with and to show; by default the first.")] = None,
    episodes: Annotated[int, typer.Option(
        metavar="N", help="Play N episodes again, clean beside perturbed, and show them.")] = 2,
    preview: Annotated[bool, typer.Option(
        "--preview/--no-preview", help="Show what the policy sees under each kind of condition.")] = True,
    card: Annotated[list[str] | None, typer.Option(
        "--card", metavar="CARD", help="The path of a policy's card, where it was run by that; repeat for several.")
    ] = None,
) -> None:
    """Write one HTML page with everything: verdicts, tables, plots, pictures, episodes, how to reproduce it."""
    from vlabench.reports.page.build import Choice, write

    choice = Choice(suite, split(conditions, "--conditions"), split(policies, "--policies"), assets, at_end, versus,
                    episodes, preview,
                    tasks_as.value, tuple(card or ()))
    size = write(results or [Path("results")], out, choice, lambda text: typer.echo(text, err=True))
    typer.echo(f"{out}: {size / 1e6:.1f} MB")
