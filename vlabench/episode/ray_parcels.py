"""New weights for workers on other machines of a cluster: a folder is read where it is seen, else brought there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vlabench.errors import WorkerError, words_of

Stamp = tuple[tuple[str, int, int], ...]
"""Name, size and time of every file of a folder: two that are alike are one, on a disk that machines share."""


def stamp(folder: Path) -> Stamp:
    """Of a folder; empty if there is none."""
    return tuple((name, found.st_size, found.st_mtime_ns)
                 for name, found in sorted((name, path.stat()) for name, path in files(folder)))


def files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Name in the folder, and path."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path


def unpack(name: str, content: bytes, folder: Path) -> None:
    """A file of the folder."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@dataclass
class Parcel:
    """The folder that was packed last, as all workers are given the same; its files in Ray's store, one by one."""

    folder: Path = Path()
    content: Mapping[str, Any] = field(default_factory=dict)

    def of(self, folder: Path) -> Mapping[str, Any]:
        """References to a folder's files, by name. Raises WorkerError if the store does not take them."""
        import ray

        if folder != self.folder:
            try:
                self.content = {name: ray.put(path.read_bytes()) for name, path in files(folder)}
            except (OSError, ray.exceptions.RayError) as error:
                raise WorkerError(f"new weights cannot be brought to the cluster's nodes: {words_of(error)}\n"
                                  f"  fix: train in a folder (--out) on a disk that all nodes see") from None
            self.folder = folder
        return self.content
