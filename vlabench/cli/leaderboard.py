"""Verbs of the leaderboard: submit, verify, board build, board check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vlabench.cli.options import Assets, Suite, console
from vlabench.util.text import counted

Board = Annotated[Path, typer.Option("--board", metavar="DIR", help="The leaderboard's folder.")]


def submit(
    results: Annotated[Path, typer.Argument(help="The results folder that holds the policy's records.")],
    policy: Annotated[str, typer.Option("--policy", metavar="P", help="A policy's name, or the path of a card.")],
    suite: Suite,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="Of the submission.")],
    contact: Annotated[str, typer.Option("--contact", help="Where you can be reached; shown on the board.")],
    assets: Assets = None,
    notes: Annotated[str, typer.Option("--notes", help="One line, shown on the board.")] = "",
    out: Annotated[Path | None, typer.Option(
        "--out", metavar="DIR", help="By default leaderboard/submissions/NAME.")] = None,
) -> None:
    """Make a submission of a policy's records of a whole suite: episodes, cards, versions, hashes."""
    from vlabench.leaderboard.submit import submit as make
    from vlabench.util.messages import shown

    folder = out or Path("leaderboard") / "submissions" / name
    made = make(results, policy, suite, name=name, contact=contact, out=folder, assets=assets, notes=notes)
    typer.echo(f"{shown(folder)}: {counted(len(made.records), 'episode')}, "
               + ", ".join(f"{condition} {100 * claim.rate:.1f} %" for condition, claim in made.manifest.rates.items())
               + f"\nnext: vlabench verify {shown(folder)}, vlabench board build, and a pull request")


def verify(
    submission: Annotated[Path, typer.Argument(help="leaderboard/submissions/NAME")],
    sample: Annotated[str, typer.Option(help="Episodes to play again: a number, or a share such as 20%.")] = "20",
    seed: Annotated[int | None, typer.Option(
        help="Of the draw of episodes; by default a new one; not with --record.")] = None,
    policy: Annotated[str | None, typer.Option(
        "--policy", metavar="P", help="The policy's card, where it has another name here.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes; by default one per core.")] = None,
    record: Annotated[bool, typer.Option("--record", help="Put what was shown beside the submissions.")] = False,
    by: Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who verified; shown on the board.")] = None,
    board: Board = Path("leaderboard"),
) -> None:
    """Check a submission's files and play a random sample of its episodes again; all must end exactly as submitted.

    Exit status: 0 all agree, or with other versions at least 20 % were played again and success came out within ±5
    points, which is said; 1 some do not; 2 the submission is refused, nothing of it can be replayed here, or nothing
    was shown that could be recorded; 3 the sample cannot be judged here: other versions are installed, or
    episodes end in errors.
    """
    from vlabench.leaderboard.recording import signer, write
    from vlabench.leaderboard.verify import verify as play_again
    from vlabench.util.messages import shown
    from vlabench.util.progress import progress

    signed = signer(submission, record, by, board, seed)
    found = play_again(submission, sample, seed=seed, policy_name=policy, workers=workers,
                       progress=progress(console(stderr=True)))
    typer.echo(str(found))
    if signed:
        reason = found.why_not_shown
        if reason:
            typer.echo(f"{found.name}: nothing is recorded: {reason}", err=True)
            raise typer.Exit(found.exit_code or 2)
        typer.echo(f"{shown(write(board, found.form(signed)))}: recorded; next: vlabench board build")
    raise typer.Exit(found.exit_code)


def build(board: Board = Path("leaderboard")) -> None:
    """Check all submissions, and write board.json, board.md, index.html and the schema of a submission."""
    from vlabench.leaderboard import board as boards
    from vlabench.util.messages import shown

    for path in boards.build(board):
        typer.echo(shown(path))


def check(board: Board = Path("leaderboard")) -> None:
    """Check all submissions, and that the board is what `build` would write. Exit status 1 if it is not."""
    from vlabench.leaderboard import board as boards
    from vlabench.util.messages import shown

    stale = boards.stale(board)
    for path in stale:
        typer.echo(f"{shown(path)}: is not what its sources give\n  fix: vlabench board build", err=True)
    if not stale:
        typer.echo(f"{shown(board)}: all submissions hold what they claim, and the board is theirs")
    raise typer.Exit(1 if stale else 0)
