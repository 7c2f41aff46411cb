"""Processes that must not outlive the one that started them, nor keep what it alone may have."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

from vlabench.util.files import PACKAGE

WORKER = "VLABENCH_WORKER"
"""Environment variable: which of the workers that play side by side a process is, from 0."""
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with(parent: int) -> None:
    """End this process when its parent ends, even where it waits for something that will never come."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before we could ask
        os._exit(1)


def lone_package(folder: Path) -> Path:
    """A folder below this one that has this package and nothing else: where another environment's Python is to look
    for it, which must not find what is installed beside it here.
    """
    found = folder / "package"
    found.mkdir()
    (found / PACKAGE.name).symlink_to(PACKAGE.resolve(), target_is_directory=True)
    return found
