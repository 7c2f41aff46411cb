"""How many worker processes this machine carries, and how long an episode may take."""

from __future__ import annotations

import os

from vlabench.errors import OptionError
from vlabench.types import EpisodeSpec

_GIB = 2**30
_WORKER_MEMORY = 2 * _GIB  # a LIBERO worker peaks below 1.5 GB on the official assets


def processes(asked: int | None) -> int:
    """Resolve the number of workers: as many as asked for, else `default_workers()`. Raises OptionError."""
    if asked is not None and asked < 1:
        raise OptionError(f"--workers {asked}: at least 1 is needed")
    return default_workers() if asked is None else asked


def default_workers() -> int:
    """One per core that this process may use, as far as the machine's memory carries them."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(1, min(cores, memory // _WORKER_MEMORY))


def default_time_limit(spec: EpisodeSpec) -> float:
    """Seconds without getting any further: so generous (ten times what a whole episode takes with the slowest
    rendering) that only what hangs exceeds it.
    """
    return 300.0 + 5.0 * spec.task.step_limit
