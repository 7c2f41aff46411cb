"""How long the answers of a policy's server took: a line of each run beside the records, and a note below tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter, ValidationError

from vlabench.records.store import RUNS, Writer, content_of
from vlabench.util.parsing import json_line
from vlabench.util.text import counted


@dataclass(frozen=True)
class Waits:
    """In seconds: the median and the 95th percentile of so many answers."""

    answers: int
    median: float
    most: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Waits | None:
        """None without any."""
        if not seconds:
            return None
        median, most = np.percentile(seconds, (50, 95))
        return cls(len(seconds), float(median), float(most))

    def __str__(self) -> str:
        return (f"the server's answers took {1000 * self.median:.3g} ms at the median, {1000 * self.most:.3g} ms at "
                f"the 95th percentile ({counted(self.answers, 'answer')})")


_WAITS = TypeAdapter(Waits)


def note(writer: Writer, started: str, waits: Waits) -> None:
    """Put them on record, of the run that began then. Raises StoreError."""
    writer.note_run({"started": started, "waits": asdict(waits)})


def latest(folder: Path) -> Waits | None:
    """Of the last run that left any in a folder of task sets. Raises StoreError."""
    try:
        lines = content_of(folder / RUNS).splitlines()
    except FileNotFoundError:
        return None
    for line in reversed(lines):
        try:
            return _WAITS.validate_python((json_line(line) or {})["waits"])
        except (KeyError, ValidationError):
            continue
    return None
