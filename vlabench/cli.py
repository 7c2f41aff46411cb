"""The command line: one function per verb, and each calls one library function.

Exit status: 0 all is well; 1 too many episodes ended in errors, or `doctor` found that a run would not work; 2 a
mistake that a message explains; 3 workers that do not live, or a condition that does not do what it says; 4 results
that cannot be read or written, or a replay that ends elsewhere; 130 after Ctrl-C.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from vlabench.errors import VlabenchError

if TYPE_CHECKING:
    from rich.console import Console

WIDTH = 160
"""Columns of a table that goes to a file or a pipe, unless COLUMNS says otherwise."""


class _Verbs(TyperGroup):
    """Says a user's mistake in its own words, without a traceback, and exits with its status."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except VlabenchError as error:
            typer.echo(f"vlabench: {error}", err=True)
            raise typer.Exit(error.exit_code) from None


class Kind(str, Enum):
    """What `vlabench list` lists."""

    suites = "suites"
    policies = "policies"
    perturbations = "perturbations"
    tasks = "tasks"


app = typer.Typer(cls=_Verbs, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
                  help="How robust a vision-language-action policy is, on LIBERO under perturbation.")
assets_app = typer.Typer(no_args_is_help=True, help="The packs of looks and shapes that a simulator runs on.")
app.add_typer(assets_app, name="assets")

Results = Annotated[Path, typer.Option("--results", metavar="DIR", help="Where records lie.")]
Suite = Annotated[str, typer.Option("--suite", metavar="S", help="A suite's name, or the path of a card (.toml).")]
Tasks = Annotated[list[str] | None, typer.Option(
    "--tasks", metavar="T", help="Only these: libero_spatial, libero_goal/3, 'libero_*/0'; with commas, or repeated.")]
Conditions = Annotated[list[str] | None, typer.Option(
    "--conditions", metavar="C", help="Only these, names or patterns, and the control.")]
Assets = Annotated[str | None, typer.Option(
    "--assets", metavar="PACK", help="primitive or official; by default the first on the policy's card.")]
Seed = Annotated[int, typer.Option("--seed", help="Of every random draw.")]
Cameras = Annotated[list[str] | None, typer.Option("--camera", metavar="NAME", help="Repeat for several.")]


@app.command()
def run(
    policy: Annotated[str, typer.Option("--policy", metavar="P", help="A policy's name, or the path of a card.")],
    suite: Suite,
    assets: Assets = None,
    episodes: Annotated[int | None, typer.Option(help="Per task and condition; by default the suite's.")] = None,
    tasks: Tasks = None,
    conditions: Conditions = None,
    workers: Annotated[int | None, typer.Option(help="Processes; by default one per core.")] = None,
    seed: Seed = 0,
    control: Annotated[bool, typer.Option("--control/--no-control", help="Play the clean condition too.")] = True,
    results: Results = Path("results"),
    record: Annotated[bool, typer.Option("--record", help="Keep the actions, for `vlabench replay`.")] = False,
    time_limit: Annotated[float | None, typer.Option(metavar="SECONDS", help="For one episode.")] = None,
    by_task: Annotated[bool, typer.Option("--by-task", help="A row for each task instead of each task set.")] = False,
    table: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the table, too: .md or .csv.")] = None,
) -> None:
    """Play what is missing of a suite, and show success rates, intervals and paired differences to the control."""
    from vlabench import tables
    from vlabench.evaluation import evaluate
    from vlabench.plan import Options
    from vlabench.problems import shown
    from vlabench.progress import progress

    if table:
        tables.check_path(table)
    options = Options(episodes, _split(tasks), _split(conditions), control, seed)
    done = evaluate(policy, suite, results, assets=assets, options=options, workers=workers, record=record,
                    time_limit=time_limit, progress=progress(_console(stderr=True)))
    if done.records:
        first = done.records[0]
        title = f"{first.policy} on {suite}, {first.assets} assets"
        frame = tables.summary(done.records, by_task=by_task)
        _console().print(tables.to_rich(frame, title))
        if table:
            tables.write(frame, table)
    typer.echo(f"{done.summary}\nrecords: {shown(done.folder)}")
    raise typer.Exit(done.summary.exit_code)


@app.command("list")
def list_(kind: Annotated[Kind, typer.Argument(help="Of what.")]) -> None:
    """List suites, policies, perturbations or tasks."""
    from vlabench import listing

    _console().print({Kind.suites: listing.suites, Kind.policies: listing.policies,
                      Kind.perturbations: listing.perturbations, Kind.tasks: listing.tasks}[kind]())


