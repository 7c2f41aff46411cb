"""What there is, for people: tables of suites, policies, perturbations and tasks for `vlabench list`."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from vlabench import cards, registry
from vlabench.cards.find import tasks_here


def suites() -> Table:
    """One row per suite. Raises CardError for a suite that cannot be read."""
    rows = []
    for name in cards.suite_names():
        card = cards.load_suite(name)
        rows.append([name, card.title, ", ".join(card.task_sets), str(len(card.conditions) - 1), str(card.episodes)])
    return table(["suite", "title", "task sets", ">conditions", ">episodes"], rows)


def policies() -> Table:
    """One row per policy. Raises CardError for a policy that cannot be read."""
    rows = []
    for name in cards.policy_names():
        card = cards.load_policy(name)
        sees = ", ".join(card.cameras) or ("the simulator's state" if card.privileged else "no pictures")
        method = card.training.method if card.training else ""
        where = card.simulator or "any that fits"
        rows.append([name, card.title, where, card.adapter, sees, str(card.replan), ", ".join(card.assets), method])
    return table(["policy", "title", "simulator", "adapter", "sees", ">replan", "assets", "trained by"], rows)


def perturbations() -> Table:
    """One row per perturbation; the caption says what * means."""
    from vlabench.perturbations.base import find_perturbation

    rows = []
    for name in registry.names("perturbation"):
        kind = find_perturbation(name)
        levels = "".join(f"{level}{'*' if kind.is_published(level) else ''} " for level in sorted(kind.severities))
        needs = ", ".join(sorted(each.__name__ for each in kind.needs))
        rows.append([name, kind.dimension, levels.strip() or "none", first_line(kind), needs])
    made = table(["perturbation", "dimension", "severities", "what it does", "needs"], rows)
    made.caption, made.caption_justify = "* a published setting; the others go below, between or beyond", "left"
    return made


def tasks() -> Table:
    """One row per task of every simulator that is here; the caption names the others. Raises MissingExtra for none."""
    found, absent = tasks_here()
    made = table(["task", "instruction", ">step limit", ">init states"],
                 [[task.key, task.instruction, str(task.step_limit), str(task.init_states or "any")] for task in found])
    if absent:
        made.caption_justify = "left"
        made.caption = "\n".join(f"not those of {name}: {why}" for name, why in absent.items())
    return made


def methods() -> Table:
    """One row per training method."""
    return table(["method", "what it is"], [[name, _unimported("method", name)] for name in registry.names("method")])


def objectives() -> Table:
    """One row per objective of trainings."""
    return table(["objective", "what it is"],
                 [[name, _unimported("objective", name)] for name in registry.names("objective")])


def asset_packs() -> Table:
    """One row per pack of every simulator; one that is generated is built if it is not there, nothing is downloaded."""
    from vlabench.cli import assets

    return table(["simulator", "pack", "", "where"], assets.listed())


def about(kind: type[Any]) -> str:
    """The docstring of the module that a class is in, else of the class."""
    return (inspect.getdoc(sys.modules[kind.__module__]) or inspect.getdoc(kind) or "").strip()


def first_line(kind: type[Any]) -> str:
    """The first line of `about`, without the name and a colon in front of it."""
    return _unnamed(about(kind))


def _unimported(kind: registry.Kind, name: str) -> str:
    """The same of a plug-in whose libraries take seconds to import, or are not here: as its module's file has it."""
    spec = importlib.util.find_spec(registry.target(kind, name).partition(":")[0])
    text = Path(spec.origin).read_text(encoding="utf-8") if spec and spec.origin else ""
    return _unnamed(ast.get_docstring(ast.parse(text)) or "")


def _unnamed(text: str) -> str:
    line = text.partition("\n")[0]
    _, colon, rest = line.partition(": ")
    return (rest if colon else line).strip()


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Plain columns; a header that starts with `>` is one of numbers, to the right. The first column is never cut.

    Without any words in it, the header is left out.
    """
    made = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0), show_header=any(header))
    for number, name in enumerate(header):
        right = name.startswith(">")
        made.add_column(name.removeprefix(">"), justify="right" if right else "left", no_wrap=number == 0 or right)
    for row in rows:
        made.add_row(*(Text(cell) for cell in row))  # Text: brackets are no markup here
    return made
