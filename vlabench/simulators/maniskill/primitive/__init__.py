"""The pack `primitive`: robot, things and pictures made from our own code, cheap to draw on a CPU.

Objects and receptacles are put together in a scene (`objects`, `receptacles`). What is read from files is written into
a folder: `wx250s.urdf` with its `wx250s.srdf`, `tables/001.png` … `021.png` and `textures/001.png` … `021.png`.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vlabench.simulators.maniskill.catalogue import TABLES
from vlabench.simulators.maniskill.primitive import robot
from vlabench.util.packs import MARKER, Pack

__all__ = ["MARKER", "build", "digest"]

_PAINTED = ("patterns", "pictures", "tables", "textures")
"""The modules that pictures come from."""


@functools.cache
def digest() -> str:
    """SHA-256 over what is generated, 64 hexadecimal digits: the parts of all things, the robot's files, and for the
    pictures, which take seconds, the source of the modules that paint them.
    """
    from vlabench.simulators.maniskill.primitive.objects import OBJECTS
    from vlabench.simulators.maniskill.primitive.receptacles import RECEPTACLES

    sources = [Path(__file__).with_name(f"{name}.py").read_bytes() for name in _PAINTED]
    total = hashlib.sha256()
    for part in (repr(OBJECTS).encode(), repr(RECEPTACLES).encode(), *_robot().values(), *sources):
        total.update(len(part).to_bytes(8, "big") + part)
    return total.hexdigest()


def build(directory: Path) -> None:
    """Write the folder, in about 2 s; nothing is done if it already holds this very pack. Parents are made.

    Raises:
        AssetsError: if `directory` holds something that is not a pack of ours.
        OSError: if the disk is full or cannot be written.
    """
    names = [f"{folder}/{table.texture}" for folder in ("tables", "textures") for table in TABLES]
    Pack(digest(), [*names, *_robot()], _files).write(directory)


def _files() -> dict[str, bytes]:
    from vlabench.simulators.maniskill.primitive.pictures import table, texture

    return _robot() | {f"{folder}/{TABLES[number].texture}": _png(paint(number))
                       for folder, paint in (("tables", table), ("textures", texture))
                       for number in range(len(TABLES))}


def _png(picture: NDArray[np.uint8]) -> bytes:
    import cv2

    done, code = cv2.imencode(".png", picture[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])
    assert done
    return code.tobytes()


def _robot() -> dict[str, bytes]:
    return {"wx250s.urdf": robot.urdf().encode(), "wx250s.srdf": robot.srdf().encode()}
