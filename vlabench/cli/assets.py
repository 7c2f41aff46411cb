"""`vlabench assets`: which packs the simulators have here, and how the others come here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from vlabench import registry
from vlabench.errors import OptionError, UnknownName, VlabenchError
from vlabench.simulators.base import Simulator, find_simulator


def listed() -> list[tuple[str, str, str, str]]:
    """A row for each pack of each simulator: simulator, pack, `here` or `absent`, where or why."""
    rows = []
    for name in registry.names("simulator"):
        kind = find_simulator(name)
        for pack in kind.packs:
            try:
                rows.append((name, pack, "here", str(kind.locate(pack) or "needs no files")))
            except VlabenchError as error:
                rows.append((name, pack, "absent", str(error)))
    return rows


def fetch(name: str, say: Callable[[str], None]) -> Path:
    """Download what a simulator cannot make itself; the folder. Raises UnknownName, AssetsError, MissingExtra."""
    return _able("fetch", "download", name).fetch(say)


def build(name: str | None, out: Path | None) -> Path:
    """Write a simulator's generated pack to a folder, by default the cache's; the folder.

    name: may be left out where one simulator alone generates a pack. Raises UnknownName, OptionError, AssetsError.
    """
    able = _names("build")
    if name is None and len(able) != 1:
        raise OptionError(f"whose pack? valid: {', '.join(able) or 'none, no simulator generates one'}")
    return _able("build", "generated pack", name or able[0]).build(out)


def _able(what: Literal["fetch", "build"], kind: str, name: str) -> type[Simulator]:
    valid = _names(what)
    if name not in valid:
        raise UnknownName(kind, name, valid)
    return find_simulator(name)


def _names(what: Literal["fetch", "build"]) -> list[str]:
    """The simulators that do more than to say that they cannot."""
    own = getattr(Simulator, what).__func__
    return [name for name in registry.names("simulator")
            if getattr(find_simulator(name), what).__func__ is not own]
