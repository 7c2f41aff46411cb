"""Files that are there whole or not at all, whatever ends the process that writes them, and folders with one writer."""

from __future__ import annotations

import contextlib
import fcntl
import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vlabench.errors import DataError
from vlabench.util.messages import shown

PACKAGE = Path(__file__).parent.parent
"""The folder of this package: in a checkout, or where it is installed."""
LOCK = ".lock"
SCRATCH = "vlabench-"
"""What the names of temporary folders begin with."""
_handles: set[int] = set()
"""Of the locks that this process has."""


def cache() -> Path:
    """Where packs are built and fetched: `VLABENCH_CACHE`, else `$XDG_CACHE_HOME/vlabench`, else ~/.cache/vlabench."""
    if os.environ.get("VLABENCH_CACHE"):  # empty is not set: nothing is to be written into the current folder
        return Path(os.environ["VLABENCH_CACHE"])
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vlabench"


class InUse(Exception):
    """Another process has the lock of a folder; the message says which."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Have a folder, which is made if need be, for this process alone; the kernel lets go of it when the process dies.

    Raises InUse, OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    _handles.add(handle)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUse(os.read(handle, 200).decode(errors="replace").strip() or "another process") from None
        os.truncate(handle, 0)
        os.write(handle, f"process {os.getpid()} on {os.uname().nodename}\n".encode())
        yield
    finally:
        if handle in _handles:  # not in a fork, which let go of it
            _handles.remove(handle)
            os.close(handle)


def _let_go() -> None:
    """A forked process would keep the lock of a parent that was killed."""
    while _handles:
        os.close(_handles.pop())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)


class Scratch:
    """A temporary folder that goes with this process: if it is killed, with the next one that makes such a folder."""

    def __init__(self, kind: str) -> None:
        _sweep()
        self.path = Path(tempfile.mkdtemp(prefix=f"{SCRATCH}{kind}-"))
        self._lock = contextlib.ExitStack()
        self._lock.enter_context(locked(self.path))

    def cleanup(self) -> None:
        """Remove it; once more does no harm."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()


def _sweep() -> None:
    """Remove this user's folders of processes that were killed: those whose lock nobody has.

    One without a lock is being made. Another user's cannot even be looked into.
    """
    for folder in Path(tempfile.gettempdir()).glob(f"{SCRATCH}*"):
        with contextlib.suppress(InUse, OSError):
            if folder.lstat().st_uid == os.getuid() and (folder / LOCK).exists():
                with locked(folder):
                    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """`locked`, for what `--out` names. Raises DataError."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked(folder))
        except InUse as owner:
            raise DataError(f"{shown(folder)}: {owner} is at work here\n"
                            f"  fix: wait until it ends, or name another folder with --out DIR") from None
        except OSError as error:
            raise DataError(f"{shown(folder)}: cannot be written: {error.strerror or error}") from error
        yield


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


@contextmanager
def uncollected() -> Iterator[None]:
    """Inside, no rings are looked for: records hold none, and looking takes a third of the time of reading them."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
