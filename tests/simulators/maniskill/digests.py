"""Digests of end states and pictures of eight episodes, for comparing machines and kernels: `python -m` prints both."""

from __future__ import annotations

import hashlib
import sys

import numpy as np

from vlabench.simulators.maniskill.interface import SPACE
from vlabench.simulators.maniskill.simulator import Maniskill
from vlabench.types import EpisodeSpec

COPIES, STEPS, LOOK, SIZE = 8, 30, 6, 128


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


if __name__ == "__main__":
    print(*digests(*sys.argv[1:] or ["primitive"]))
