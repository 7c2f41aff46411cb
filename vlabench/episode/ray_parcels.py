"""New weights for workers on other machines of a cluster: a folder is read where it is seen, else brought there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

Content = Mapping[str, bytes]
"""Of files, by their names in the folder."""
Stamp = tuple[tuple[str, int, int], ...]
"""Name, size and time of every file of a folder: two that are alike are one, on a disk that machines share."""


def stamp(folder: Path) -> Stamp:
    """Of a folder; empty if there is none."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return tuple((path.relative_to(folder).as_posix(), found.st_size, found.st_mtime_ns)
                 for path, found in ((path, path.stat()) for path in files))


def packed(folder: Path) -> Content:
    """What a folder holds."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def unpacked(content: Content, folder: Path) -> Path:
    """`folder`, with this content."""
    for name, data in content.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


@dataclass
class Parcel:
    """The folder that was packed last, as all workers are given the same. content: in Ray's store."""

    folder: Path = Path()
    content: object = None

    def of(self, folder: Path) -> object:
        """The content of a folder, in Ray's store."""
        import ray

        if folder != self.folder:
            self.folder, self.content = folder, ray.put(packed(folder))
        return self.content