@app.command()
def show(name: Annotated[str, typer.Argument(help="A suite, policy, perturbation, task, or a card's path.")]) -> None:
    """Explain a suite, a policy, a perturbation or a task."""
    from vlabench.explain import explain

    _console().print(explain(name))


@app.command()
def doctor(results: Results = Path("results")) -> None:
    """Try what a run needs on this machine; exits with 0 if a default run (LIBERO, primitive assets) would work."""
    from vlabench import doctor as physician
    from vlabench.listing import table

    checks = physician.diagnose(results)
    _console().print(table(["", "", ""], [[check.mark, check.name, check.found] for check in checks]))
    for check in checks:
        if check.mend:
            typer.echo(f"{check.name}: {'' if check.needed else 'if you want it: '}{check.mend}")
    works = physician.would_run(checks)
    typer.echo("a run would work here" if works else "a run would not work here: see what is missing above")
    raise typer.Exit(0 if works else 1)


@app.command()
def preview(
    suite: Suite,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The picture, .png or another kind.")] = Path(
        "preview.png"),
    tasks: Tasks = None,
    conditions: Conditions = None,
    assets: Annotated[str, typer.Option("--assets", metavar="PACK", help="primitive or official.")] = "primitive",
    index: Annotated[int, typer.Option(help="The episode.")] = 0,
    seed: Seed = 0,
    camera: Cameras = None,
    size: Annotated[int, typer.Option(help="Pixels per side of a camera's picture.")] = 256,
) -> None:
    """Draw what a policy sees first: tasks (by default one of each set) in rows, conditions in columns."""
    from vlabench.preview import preview as draw

    cells = draw(suite, out, assets=assets, tasks=_split(tasks), conditions=_split(conditions), index=index, seed=seed,
                 cameras=_split(camera), size=size)
    typer.echo(f"{out}: {len(cells)} pictures")


@app.command()
def replay(
    policy: Annotated[str, typer.Argument()],
    task: Annotated[str, typer.Argument(help="libero_spatial/3")],
    condition: Annotated[str, typer.Argument()],
    index: Annotated[int, typer.Argument(help="The episode.")],
    results: Results = Path("results"),
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="An .mp4 or a .gif.")] = Path("replay.mp4"),
    assets: Assets = None,
    seed: Seed = 0,
    suite: Annotated[str | None, typer.Option(metavar="S", help="Where the condition is; by default any.")] = None,
    camera: Cameras = None,
    size: Annotated[int | None, typer.Option(help="Pixels per side of each picture.")] = None,
) -> None:
    """Film an episode that `vlabench run --record` recorded; fails if it does not end exactly as recorded."""
    from vlabench.film import replay as play_again

    film = play_again(policy, task, condition, index, results=results, out=out, assets=assets, seed=seed, suite=suite,
                      cameras=_split(camera), size=size)
    typer.echo(f"{out}: {film.frames} frames, {film.played.status} after {film.played.steps} steps; the final state is "
               f"the recorded one ({film.played.state})")


@assets_app.command("list")
def assets_list() -> None:
    """Say which packs are here, and how to get the others."""
    from vlabench.listing import asset_packs

    _console().print(asset_packs())


@assets_app.command("fetch")
def assets_fetch(name: Annotated[str, typer.Argument(help="libero")]) -> None:
    """Download a simulator's own assets from the hub."""
    from vlabench.errors import UnknownName
    from vlabench.simulators.libero import packs

    if name != "libero":
        raise UnknownName("download", name, ["libero"])
    typer.echo(f"{packs.fetch_official()}: complete")


@assets_app.command("build")
def assets_build(
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="By default the cache.")] = None,
) -> None:
    """Write the generated pack; a run does so by itself."""
    from vlabench.simulators.libero import packs

    typer.echo(f"{packs.primitive(out)}: complete")


def _split(values: Sequence[str] | None) -> tuple[str, ...]:
    """`--tasks a,b --tasks c` → a, b, c."""
    return tuple(part for value in values or () for part in value.split(",") if part)


def _console(stderr: bool = False) -> Console:
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    wide = None if stream.isatty() or "COLUMNS" in os.environ else WIDTH
    return Console(file=stream, width=wide, highlight=False)


def main() -> None:
    """The entry point of the command `vlabench`."""
    app(prog_name="vlabench")
