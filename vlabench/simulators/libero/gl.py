"""Which OpenGL backend MuJoCo draws with: chosen once, before MuJoCo is imported; a clear error if there is none.

With EGL, workers that play side by side take turns at the GPUs: those of CUDA_VISIBLE_DEVICES, or all. Whoever names
one, by MUJOCO_EGL_DEVICE_ID, has all of them draw on it.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
from pathlib import Path

from vlabench.errors import RenderingError
from vlabench.util.processes import WORKER

BACKENDS = ("egl", "osmesa")
DEVICE = "MUJOCO_EGL_DEVICE_ID"
FILES = Path("/dev")
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
    return (FILES / "nvidiactl").exists() or (FILES / "dri").exists()


def gpus() -> tuple[int, ...]:
    """The GPUs that workers take turns at, by the numbers that EGL has for them; none where NVIDIA made none."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    return tuple(int(part) for part in visible if part.isdigit()) or tuple(range(len(list(FILES.glob("nvidia[0-9]*")))))


def choose() -> str:
    """The backend to use: `MUJOCO_GL` if it is set, else EGL where there is a GPU, else OSMesa, else EGL in software.

    Raises RenderingError if neither library is there, `MUJOCO_GL` names something that cannot draw off screen, or EGL
    is to draw on a GPU that robosuite will not take.
    """
    asked = os.environ.get("MUJOCO_GL", "").lower()
    if asked and asked not in BACKENDS:
        raise RenderingError(f"MUJOCO_GL={asked!r} cannot draw off screen; valid: {', '.join(BACKENDS)}\n"
                             "  fix: unset MUJOCO_GL")
    order = [asked] if asked else (["egl", "osmesa"] if has_gpu() else ["osmesa", "egl"])
    for backend in order:
        if loads(backend):
            if backend == "egl":
                _check_device()
            return backend
    raise RenderingError(f"no OpenGL library to draw with (tried {', '.join(order)})\n  fix: {INSTALL}")


def _check_device() -> None:
    """Raises RenderingError where robosuite 1.4 will not take what the environment says of the GPU to draw on."""
    device, visible = os.environ.get(DEVICE), os.environ.get("CUDA_VISIBLE_DEVICES")
    if device is not None and not (device.isdigit() and (not visible or device in visible)):
        among = f", which is not among CUDA_VISIBLE_DEVICES={visible!r}" if visible else ", which is no number"
        raise RenderingError(f"{DEVICE}={device!r}{among}: robosuite cannot draw on it\n  fix: unset {DEVICE}")
    if device is None and visible is not None and not all(part.isdigit() for part in visible.split(",")):
        raise RenderingError(f"CUDA_VISIBLE_DEVICES={visible!r}: robosuite draws with EGL on the GPU that it names, by "
                             f"number\n  fix: export CUDA_VISIBLE_DEVICES=0, or MUJOCO_GL=osmesa to draw on the CPU")


def activate() -> str:
    """Set `MUJOCO_GL` for this process, before MuJoCo and robosuite are imported; returns the backend.

    OSMesa draws on no GPU: robosuite, which would refuse a number that is not among CUDA_VISIBLE_DEVICES even so, does
    not get to see it.

    Robosuite loads the library when it is imported, so a run of a policy that reads no pictures needs it too.
    """
    backend = choose()
    os.environ["MUJOCO_GL"] = os.environ["PYOPENGL_PLATFORM"] = backend
    if backend == "osmesa":
        os.environ.pop(DEVICE, None)
    elif WORKER in os.environ and DEVICE not in os.environ and (found := gpus()):
        os.environ[DEVICE] = str(found[int(os.environ[WORKER]) % len(found)])
    return backend
