"""One arithmetic on every x86-64 processor with AVX2, so that an episode comes out the same to the last bit elsewhere.

OpenBLAS, PyTorch and oneDNN choose their kernels by what the processor has, and kernels that add in another order round
otherwise: under others the same episode ends a hair's breadth off, or with another outcome. What draws pictures (Mesa),
NumPy's own loops and Numba's compiled functions give the same bits either way.
"""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

NAME = "x86-64-v3"
"""The level of the architecture that all kernels are kept to; records have it beside their versions."""
PHYSICS = {"OPENBLAS_CORETYPE": "Haswell"}
"""For any process with a simulator."""
KERNELS = {**PHYSICS, "ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}
"""For a worker, which has a policy, too; a training learns with all that the processor has. Libraries read them once,
when they are loaded."""


def choose() -> None:
    """Have the physics of this process computed by the kernels of NAME, if NumPy has not been loaded yet.

    Does nothing on a processor that has not got them, and leaves what the user has chosen.
    """
    if _possible():
        for name, value in PHYSICS.items():
            os.environ.setdefault(name, value)


def environment() -> dict[str, str]:
    """Variables for a process that plays episodes; those that the user has set, as they are."""
    return {name: os.environ.get(name, value) for name, value in KERNELS.items()} if _possible() else {}


def chosen() -> str:
    """What such a process computes by: NAME, or the machine's architecture and that its kernels are its own."""
    return NAME if environment() == KERNELS else f"{platform.machine()}, kernels of its own"


def _possible() -> bool:
    """Whether this is Linux on an x86-64 processor with AVX2 and FMA."""
    if not sys.platform.startswith("linux") or platform.machine() != "x86_64":
        return False
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    return {"avx2", "fma"} <= set(flags)
