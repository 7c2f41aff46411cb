"""`vlabench new`: the files of a policy, a perturbation or a suite of one's own, which work as they are.

They are kept in `templates` as they are written, but for the name: there it is `my_policy`, its class `MyPolicy`.
"""

from __future__ import annotations

import ast
import importlib.util
import itertools
import keyword
import os
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from vlabench import cards, registry
from vlabench.errors import OptionError, StoreError
from vlabench.util.messages import shown
from vlabench.util.text import short, why_no_name

Kind = Literal["policy", "perturbation", "suite"]

TEMPLATES = Path(__file__).parent / "templates"
SUFFIX = ".txt"
"""Of a template: it is neither a module of this package nor one of its cards."""
NAMES: Mapping[Kind, str] = MappingProxyType(
    {"policy": "my_policy", "perturbation": "my_perturbation", "suite": "my-suite"})
"""What the templates call it."""
COMMANDS: Mapping[Kind, tuple[str, ...]] = MappingProxyType({
    "policy": (
        "vlabench check {card}",
        "vlabench run --policy {card} --suite libero-smoke",
        "pip install -e {folder}  # if cards elsewhere are to use the class by its name"),
    "perturbation": (
        "pip install -e {folder}",
        "python -m pytest {folder}",
        "vlabench check {card}",
        "vlabench preview --suite {card}",
        "vlabench run --policy random --suite {card} --episodes 1"),
    "suite": (
        "vlabench check {card}",
        "vlabench preview --suite {card}",
        "vlabench run --policy random --suite {card} --episodes 1"),
})
"""What to type next."""
LONGEST = 60
"""Characters of a name; conditions are called by it and a little more."""


@dataclass(frozen=True)
class Draft:
    """The files that were written, and the commands that use them."""

    files: tuple[Path, ...]
    commands: tuple[str, ...]


def draft(kind: Kind, name: str, out: Path | None = None) -> Draft:
    """Write the files of a plug-in of this name.

    out: the folder for the files, made if need be; by default one of the plug-in's name, for a suite the current one.
    Raises OptionError, before anything is written, for a name that is none or is taken and for files that are there;
    StoreError if a file cannot be written.
    """
    check_name(kind, name)
    folder = Path("." if kind == "suite" else name) if out is None else out
    files = {folder / path: text for path, text in contents(kind, name).items()}
    there = [path for path in files if os.path.lexists(path)]
    if there:
        raise OptionError(f"{shown(there[0])} is there already; nothing was written\n"
                          f"  fix: --out DIR, for another folder; or another name")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in files.items():
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise StoreError(f"{shown(folder)}: cannot be written: {error.strerror or error}\n"
                         f"  fix: --out DIR, for another folder") from error
    place = {"folder": shlex.quote(shown(folder)), "card": shlex.quote(shown(folder / f"{name}.toml"))}
    return Draft(tuple(files), tuple(command.format(**place) for command in COMMANDS[kind]))


def contents(kind: Kind, name: str) -> dict[str, str]:
    """File name → text, of a plug-in of this name."""
    old = NAMES[kind]
    return {path.name.removesuffix(SUFFIX).replace(old, name): _renamed(path.read_text(encoding="utf-8"), old, name)
            for path in sorted((TEMPLATES / kind).glob(f"*{SUFFIX}"))}


def _renamed(text: str, old: str, new: str) -> str:
    names = {old: new, registry.class_name(old): registry.class_name(new)}
    return re.sub("|".join(names), lambda found: names[found[0]], text)


def check_name(kind: Kind, name: str) -> None:
    """Raises OptionError for a name that no file or module may have, or that is taken; the message suggests another."""
    why = _why_not(kind, name)
    if why:
        near = re.sub("[^A-Za-z0-9]+", "_", name).strip("_")[:LONGEST - 5] or NAMES[kind]
        others = itertools.chain((near, f"my_{near}"), (f"my_{near}_{number}" for number in itertools.count(2)))
        free = next(other for other in others if not _why_not(kind, other))
        raise OptionError(f"the name {short(name)!r} {why}\n  fix: vlabench new {kind} {free}")


def _why_not(kind: Kind, name: str) -> str:
    """What keeps a new policy, perturbation or suite from this name, or ""."""
    wrong = why_no_name(name) or (f"use {LONGEST} characters at most" if len(name) > LONGEST else "")
    if not wrong and kind != "suite" and not _is_identifier(name):
        wrong = "use a Python module's: letters, digits and '_', a letter first, and no keyword"
    return f"cannot be a {kind}'s: {wrong}" if wrong else _taken(kind, name)


def _is_identifier(name: str) -> bool:
    """Of a module, whose class has a name, too: `none` would be the class None."""
    return name.isidentifier() and not keyword.iskeyword(name) and not keyword.iskeyword(registry.class_name(name))


def _taken(kind: Kind, name: str) -> str:
    """By what a name is taken, or ""."""
    if kind == "suite":
        return _same(name, cards.suite_names(), "a suite")
    if registry.class_name(name) in _used(kind):
        return f"is taken: the class would be called {registry.class_name(name)}, as another in its module"
    found = _same(name, cards.policy_names(), "a policy") or _same(name, registry.names("adapter"), "an adapter") \
        if kind == "policy" else _same(name, registry.names("perturbation"), "a perturbation")
    return found or _module(name)


def _used(kind: Kind) -> set[str]:
    """The names that the code of the templates uses, but for their own."""
    sources = (text for path, text in contents(kind, NAMES[kind]).items() if path.endswith(".py"))
    return {node.id for source in sources for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)
            } - {registry.class_name(NAMES[kind])}


def _same(name: str, names: Iterable[str], what: str) -> str:
    """Names that differ in case alone would be one file on some systems; those that differ in a dash are mixed up."""
    return next((f"is taken: {what} is called {each!r}" for each in names
                 if each.casefold().replace("-", "_") == name.casefold().replace("-", "_")), "")


def _module(name: str) -> str:
    """A folder without code is no module."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return "is taken by a Python module"
    return f"is taken by a Python module ({spec.origin})" if spec is not None and spec.origin else ""
