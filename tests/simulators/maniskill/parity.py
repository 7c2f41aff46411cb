"""Whether our worlds do what ManiSkill's own robot and controllers do: what the expert did in ours, replayed in theirs.

    VLABENCH_ASSETS=<the official pack> python -m tests.simulators.maniskill.parity
"""

from __future__ import annotations

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
NUDGE = 1e-7
"""m: by how much the first step is longer when our world plays the same actions again, to tell what is chaos."""


@dataclass(frozen=True)
class Played:
    """path [steps, 3] (m): where the hand is after each step; success: at each; actions [steps, 7]."""

    path: Floats
    success: list[bool]
    actions: Floats


@dataclass(frozen=True)
class Pair:
    """An episode in our world, in ManiSkill's environment, and in our world again with the first step nudged."""

    variant: Variant
    spec: EpisodeSpec
    ours: Played
    theirs: Played
    nudged: Played

    def off(self, other: str = "theirs") -> Floats:
        """mm between our hand and another after each step."""
        off: Floats = 1000 * np.linalg.norm(self.ours.path - getattr(self, other).path, axis=1)
        return off

    @property
    def parted(self) -> bool:
        """Whether the hands do, or the ends differ."""
        return bool(self.off().max() > PATH) or self.ours.success[-1] != self.theirs.success[-1]


def in_ours(scene: PlateScene, spec: EpisodeSpec, actions: Floats | None = None) -> Played:
    """An episode by the expert, or with these actions."""
    scene.reset([spec])
    (world,) = scene.worlds
    path, success, done = [], [], []
    for step in range(STEP_LIMIT):
        if actions is None:
            (state,) = scene.observe().state or ()
            # what ManiSkill's controllers are given is single precision
            done.append(state.expert_action().astype(np.float32).astype(np.float64))
        else:
            done.append(actions[step])
        success.append(bool(scene.step(done[-1][None]).success[0]))
        path.append(np.array(world.robot.links[HAND].entity.pose.p))
    return Played(np.array(path), success, np.array(done))


def nudged(actions: Floats) -> Floats:
    """The same actions but for a shift of the first."""
    other = actions.copy()
    other[0, :3] += NUDGE
    return other


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
        pairs.append(Pair(variant, spec, ours, in_theirs(env, spec, ours.actions),
                          in_ours(scene, spec, nudged(ours.actions))))
        print(f"\r{number + 1} of {episodes}", end="", file=sys.stderr)
    env.close()
    return pairs


def row(name: str, pairs: Sequence[Pair], other: str = "theirs") -> str:
    """Of the table: distances of the hands (mean, median of the episodes' largest, largest), successes at the end."""
    off = np.stack([pair.off(other) for pair in pairs])
    ours, theirs = (np.array([getattr(pair, side).success[-1] for pair in pairs]) for side in ("ours", other))
    return (f"| {name} | {len(pairs)} | {off.mean():.3f} | {np.median(off.max(axis=1)):.3f} | {off.max():.2f} | "
            f"{(off.max(axis=1) <= PATH).sum()} | {ours.sum()} | {theirs.sum()} | {(ours & ~theirs).sum()} | "
            f"{(theirs & ~ours).sum()} | {(ours == theirs).mean():.1%} |")


def report(pairs: Sequence[Pair]) -> str:
    """The page's tables: all episodes, by objects, and those that part."""
    lines = ["| beside ours | episodes | mean, mm | median of max | max | within 2 mm | success, ours | the other | "
             "ours alone | the other alone | alike |", "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
             row("ManiSkill's, training objects", [pair for pair in pairs if not pair.variant]),
             row("ManiSkill's, held-out objects", [pair for pair in pairs if pair.variant]),
             row("ManiSkill's, all", pairs), row("ours nudged, all", pairs, "nudged"), "",
             "| task | index | object | mm | at step | ours nudged, mm | success, ours | ManiSkill's | ours nudged |",
             "|--:|--:|---|--:|--:|--:|---|---|---|"]
    for pair in pairs:
        if pair.parted:
            name = draw(pair.spec, pair.variant).object.thing.name
            ends = " | ".join("yes" if side.success[-1] else "no" for side in (pair.ours, pair.theirs, pair.nudged))
            lines.append(f"| {pair.spec.task.number} | {pair.spec.index} | {name} | {pair.off().max():.2f} | "
                         f"{pair.off().argmax()} | {pair.off('nudged').max():.2f} | {ends} |")
    return "\n".join(lines)


def main() -> None:
    """Print the tables."""
    print(report([pair for variant, episodes in EPISODES.items() for pair in compare(variant, episodes)]))


if __name__ == "__main__":
    main()
