"""Where a run happened: command line, host, versions and git revision, for the line it leaves beside its records."""

from __future__ import annotations

import datetime
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vlabench.util.files import PACKAGE


def now() -> str:
    """The time in UTC, ISO 8601, to the second."""
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")


def facts(versions: Mapping[str, str]) -> dict[str, Any]:
    """What a reader of the records may want to know about the machine and the command. JSON-ready."""
    return {
        "started": now(),
        "command": command(),
        "host": platform.node(),
        "platform": platform.platform(),
        "processor": processor(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "versions": dict(versions),
        "revision": revision(PACKAGE.resolve()),
    }


def command() -> str:
    """The command line as a user would type it, without the folder that the program lies in."""
    program = Path(sys.argv[0]).name
    return shlex.join(["vlabench" if program == "__main__.py" else program, *sys.argv[1:]])


def processor() -> str:
    """Its name, as Linux has it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return "an unknown processor"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "a processor")


def revision(folder: Path) -> str | None:
    """The git revision of the code in a folder, `-dirty` if files differ from it; None if git does not track it."""
    tracked = _git(folder, "ls-files", "__init__.py")  # not so if it is merely installed somewhere below a checkout
    return _git(folder, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*") if tracked else None


def _git(folder: Path, *command: str) -> str | None:
    try:
        found = subprocess.run(["git", "-C", str(folder), *command], capture_output=True, text=True, timeout=10,
                               check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() or None
