"""vla-eval's own loop plays libero_spatial, official pack, at a server.

Arguments: its address, so many tasks, episodes of each, a folder for what it writes. Prints of every episode task,
number, success, steps and the state in the end, in JSON.

Pictures are left black: the policy reads none, and drawing them would take most of the time.
"""

from __future__ import annotations

import hashlib
import json
import sys
from typing import Any

import numpy as np
from vla_eval import api
from vla_eval.benchmarks.libero.benchmark import LIBEROBenchmark

from vlabench.simulators.libero import gl, hf_libero, packs

PLAYED: list[tuple[int, int, bool, int, str]] = []


class Watched(LIBEROBenchmark):  # type: ignore[misc]  # a class of another environment
    """Notes how episodes end; all else is vla-eval's."""

    def reset(self, task: Any) -> Any:
        self._at = task["task_id"], task.get("episode_idx", 0)
        self._steps = 0
        return super().reset(task)

    def step(self, action: Any) -> Any:
        self._steps += 1
        return super().step(action)

    def get_step_result(self, step_result: Any) -> Any:
        found = super().get_step_result(step_result)
        digest, data = hashlib.blake2b(digest_size=8), self._env.sim.data
        for part in (np.float64(data.time), data.qpos, data.qvel):
            digest.update(np.ascontiguousarray(part).tobytes())
        PLAYED.append((*self._at, bool(found["success"]), self._steps, digest.hexdigest()))
        return found


def play(url: str, tasks: int, episodes: int, out: str) -> None:
    """Where the assets lie hf-libero is told by making one of our environments."""
    render = {"osmesa": "cpu", "egl": "gpu"}[gl.activate()]
    first = hf_libero.task_names("libero_spatial")[0]
    hf_libero.make_environment("libero_spatial", first, packs.folder("official")).close()
    from robosuite.utils.binding_utils import MjSim

    MjSim.render = lambda self, width, height, **others: np.zeros((height, width, 3), np.uint8)
    api.run({"server": {"url": url, "timeout": 120}, "output_dir": out, "render": render, "benchmarks": [
        {"benchmark": "plays_libero:Watched", "episodes_per_task": episodes, "max_tasks": tasks,
         "params": {"suite": "libero_spatial", "seed": 0, "env_seed": 0}}]}, docker=False, no_save=True)


if __name__ == "__main__":
    sys.modules["plays_libero"] = sys.modules["__main__"]
    play(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
    print(json.dumps(PLAYED))
