"""What is tried for `vlabench doctor`: a Check each, of this machine or of what one simulator needs."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vlabench.errors import VlabenchError


@dataclass(frozen=True)
class Check:
    """One thing that was tried. needed: a run on the first pack of the simulator does not work without it."""

    name: str
    works: bool
    found: str
    fix: str = ""
    needed: bool = True

    @property
    def mark(self) -> str:
        """`ok`, `missing` (a run needs it) or `absent` (it does not)."""
        return "ok" if self.works else "missing" if self.needed else "absent"


def tried(name: str, attempt: Callable[[], str], *, needed: bool = True) -> Check:
    """What an attempt says it found, or the VlabenchError that it raises."""
    try:
        return Check(name, True, attempt(), needed=needed)
    except VlabenchError as error:
        return failed(name, error, needed=needed)


def failed(name: str, error: VlabenchError, *, needed: bool = True) -> Check:
    """An error's first line is what is wrong; what follows `fix:` is the command."""
    found, _, rest = str(error).partition("\n")
    return Check(name, False, found, rest.strip().removeprefix("fix: "), needed)


def extra(name: str, packages: Sequence[str], *, needed: bool) -> Check:
    """Whether the packages of one of our extras are installed."""
    versions = versions_of(packages)
    absent = [package for package in packages if package not in versions]
    if absent:
        return Check(f"extra {name}", False, f"not installed: {', '.join(absent)}", f"pip install 'vlabench[{name}]'",
                     needed)
    return Check(f"extra {name}", True, ", ".join(f"{each} {version}" for each, version in versions.items()),
                 needed=needed)


def versions_of(packages: Sequence[str]) -> dict[str, str]:
    """Of those that are installed."""
    versions = {}
    for package in packages:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
