"""Whether our worlds do what ManiSkill's own robot and controllers do: what the expert did in ours, replayed in theirs.

    VLABENCH_ASSETS=<the official pack> python -m tests.simulators.maniskill.parity

ManiSkill's controllers aim by torch's roots, those of Intel's MKL, which are rounded correctly where it takes its steps
for AVX2. It is told to here; `MKL_VML_DEBUG_CPU_TYPE= python -m …` leaves it those that it has for this processor.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vlabench.simulators.base import Variant
from vlabench.simulators.maniskill.interface import STEP_LIMIT
from vlabench.simulators.maniskill.robot import HAND
from vlabench.simulators.maniskill.scene import PlateScene
from vlabench.simulators.maniskill.simulator import TASK_SETS, Maniskill
from vlabench.simulators.maniskill.starts import draw
from vlabench.types import EpisodeSpec, Floats, Task

PACK = "official"
HELD_OUT: Variant = (("objects", "test"),)
EPISODES = {(): 128, HELD_OUT: 72}
"""How many of each variant: eight of each object, or so."""
PATH = 2.0
"""mm that the hands may be apart, at most."""
BRANCH = {"MKL_VML_DEBUG_CPU_TYPE": "3"}
"""What makes Intel's MKL take its steps for AVX2 on any processor that has it; read once, at torch's first root."""


@dataclass(frozen=True)
class Played:
    """path [steps, 3] (m): where the hand is after each step; success: at each; actions [steps, 7]."""

    path: Floats
    success: list[bool]
    actions: Floats


@dataclass(frozen=True)
class Pair:
    """An episode in our world and in ManiSkill's environment."""

    variant: Variant
    spec: EpisodeSpec
    ours: Played
    theirs: Played

    @property
    def off(self) -> Floats:
        """mm between both hands after each step."""
        off: Floats = 1000 * np.linalg.norm(self.ours.path - self.theirs.path, axis=1)
        return off

    @property
    def near(self) -> bool:
        """Whether they stay as near each other as they have to."""
        return bool(self.off.max() <= PATH)

    @property
    def alike(self) -> bool:
        """Whether both succeed at the end, or neither."""
        return self.ours.success[-1] == self.theirs.success[-1]


def in_ours(scene: PlateScene, spec: EpisodeSpec) -> Played:
    """An episode by the expert."""
    scene.reset([spec])
    (world,) = scene.worlds
    path, success, done = [], [], []
    for _ in range(STEP_LIMIT):
        (state,) = scene.observe().state or ()
        # what ManiSkill's controllers are given is single precision
        done.append(state.expert_action().astype(np.float32).astype(np.float64))
        success.append(bool(scene.step(done[-1][None]).success[0]))
        path.append(np.array(world.robot.links[HAND].entity.pose.p))
    return Played(np.array(path), success, np.array(done))


def in_theirs(env: Any, spec: EpisodeSpec, actions: Floats) -> Played:
    """The same actions again, in a scene that is built anew."""
    inner = env.unwrapped
    env.reset(options={"number": spec.task.number, "index": spec.index, "seed": spec.seed, "reconfigure": True})
    path, success = [], []
    for action in actions:
        *_, info = env.step(action.astype(np.float32))
        path.append(inner.agent.robot.links_map[HAND].pose.p[0].numpy())
        success.append(bool(info["success"][0]))
    return Played(np.array(path), success, actions)


def environment(variant: Variant) -> Any:
    """ManiSkill's, one copy on a CPU, without pictures."""
    import gymnasium

    return gymnasium.make("vlabench.simulators.maniskill.base_env:VLABench-PutOnPlate-v1", num_envs=1, assets=PACK,
                          variant=variant, obs_mode="none", sim_backend="physx_cpu", render_backend="none")


def compare(variant: Variant, episodes: int) -> list[Pair]:
    """That many episodes, of all tasks in turn."""
    simulator = Maniskill(PACK)
    tasks: list[Task] = simulator.tasks(TASK_SETS[0])
    scene, env, pairs = PlateScene(PACK, (), 0, True, variant), environment(variant), []
    for number in range(episodes):
        spec = EpisodeSpec(tasks[number % len(tasks)], "clean", number // len(tasks))
        ours = in_ours(scene, spec)
        pairs.append(Pair(variant, spec, ours, in_theirs(env, spec, ours.actions)))
        print(f"\r{number + 1} of {episodes}", end="", file=sys.stderr)
    env.close()
    return pairs


def roots() -> str:
    """Of torch, here: how many of 100,000 are rounded correctly."""
    import torch

    numbers = np.random.default_rng(0).uniform(1, 4, 100_000).astype(np.float32)
    correct = (torch.sqrt(torch.from_numpy(numbers)).numpy() == np.sqrt(numbers)).mean()
    capability = torch.backends.cpu.get_cpu_capability()
    return f"torch {torch.__version__}, {capability}: {correct:.1%} of its roots are rounded correctly."


def row(name: str, pairs: Sequence[Pair]) -> str:
    """Of the table: episodes, how many of them have the same path to the last bit, …; see `report`."""
    off = np.stack([pair.off for pair in pairs])
    ours, theirs = (sum(getattr(pair, side).success[-1] for pair in pairs) for side in ("ours", "theirs"))
    near, alike = [pair.near for pair in pairs], [pair.alike for pair in pairs]
    return (f"| {name} | {len(pairs)} | {(off.max(axis=1) == 0).sum()} | {off.mean():.3f} | {off.max():.2f} | {ours} | "
            f"{theirs} | {sum(near)} | {sum(alike)} | {np.mean(np.logical_and(near, alike)):.1%} |")


def report(pairs: Sequence[Pair]) -> str:
    """The page's tables: all episodes, by objects, and those that part, if there are any."""
    lines = [roots(), "",
             "| objects | episodes | equal to the bit | mean, mm | max, mm | success, ours | ManiSkill's "
             "| within 2 mm | success alike | both at once |", "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
             row("training", [pair for pair in pairs if not pair.variant]),
             row("held-out", [pair for pair in pairs if pair.variant]), row("all", pairs)]
    if parted := [pair for pair in pairs if not (pair.near and pair.alike)]:
        lines += ["", "| task | index | object | mm | at step | success, ours | ManiSkill's |",
                  "|--:|--:|---|--:|--:|---|---|"]
    for pair in parted:
        name = draw(pair.spec, pair.variant).object.thing.name
        ends = " | ".join("yes" if side.success[-1] else "no" for side in (pair.ours, pair.theirs))
        lines.append(f"| {pair.spec.task.number} | {pair.spec.index} | {name} | {pair.off.max():.2f} | "
                     f"{pair.off.argmax()} | {ends} |")
    return "\n".join(lines)


def main() -> None:
    """Print the tables."""
    for name, value in BRANCH.items():
        os.environ.setdefault(name, value)
    print(report([pair for variant, episodes in EPISODES.items() for pair in compare(variant, episodes)]))


if __name__ == "__main__":
    main()
