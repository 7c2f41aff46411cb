"""Arrays in .npz files: written whole or not at all, read without surprises."""

from __future__ import annotations

import contextlib
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vlabench.errors import StoreError
from vlabench.util.files import replacing


def write_arrays(path: Path, content: Mapping[str, Any], what: str) -> None:
    """Write an .npz, whole or not at all. Raises StoreError, which calls it `what`."""
    arrays: dict[str, Any] = {name: np.asarray(value) for name, value in content.items()}
    try:
        with replacing(path) as partial, partial.open("wb") as file:
            np.savez_compressed(file, **arrays)
    except OSError as error:
        raise StoreError(f"{path}: the {what} cannot be written: {error.strerror}") from error


@contextlib.contextmanager
def reading_arrays(path: Path, what: str, fix: str) -> Iterator[Mapping[str, npt.NDArray[Any]]]:
    """The arrays of an .npz, for the body to take what it needs.

    Raises StoreError for a file that is absent, or damaged, or lacks what the body asks of it, which calls it `what`.
    """
    try:
        if path.exists() and not path.is_file():  # opening a pipe would wait for ever
            raise OSError("a folder, a pipe or a device")
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            yield stored
    except FileNotFoundError:
        raise StoreError(f"{path}: there is no such {what}\n  fix: {fix}") from None
    except (OSError, ValueError, KeyError, EOFError, TypeError, AttributeError, zipfile.BadZipFile,
            zlib.error) as error:
        raise StoreError(f"{path}: not a {what} that can be read: {error}") from error
