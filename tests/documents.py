"""The tables in results/*.md beside the commands that print them, and the list of perturbations in suites/README.md:
`python -m tests.documents` writes them anew.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from typer.testing import CliRunner, Result

from tests.places import ROOT
from vlabench import registry
from vlabench.cli.app import app
from vlabench.cli.listing import first_line
from vlabench.perturbations.base import Perturbation, find_perturbation
from vlabench.util.files import write_data

EARLIER = "**Of an earlier protocol.**"
"""What a page says at its head while the records behind it are older than the simulator's present revision."""
DOCUMENTS = sorted((ROOT / "results").glob("*.md"))
SHOWN = re.compile(r"^    (?P<command>vlabench table .*)\n\n(?P<table>\*\*.*\n(?:(?:\|.*|- .*)?\n)*)", re.M)
"""A block of commands whose last one prints a table, and what stands below it: a title, rows, and notes as a list."""


SUITES = ROOT / "suites" / "README.md"
LISTED = re.compile(r"^\| perturbation \| dimension \|.*\n(?:\|.*\n)*", re.M)


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


def perturbations() -> str:
    """The list of perturbations as Markdown, from their modules: by dimension, with what each severity sets."""
    kinds = sorted((find_perturbation(name).dimension, name) for name in registry.names("perturbation"))
    rows = [f"| `{name}` | {dimension} | {first_line(kind).removesuffix('.')} | {severities(kind)} |\n"
            for dimension, name in kinds for kind in [find_perturbation(name)]]
    return "| perturbation | dimension | what it does | severities 1–5, **published** |\n|---|---|---|---|\n" + "".join(
        rows)


def severities(kind: type[Perturbation]) -> str:
    """The parameters that severities set, each with its five values; those of a published setting are bold."""
    names = dict.fromkeys(name for each in kind.severities.values() for name in each)
    if not names:
        return "none"
    found = []
    for name in names:
        default = kind.model_fields[name].default
        values = [(each.get(name, default), kind.is_published(k)) for k, each in kind.severities.items()]
        found.append(f"{name} " + ", ".join(f"**{shown_as(value)}**" if bold else shown_as(value)
                                            for value, bold in values))
    return "; ".join(found)


def shown_as(value: object) -> str:
    """A parameter's value, in few digits."""
    if isinstance(value, float):
        return f"{value:.3g}"
    return ", ".join(map(shown_as, value)) if isinstance(value, tuple | list) else str(value)


def main() -> None:
    SUITES.write_text(LISTED.sub(lambda _: perturbations(), SUITES.read_text(encoding="utf-8")), encoding="utf-8")
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        if EARLIER in text:
            continue
        for each in reversed(list(shown(text))):
            text = text[:each.start] + printed(each.command) + text[each.end:]
        write_data(document, text.encode())


if __name__ == "__main__":
    main()
