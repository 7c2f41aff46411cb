"""MuJoCo's state with all that is derived from it, copied whole from one MjData to another, on every MuJoCo allowed."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import lru_cache
from typing import Any

Copier = Callable[[Any, Any, Any], Any]
"""(target, model, source): both of that model."""


@lru_cache
def copier() -> Copier:
    """`mujoco.mj_copyData`, which the Python bindings have from 3.5 on; before, the same C function called directly."""
    import mujoco

    own: Copier | None = getattr(mujoco, "mj_copyData", None)
    return own or in_c()


def in_c() -> Copier:
    """The C function behind the bindings. A compiled module of theirs leads to the library that they have loaded."""
    import mujoco

    copy_data = ctypes.CDLL(mujoco._functions.__file__).mj_copyData
    copy_data.argtypes, copy_data.restype = [ctypes.c_void_p] * 3, ctypes.c_void_p

    def copy(target: Any, model: Any, source: Any) -> None:
        copy_data(target._address, model._address, source._address)

    return copy
