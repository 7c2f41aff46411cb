"""One arithmetic on every x86-64 processor with AVX2, so that an episode comes out the same to the last bit elsewhere.

OpenBLAS, NumPy, PyTorch and oneDNN choose their kernels by what the processor has, and other kernels round otherwise:
under them the same episode ends a hair's breadth off, or with another outcome. What draws pictures (Mesa), Numba's
compiled functions and the C library give the same bits either way. Where PyTorch leaves products to MKL, which looks at
the maker of the processor, too, `models.portable` takes them over.
"""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

NAME = "x86-64-v3, portable"
"""The level of the architecture that all kernels are kept to; records have it beside their versions. Those that say
`x86-64-v3` alone are of policies whose products MKL computed."""
WIDER = ("X86_V4 AVX512_ICL AVX512_SPR" if tuple(map(int, version("numpy").split(".")[:2])) >= (2, 4)
         else "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR")
"""What NumPy calls the sets of kernels beyond AVX2's."""
PHYSICS = {"OPENBLAS_CORETYPE": "Haswell", "NPY_DISABLE_CPU_FEATURES": WIDER}
"""For any process with a simulator."""
KERNELS = {**PHYSICS, "ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}
"""For a worker, which has a policy, too; a training learns with all that the processor has. Libraries read them once,
when they are loaded."""


def choose() -> None:
    """Have the physics of this process computed by the kernels of NAME, if NumPy has not been loaded yet.

    Does nothing on a processor that has not got them, and leaves what the user has chosen.
    """
    for name, value in _wanted(PHYSICS).items():
        os.environ.setdefault(name, value)


def environment() -> dict[str, str]:
    """Variables for a process that plays episodes; those that the user has set, as they are."""
    return {name: os.environ.get(name, value) for name, value in _wanted(KERNELS).items()}


def chosen() -> str:
    """What such a process computes by: NAME, or the machine's architecture and that its kernels are its own."""
    wanted = _wanted(KERNELS)
    return NAME if wanted and environment() == wanted else f"{platform.machine()}, kernels of its own"


def _wanted(kernels: dict[str, str]) -> dict[str, str]:
    """Of these choices, those that make a difference here; none unless this is Linux on an x86-64 processor with AVX2
    and FMA. NumPy warns where it is to do without what the processor has not got anyway."""
    if not sys.platform.startswith("linux") or platform.machine() != "x86_64":
        return {}
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    flags = set(next((line.split() for line in lines if line.startswith("flags")), []))
    if not {"avx2", "fma"} <= flags:
        return {}
    return {name: value for name, value in kernels.items() if value != WIDER or "avx512f" in flags}
