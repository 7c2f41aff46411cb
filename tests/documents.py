"""The tables in results/*.md beside the commands that print them: `python -m tests.documents` writes them anew."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from typer.testing import CliRunner, Result

from tests.places import ROOT
from vlabench.cli.app import app
from vlabench.util.files import write_data

EARLIER = "**Of an earlier protocol.**"
"""What a page says at its head while the records behind it are older than the simulator's present revision."""
DOCUMENTS = sorted((ROOT / "results").glob("*.md"))
SHOWN = re.compile(r"^    (?P<command>vlabench table .*)\n\n(?P<table>\*\*.*\n(?:(?:\|.*|- .*)?\n)*)", re.M)
"""A block of commands whose last one prints a table, and what stands below it: a title, rows, and notes as a list."""


@dataclass(frozen=True)
class Shown:
    """A table in a document, from `start` to `end` of its text."""

    command: str
    table: str
    start: int
    end: int


def shown(text: str) -> Iterator[Shown]:
    for found in SHOWN.finditer(text):
        table = found["table"].rstrip("\n")
        yield Shown(found["command"], table, found.start("table"), found.start("table") + len(table))


def printed(command: str) -> str:
    """What a command prints as Markdown; it is run in the current folder, which is to be the checkout."""
    done = run(command)
    if done.exit_code:
        raise RuntimeError(f"{command}: {done.output}")
    return done.stdout.strip("\n")


def run(command: str) -> Result:
    """Run a command that shows a table, in the current folder."""
    return CliRunner().invoke(app, [*shlex.split(command)[1:], "--format", "md"])


def main() -> None:
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        if EARLIER in text:
            continue
        for each in reversed(list(shown(text))):
            text = text[:each.start] + printed(each.command) + text[each.end:]
        write_data(document, text.encode())


if __name__ == "__main__":
    main()
