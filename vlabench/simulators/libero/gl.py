"""Which OpenGL backend MuJoCo draws with: chosen once, before MuJoCo is imported; a clear error if there is none."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
from pathlib import Path

from vlabench.errors import RenderingError

BACKENDS = ("egl", "osmesa")
INSTALL = "sudo apt-get install -y libosmesa6"
"""The line that makes software rendering work on Debian and Ubuntu."""


def loads(backend: str) -> bool:
    """Whether the backend's library can be loaded here."""
    name = {"egl": "EGL", "osmesa": "OSMesa"}[backend]
    path = ctypes.util.find_library(name)
    if path is None:
        return False
    try:
        ctypes.CDLL(path)
    except OSError:
        return False
    return True


def has_gpu() -> bool:
    """Whether a GPU that EGL could draw on is visible."""
    return Path("/dev/nvidiactl").exists() or Path("/dev/dri").exists()


def choose() -> str:
    """The backend to use: `MUJOCO_GL` if it is set, else EGL where there is a GPU, else OSMesa, else EGL in software.

    Raises RenderingError if neither library is there or `MUJOCO_GL` names something that cannot draw off screen.
    """
    asked = os.environ.get("MUJOCO_GL", "").lower()
    if asked and asked not in BACKENDS:
        raise RenderingError(f"MUJOCO_GL={asked!r} cannot draw off screen; valid: {', '.join(BACKENDS)}\n"
                             "  mend: unset MUJOCO_GL")
    order = [asked] if asked else (["egl", "osmesa"] if has_gpu() else ["osmesa", "egl"])
    for backend in order:
        if loads(backend):
            return backend
    raise RenderingError(f"no OpenGL library to draw with (tried {', '.join(order)})\n  mend: {INSTALL}")


def activate() -> str:
    """Set `MUJOCO_GL` for this process, before MuJoCo and robosuite are imported; returns the backend.

    Robosuite loads the library when it is imported, so a run of a policy that reads no pictures needs it too.
    """
    backend = choose()
    os.environ["MUJOCO_GL"] = os.environ["PYOPENGL_PLATFORM"] = backend
    return backend
