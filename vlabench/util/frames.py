"""Where an error comes from: the frames of its traceback that are a user's own, not a library's or this package's."""

from __future__ import annotations

import sys
import sysconfig
import traceback
from pathlib import Path

from vlabench.util.files import PACKAGE

LINES = 20
"""Of a traceback, printed at most."""
WIDTH = 2000
"""Characters of a line: some libraries put whole arrays into their messages."""


def last_own(error: BaseException) -> traceback.FrameSummary | None:
    """The deepest frame of a user's own; where there is none, the deepest; None for an error that was never raised."""
    frames = traceback.extract_tb(error.__traceback__)
    return next(filter(_own, reversed(frames)), frames[-1] if frames else None)


def print_traceback(error: BaseException) -> None:
    """To stderr, from the first frame of a user's own on; a long one without its middle."""
    trace = error.__traceback__
    frames = traceback.extract_tb(trace)
    for _ in range(next((number for number, frame in enumerate(frames) if _own(frame)), 0)):
        trace = trace.tb_next if trace else None
    lines = "".join(traceback.format_exception(type(error), error, trace)).splitlines()
    if len(lines) > LINES:
        lines[LINES // 2 : len(lines) - LINES // 2] = ["  ..."]
    print("\n".join(line[:WIDTH] for line in lines), file=sys.stderr)


def _own(frame: traceback.FrameSummary) -> bool:
    path = Path(frame.filename)
    return path.is_absolute() and not {"site-packages", "dist-packages"} & set(path.parts) and not any(
        home in path.parents for home in (PACKAGE, Path(sysconfig.get_path("stdlib"))))
