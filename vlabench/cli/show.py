"""Verbs that say what is here: list, show, doctor, assets."""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from vlabench.cli.options import Results, console


class Kind(str, Enum):
    """What `vlabench list` lists."""

    suites = "suites"
    policies = "policies"
    perturbations = "perturbations"
    tasks = "tasks"
    methods = "methods"
    objectives = "objectives"


def list_(kind: Annotated[Kind, typer.Argument(help="What to list.")]) -> None:
    """List suites, policies, perturbations or tasks, or the methods and objectives of trainings."""
    from vlabench.cli import listing

    console().print({Kind.suites: listing.suites, Kind.policies: listing.policies,
                     Kind.perturbations: listing.perturbations, Kind.tasks: listing.tasks,
                     Kind.methods: listing.methods, Kind.objectives: listing.objectives}[kind]())


def show(
    name: Annotated[str, typer.Argument(
        help="A suite, policy, perturbation, task, training method or objective, a card's path; or the word suite or "
             "policy, for what a card of these holds.")],
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of its card or options.")] = False,
) -> None:
    """Explain a suite, a policy, a perturbation and so on, with its options."""
    from vlabench.cli import explain

    if schema:
        typer.echo(json.dumps(explain.schema(name), indent=2, ensure_ascii=False))
    else:
        console().print(explain.explain(name))


def check(
    names: Annotated[list[str], typer.Argument(metavar="NAME|CARD…", help="Suites or policies, or paths of cards.")],
    play: Annotated[bool, typer.Option("--play/--no-play", help="Let policies play two short episodes, twice.")] = True,
    suite: Annotated[str | None, typer.Option("--suite", metavar="S", help="Play its tasks; by default any.")] = None,
    against: Annotated[str | None, typer.Option(
        "--against", metavar="URL", help="Of OpenVLA's checkpoints: compare actions with those of the model's own "
                                         "server there, on 20 looks, instead.")] = None,
) -> None:
    """Say what is wrong with cards, and how policies behave in two short episodes played in both orders.

    Looked for in play: the shape and range of actions, seconds a look, the use of global random numbers, and what is
    carried over from one episode to the next.

    Exit status: 0 nothing is wrong, though there may be notes; 1 something is.
    """
    from vlabench.cli.checks import check as examine

    wrong = False
    for name in names:
        remarks = examine(name, play=play, suite=suite, against=against, say=lambda text: typer.echo(text, err=True))
        wrong |= any(remark.wrong for remark in remarks)
        for remark in remarks:
            typer.echo(f"{name}: {'wrong' if remark.wrong else 'note'}: {remark.text}")
        if not any(remark.wrong for remark in remarks):
            typer.echo(f"{name}: nothing wrong")
    raise typer.Exit(int(wrong))


def doctor(results: Results = Path("results")) -> None:
    """Try what a run needs on this machine.

    Exit status: 0 a run would work in a simulator, on its first pack; 1 in none.
    """
    from vlabench.cli import doctor as physician
    from vlabench.cli.listing import table

    found = physician.diagnose(results)
    console().print(table(["", "", ""], [[check.mark, check.name, check.found] for check in found.checks]))
    for check in found.checks:
        if check.fix:
            typer.echo(f"{check.name}: {'' if check.needed else 'if you want it: '}{check.fix}")
    typer.echo(f"a run would work here, in {', '.join(found.works)}" if found.works
               else "a run would not work here: see what is missing above")
    raise typer.Exit(0 if found.works else 1)


def assets_list() -> None:
    """Say which packs are here, and how to get the others."""
    from vlabench.cli.listing import asset_packs

    console().print(asset_packs())


def assets_fetch(simulator: Annotated[str, typer.Argument(help="Whose: libero, …")]) -> None:
    """Download a simulator's own assets."""
    from vlabench.cli import assets

    folder = assets.fetch(simulator, lambda text: typer.echo(f"note: {text}", err=True))
    typer.echo(f"{folder}: complete")


def assets_build(
    simulator: Annotated[str | None, typer.Argument(help="Whose; by default the only one that generates any.")] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="By default the cache.")] = None,
) -> None:
    """Write a simulator's generated pack; a run does so by itself."""
    from vlabench.cli import assets

    typer.echo(f"{assets.build(simulator, out)}: complete")
