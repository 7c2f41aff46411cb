"""The `primitive` pack: LIBERO's objects, fixtures and arenas from MuJoCo primitives, written by our own code.

The folder has the layout that hf-libero's classes expect, with the same bodies, joints, sites and collision sizes as
LIBERO's own pack, so that the official task files and initial states load and mean the same. No meshes, no downloads;
textures of at most 64 x 64 pixels per face.

The pack is more than a folder of assets: its scenes are also drawn in a way of their own (`..looks`), which is a part
of its digest.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

from vlabench.simulators.libero import coarse_robot
from vlabench.util.packs import MARKER, Pack

__all__ = ["MARKER", "build", "digest", "documents"]

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

    Args:
        directory: the folder that hf-libero is to take for LIBERO's `assets`; parents are made.

    Raises:
        AssetsError: if `directory` holds something that is not a pack of ours.
        OSError: if the disk is full or cannot be written.
    """
    files = documents()
    Pack(digest(), files.keys(), lambda: {path: _encoded(content) for path, content in files.items()}).write(directory)
