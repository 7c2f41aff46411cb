"""Digests of end states and pictures of eight episodes, for comparing machines and kernels.

    python -m tests.simulators.maniskill.digests [PACK]                both, as a run's workers compute them
    python -m tests.simulators.maniskill.digests [PACK] --kernels      the same as other processors would, as a table
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping

import numpy as np

from vlabench.episode.child import ENVIRONMENT
from vlabench.simulators.maniskill.interface import SPACE
from vlabench.simulators.maniskill.simulator import Maniskill
from vlabench.types import EpisodeSpec
from vlabench.util import kernels

MODULE = "tests.simulators.maniskill.digests"
COPIES, STEPS, LOOK, SIZE = 8, 30, 6, 128
AVX2 = "X86_V3" if kernels.WIDER.startswith("X86") else "AVX2 FMA3"
"""What NumPy calls it."""
GLIBC = "glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4,-AVX512F,-AVX512VL,-AVX512BW,-AVX512DQ"
KERNELS: Mapping[str, Mapping[str, str]] = {
    "as in a run": {},
    "OpenBLAS as for Prescott (SSE3)": {"OPENBLAS_CORETYPE": "Prescott"},
    "OpenBLAS as for SkylakeX (AVX-512)": {"OPENBLAS_CORETYPE": "SkylakeX"},
    "NumPy with AVX-512": {"NPY_DISABLE_CPU_FEATURES": ""},
    "NumPy without AVX2": {"NPY_DISABLE_CPU_FEATURES": f"{AVX2} {kernels.WIDER}"},
    "C library without AVX2 and FMA": {"GLIBC_TUNABLES": GLIBC},
    "lavapipe's vectors 256 bits wide": {"LP_NATIVE_VECTOR_WIDTH": "256"},
    "lavapipe's vectors 512 bits wide": {"LP_NATIVE_VECTOR_WIDTH": "512"},
    "lavapipe with one thread": {"LP_NUM_THREADS": "1"},
    "lavapipe with four threads": {"LP_NUM_THREADS": "4"},
    "lavapipe without AVX2": {"GALLIUM_OVERRIDE_CPU_CAPS": "avx"},
    "lavapipe without AVX": {"GALLIUM_OVERRIDE_CPU_CAPS": "sse4.1"},
}
"""What other processors have, or choose → the variables that imitate it here."""


def digests(pack: str) -> tuple[str, str]:
    """Of the end states, and of the pictures at every sixth step."""
    simulator = Maniskill(pack)
    tasks = simulator.tasks("maniskill_pair")
    scene = simulator.open(tasks[0], COPIES, simulator.cameras, SIZE)
    scene.reset([EpisodeSpec(tasks[number], "clean", number) for number in range(COPIES)])
    rng, seen = np.random.Generator(np.random.Philox(key=3)), hashlib.blake2b(digest_size=8)
    for step in range(STEPS):
        if step % LOOK == 0:
            seen.update(scene.observe().images[simulator.cameras[0]].tobytes())
        actions = np.round(rng.uniform(-1, 1, (COPIES, SPACE.size)) * 64) / 64  # whatever NumPy's last bits are
        scene.step(actions * np.array(SPACE.unit))
    ends = hashlib.blake2b("".join(scene.state_digest()).encode(), digest_size=8)
    return ends.hexdigest(), seen.hexdigest()


def table(pack: str) -> Iterator[str]:
    """The digests under each of the KERNELS, in Markdown, with the variables that bring it about."""
    yield from ("| computed | by | end states | pictures |", "|---|---|---|---|")
    for name, variables in KERNELS.items():
        done = subprocess.run([sys.executable, "-m", MODULE, pack], check=True, capture_output=True, text=True,
                              env={**os.environ, **kernels.environment(), **ENVIRONMENT, **variables})
        set_to = " ".join(f"{key}='{value}'" for key, value in variables.items())
        yield f"| {name} | {f'`{set_to}`' if set_to else ''} | {' | '.join(done.stdout.split())} |"


if __name__ == "__main__":
    asked = [argument for argument in sys.argv[1:] if argument != "--kernels"] or ["primitive"]
    for line in table(*asked) if "--kernels" in sys.argv else [" ".join(digests(*asked))]:
        print(line, flush=True)
