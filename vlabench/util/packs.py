"""Folders of generated files, which appear whole or not at all, from any number of processes, never over another's."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from vlabench.errors import AssetsError
from vlabench.util.files import cache

MARKER = ".digest"
"""The file in a finished pack that holds its digest; it is what tells a pack of ours from any other folder."""


def written(name: str, digest: str, build: Callable[[Path], None], target: Path | None = None) -> Path:
    """The folder of a generated pack, written on first use, into the cache unless `target` names another folder.

    name: what the cache's folder is called, before the digest. Raises AssetsError if that fails.
    """
    target = target or cache() / f"{name}-{digest[:16]}"
    try:
        build(target)
    except OSError as error:
        raise AssetsError(f"cannot write the primitive pack to {target}: {error}\n"
                          "  fix: set VLABENCH_CACHE (or --out) to a folder that can be written") from error
    return target


@dataclass(frozen=True)
class Pack:
    """digest: of what is in it. names: of its files, by their paths inside the folder. contents: makes them."""

    digest: str
    names: Collection[str]
    contents: Callable[[], Mapping[str, bytes]]

    def write(self, directory: Path) -> None:
        """Write the complete folder; nothing is done if it already holds this very pack. Parents are made.

        The folder appears whole or not at all, and any number of processes may write the same one at once.

        Raises:
            AssetsError: if `directory` holds something that is not a pack of ours.
            OSError: if the disk is full or cannot be written.
        """
        if self._is_in(directory):
            return
        _refuse_foreign(directory)
        directory.parent.mkdir(parents=True, exist_ok=True)
        fresh = directory.with_name(f".{directory.name}-{uuid.uuid4().hex}")
        try:
            self._fill(fresh)
            self._swap(fresh, directory)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def _is_in(self, directory: Path) -> bool:
        """Whether the folder is this very pack, with no file missing."""
        try:
            marked = (directory / MARKER).read_text() == self.digest
        except (FileNotFoundError, NotADirectoryError):
            return False
        return marked and all((directory / name).is_file() for name in self.names)

    def _fill(self, folder: Path) -> None:
        folder.mkdir()
        for name, content in self.contents().items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        (folder / MARKER).write_text(self.digest)

    def _swap(self, fresh: Path, directory: Path) -> None:
        """Puts `fresh` in the place of `directory`, unless another process has put the same content there first."""
        while True:
            try:
                # Succeeds if nothing, or an empty folder, is there.
                os.rename(fresh, directory)
                return
            except OSError as error:
                if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                    raise
            if self._is_in(directory):
                return
            old = directory.with_name(f".{directory.name}-{uuid.uuid4().hex}")
            try:
                os.rename(directory, old)
            except FileNotFoundError:
                continue  # another process has just moved the old pack away
            shutil.rmtree(old, ignore_errors=True)


def _refuse_foreign(directory: Path) -> None:
    """A pack replaces only an older pack: a mistyped path must not cost anybody a folder."""
    if not directory.exists() or (directory / MARKER).is_file():
        return
    if not directory.is_dir() or any(directory.iterdir()):
        raise AssetsError(
            f"{str(directory)!r} is not a primitive asset pack, so it is not overwritten\n"
            "  fix: name a new or empty folder, or remove that one"
        )
