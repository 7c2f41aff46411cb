"""How fast the put-on-plate environment of ManiSkill's is with many copies on a GPU: steps a second.

    python -m tests.speed.maniskill_gpu [--envs 16 64 256] [--assets primitive] [--size 640 480] [--steps 80]
                                        [--condition clean]

Prints a table. Each count has a process of its own, as PhysX keeps what it took. `--device cpu --envs 1` tries it out.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from typing import Any

HEAD = ("| environments | build, s | reset, s | steps/s, physics alone | steps/s, with pictures | GPU memory, GB |\n"
        "|--:|--:|--:|--:|--:|--:|")


def measure(asked: argparse.Namespace, pictures: bool) -> dict[str, float]:
    """Seconds and steps a second (of all environments together) of small random steps."""
    import gymnasium
    import torch

    from vlabench.gym import condition_arguments

    gpu, (count,) = asked.device == "cuda", asked.envs
    render = ("gpu" if gpu else "cpu") if pictures else "none"
    began = time.perf_counter()
    env: Any = gymnasium.make(
        "vlabench.simulators.maniskill.base_env:VLABench-PutOnPlate-v1", num_envs=count, assets=asked.assets,
        image_size=asked.size, obs_mode="rgb+segmentation" if pictures else "none", sim_backend=f"physx_{asked.device}",
        render_backend=render, **condition_arguments(asked.condition))
    built = time.perf_counter()
    env.reset(seed=0)
    reset = time.perf_counter()
    generator = torch.Generator().manual_seed(0)
    for _ in range(asked.steps):
        action = torch.rand((count, 7), generator=generator) * 0.04 - 0.02
        env.step(action if count > 1 else action[0])
    if gpu:
        torch.cuda.synchronize()
    done = time.perf_counter()
    free, whole = torch.cuda.mem_get_info() if gpu else (0, 0)
    env.close()
    return {"build": built - began, "reset": reset - built, "rate": count * asked.steps / (done - reset),
            "memory": (whole - free) / 1e9}


def asked_for(count: int, asked: argparse.Namespace, pictures: bool) -> dict[str, float]:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "tests.speed.maniskill_gpu", "--envs", str(count), "--assets", asked.assets,
               "--steps", str(asked.steps), "--device", asked.device, "--condition", asked.condition,
               "--size", *map(str, asked.size), "--alone",
               "pictures" if pictures else "physics"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--envs", type=int, nargs="+", default=[16, 64, 256])
    parser.add_argument("--assets", default="primitive")
    parser.add_argument("--size", type=int, nargs=2, default=[640, 480])
    parser.add_argument("--steps", type=int, default=80)
    parser.add_argument("--condition", default="clean")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--alone", choices=("physics", "pictures"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.alone:
        print(json.dumps(measure(asked, asked.alone == "pictures")))
        return
    print(HEAD)
    for count in asked.envs:
        bare, seen = asked_for(count, asked, False), asked_for(count, asked, True)
        print(f"| {count} | {seen['build']:.1f} | {seen['reset']:.2f} | {bare['rate']:.0f} | {seen['rate']:.0f} | "
              f"{seen['memory']:.1f} |", flush=True)


if __name__ == "__main__":
    main()
