"""The `primitive` pack: LIBERO's objects, fixtures and arenas from MuJoCo primitives, written by our own code.

The folder has the layout that hf-libero's classes expect, with the same bodies, joints, sites and collision sizes as
LIBERO's own pack, so that the official task files and initial states load and mean the same. No meshes, no downloads;
textures of at most 64 x 64 pixels per face.

The pack is more than a folder of assets: its scenes are also drawn in a way of their own (`..looks`), which is a part
of its digest.
"""

from __future__ import annotations

import errno
import functools
import hashlib
import os
import shutil
import uuid
from pathlib import Path

from vlabench.errors import AssetsError
from vlabench.simulators.libero import coarse_robot

__all__ = ["MARKER", "build", "digest", "documents"]

MARKER = ".digest"
"""The file in a finished pack that holds its digest; it is what tells a pack of ours from any other folder."""


@functools.cache
def documents() -> dict[str, str | bytes]:
    """Every file of the pack by its path inside the assets folder: XML as text, textures as PNG bytes.

    Raises:
        ValueError: if two parts of the pack claim one path.
    """
    from vlabench.simulators.libero.primitive import arenas, fixtures, objects

    merged: dict[str, str | bytes] = {}
    for part in (objects.documents(), fixtures.documents(), arenas.documents()):
        twice = merged.keys() & part.keys()
        if twice:
            raise ValueError(f"two parts of the primitive pack write {', '.join(sorted(twice))}")
        merged |= part
    return merged


def _encoded(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


@functools.cache
def digest() -> str:
    """SHA-256 over the drawing's revision and the sorted documents, each path and content with its length: 64
    hexadecimal digits.
    """
    total = hashlib.sha256(f"drawing {coarse_robot.REVISION}\n".encode())
    for path, content in sorted(documents().items()):
        for part in (path.encode(), _encoded(content)):
            total.update(len(part).to_bytes(8, "big") + part)
    return total.hexdigest()


def build(directory: Path) -> None:
    """Writes the complete assets folder; does nothing if it already holds this very pack.

    The folder appears whole or not at all, and any number of processes may build the same one at once.

    Args:
        directory: the folder that hf-libero is to take for LIBERO's `assets`; parents are made.

    Raises:
        AssetsError: if `directory` holds something that is not a pack of ours.
        OSError: if the disk is full or cannot be written.
    """
    if _holds(directory):
        return
    _refuse_foreign(directory)
    directory.parent.mkdir(parents=True, exist_ok=True)
    fresh = directory.with_name(f".{directory.name}-{uuid.uuid4().hex}")
    try:
        _write(fresh)
        _swap(fresh, directory)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _holds(directory: Path) -> bool:
    """Whether the folder is this very pack, with no file missing."""
    try:
        marked = (directory / MARKER).read_text() == digest()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return marked and all((directory / path).is_file() for path in documents())


def _refuse_foreign(directory: Path) -> None:
    """A pack replaces only an older pack: a mistyped path must not cost anybody a folder."""
    if not directory.exists() or (directory / MARKER).is_file():
        return
    if not directory.is_dir() or any(directory.iterdir()):
        raise AssetsError(
            f"{str(directory)!r} is not a primitive asset pack, so it is not overwritten\n"
            "  fix: name a new or empty folder, or remove that one"
        )


def _write(folder: Path) -> None:
    folder.mkdir()
    for path, content in documents().items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(_encoded(content))
    (folder / MARKER).write_text(digest())


def _swap(fresh: Path, directory: Path) -> None:
    """Puts `fresh` in the place of `directory`, unless another process has put the same content there first."""
    while True:
        try:
            # Succeeds if nothing, or an empty folder, is there.
            os.rename(fresh, directory)
            return
        except OSError as error:
            if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                raise
        if _holds(directory):
            return
        old = directory.with_name(f".{directory.name}-{uuid.uuid4().hex}")
        try:
            os.rename(directory, old)
        except FileNotFoundError:
            continue  # another process has just moved the old pack away
        shutil.rmtree(old, ignore_errors=True)
