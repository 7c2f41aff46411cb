"""The Python of another environment that a policy's card names: whether the policy can live there, and with what."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vlabench.errors import CardError
from vlabench.util.files import Scratch
from vlabench.util.processes import lone_package

HOST = ("numpy", "pydantic", "typing-extensions")
"""Packages of ours without which no policy can be held there; on Python 3.10 `tomli`, too."""
PATIENCE = 120.0
"""Seconds for an interpreter to say what it has; the first time it reads everything from a disk."""
_ASK = """
import importlib.metadata as metadata, json, sys
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
print(json.dumps([sys.executable, list(sys.version_info[:3]), found]))
"""
_IMPORT = "import sys; sys.path[:1] = sys.argv[1:]; import vlabench.episode.host, vlabench.cards.policy"


@dataclass(frozen=True)
class Elsewhere:
    """python: the interpreter's path. versions: package → version, without the build (`+cpu`), of those asked about."""

    python: str
    versions: Mapping[str, str]


def inspected(python: Path, needs: Sequence[str], libraries: Sequence[str], where: str) -> Elsewhere:
    """An environment in which a policy can live that needs these packages; libraries: whose versions are to be known.
    where: the card's key, for messages.

    Raises CardError for a Python that is not there, does not run, is too old, or lacks packages: with the command that
    mends it.
    """
    path = Path(python)
    said = _run(path, _ASK, [*HOST, "tomli", *needs, *libraries], where)
    try:
        _, version, found = json.loads(said.splitlines()[-1])
        minor = tuple(version[:2])
    except (ValueError, IndexError, TypeError):
        raise CardError(f"{where}: {path} is no Python: it answers {said[:100]!r}\n  fix: {MAKE}") from None
    if minor < (3, 10):
        raise CardError(f"{where}: {path} is Python {'.'.join(map(str, version))}; 3.10 or newer is needed\n"
                        f"  fix: {MAKE}")
    lacking = [name for name in (*HOST, *(["tomli"] if minor < (3, 11) else []), *needs) if name not in found]
    if lacking:
        raise CardError(f"{where}: the environment of {path} lacks {', '.join(lacking)}\n"
                        f"  fix: {shlex.quote(str(path))} -m pip install {shlex.join(lacking)}")
    scratch = Scratch("package")
    try:
        _run(path, _IMPORT, [str(lone_package(scratch.path))], where)
    finally:
        scratch.cleanup()
    return Elsewhere(str(path), {name: found[name].partition("+")[0] for name in libraries if name in found})


MAKE = "python3 -m venv DIR, and python = \"DIR/bin/python\" on the card"


def _run(python: Path, code: str, arguments: Sequence[str], where: str) -> str:
    """What it prints. Raises CardError."""
    try:
        done = subprocess.run([python, "-c", code, *arguments], capture_output=True, text=True, timeout=PATIENCE,
                              stdin=subprocess.DEVNULL, check=False)
    except OSError as error:
        raise CardError(f"{where}: {python} cannot be run: {error.strerror or error}\n  fix: {MAKE}") from None
    except subprocess.TimeoutExpired:
        raise CardError(f"{where}: {python} says nothing for {PATIENCE:g} s\n  fix: {MAKE}") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        raise CardError(f"{where}: {python} ends with exit status {done.returncode}: {last}\n  fix: {MAKE}")
    return done.stdout
