"""The command line: one function per verb, and each calls one library function.

Exit status: 0 all is well; 1 too many episodes ended in errors, or `doctor` found that a run would not work; 2 a
mistake that a message explains; 3 workers that die, a policy's server that is not there or another one, a condition
that does not do what it says, or a training that diverged; 4 results that cannot be read or written, or a replay that
ends elsewhere; 70 a fault of vlabench itself, with a traceback; 130 after Ctrl-C. Verbs that judge have verdicts of
their own: `gate` 1 regression, 3 inconclusive; `verify` 1 episodes that came out otherwise, 3 not to be judged here;
`board check` 1 a stale board; `check` 1 something is wrong.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from vlabench import __version__
from vlabench.cli import gate, leaderboard, new, probe, report, run, serve, show, train
from vlabench.errors import OptionError, VlabenchError

MAY_BE_EMPTY = ("--notes",)
FAULT = 70
"""EX_SOFTWARE of sysexits.h. Python's own status for an exception, 1, would be a verdict to whoever runs `gate`."""


class _Verbs(TyperGroup):
    """Says a user's mistake in its own words, without a traceback, and exits with its status."""

    given: Sequence[str] = ()

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        self.given = tuple(args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        try:
            _check_given(self.given)
            return super().invoke(ctx)
        except VlabenchError as error:
            typer.echo(f"vlabench: {error}", err=True)
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:  # of which click would make the status 1
            typer.echo("vlabench: interrupted", err=True)
            raise typer.Exit(130) from None


def _check_given(given: Sequence[str]) -> None:
    """Raises OptionError for an empty option or argument: an unset shell variable, which must not start everything or
    write into the folder here.
    """
    for before, text in zip(["", *given], given, strict=False):
        option, equals, value = text.partition("=") if text.startswith("--") else (before, "=", text)
        if equals and not value.strip() and option not in MAY_BE_EMPTY:
            what = option if option.startswith("-") else "an argument"
            raise OptionError(f"{what} is {value!r}: an unset shell variable?\n  fix: leave it out, or give it a "
                              f"value")


def _say_version(asked: bool) -> None:
    if asked:
        typer.echo(f"vlabench {__version__}")
        raise typer.Exit()


app = typer.Typer(cls=_Verbs, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
                  help="How robust a vision-language-action policy is, in simulation under perturbation.")
assets_app = typer.Typer(no_args_is_help=True, help="The packs of looks and shapes that a simulator runs on.")
board_app = typer.Typer(no_args_is_help=True, help="The leaderboard: submissions, checked and ranked.")
app.command()(run.run)
app.command("list")(show.list_)
app.command()(show.show)
app.command()(new.new)
app.command()(show.check)
app.command()(show.doctor)
app.command()(run.merge)
app.command()(run.preview)
app.command()(run.replay)
app.command()(serve.serve)
app.command()(report.table)
app.command()(report.plot)
app.command()(report.report)
app.command()(probe.probe)
app.command()(train.demos)
app.command()(train.train)
assets_app.command("list")(show.assets_list)
assets_app.command("fetch")(show.assets_fetch)
assets_app.command("build")(show.assets_build)
app.command()(gate.gate)
app.command()(leaderboard.submit)
app.command()(leaderboard.verify)
board_app.command("build")(leaderboard.build)
board_app.command("check")(leaderboard.check)
app.add_typer(assets_app, name="assets")
app.add_typer(board_app, name="board")


@app.callback()
def _top(version: Annotated[bool, typer.Option(
        "--version", callback=_say_version, is_eager=True, help="Say which version this is.")] = False) -> None:
    """What comes before the verb."""


def main() -> None:
    """The entry point of the command `vlabench`."""
    try:
        app(prog_name="vlabench")
    except Exception:
        traceback.print_exc()
        sys.exit(FAULT)
