"""One arithmetic on every x86-64 processor with AVX2, so that an episode comes out the same to the last bit elsewhere.

OpenBLAS, PyTorch and oneDNN choose their kernels by what the processor has, and kernels that add in another order round
otherwise: on a machine with AVX-512 the same episode would end a hair's breadth off, or with another outcome. What
draws pictures (Mesa), NumPy's own loops and Numba's compiled functions give the same bits either way.
"""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

NAME = "x86-64-v3"
"""The level of the architecture that all kernels are kept to; records have it beside their versions."""
KERNELS = {
    "OPENBLAS_CORETYPE": "Haswell",
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
}
"""What the libraries read once, when they are loaded."""


def choose() -> None:
    """Have libraries that are loaded from now on, and those of child processes, use the kernels of NAME.

    Does nothing on a processor that has not got them, and leaves what the user has chosen.
    """
    if _possible():
        for name, value in KERNELS.items():
            os.environ.setdefault(name, value)


def chosen() -> str:
    """NAME, or, of processes without these kernels, the machine's architecture and that its own are used."""
    if _possible() and all(os.environ.get(name) == value for name, value in KERNELS.items()):
        return NAME
    return f"{platform.machine()}, kernels of its own"


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
