"""New weights for workers on other machines of a cluster: a folder is read where it is seen, else brought there."""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass
from pathlib import Path

Stamp = tuple[tuple[str, int, int], ...]
"""Name, size and time of every file of a folder: two that are alike are one, on a disk that machines share."""


def stamp(folder: Path) -> Stamp:
    """Of a folder; empty if there is none."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return tuple((path.relative_to(folder).as_posix(), found.st_size, found.st_mtime_ns)
                 for path, found in ((path, path.stat()) for path in files))


def packed(folder: Path) -> bytes:
    """A folder's content."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.add(folder, arcname=".")
    return content.getvalue()


def unpacked(content: bytes, folder: Path) -> Path:
    """`folder`, with this content."""
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        archive.extractall(folder, filter="data")
    return folder


@dataclass
class Parcel:
    """The folder that was packed last: all workers are given the same."""

    folder: Path = Path()
    content: object = None

    def of(self, folder: Path) -> object:
        """The content of a folder, in Ray's store."""
        import ray

        if folder != self.folder:
            self.folder, self.content = folder, ray.put(packed(folder))
        return self.content
