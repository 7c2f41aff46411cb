"""Files that are there whole or not at all, whatever ends the process that writes them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vlabench.errors import DataError
from vlabench.problems import shown


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A name to write under, which becomes `path` at the end if nothing went wrong, and vanishes otherwise.

    Folders above it are made. Raises OSError.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def write_data(path: Path, content: bytes) -> None:
    """A file of a training or of demonstrations. Raises DataError if it cannot be written."""
    try:
        with replacing(path) as partial:
            partial.write_bytes(content)
    except OSError as error:
        raise DataError(f"{shown(path)}: cannot be written: {error.strerror or error}") from error
