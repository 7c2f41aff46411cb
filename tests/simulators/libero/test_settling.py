"""What a MuJoCo version makes of the settle steps on LIBERO's own assets: whether things stay where they were put.

As a script it plays, with the MuJoCo installed, the ten settle steps from each published start state of each task and
then 20 null actions more (physics only, 7 minutes on one core), and prints a table with one row a task:

    VLABENCH_ASSETS=<dir> python tests/simulators/libero/test_settling.py [pack] [file for the poses]
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from vlabench.simulators.libero.hf_libero import TASK_SETS, init_states
from vlabench.simulators.libero.scene import LiberoScene
from vlabench.simulators.libero.simulator import Libero
from vlabench.types import EpisodeSpec

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

MOVED = 0.01  # metres
TIPPED = np.deg2rad(10.0)
STIRRED = 0.002  # metres
AFTERWARDS = 20  # null actions, 1 second

HEADER = """| task | restless starts | mm | degrees | still moving | as the task file says | restless objects |
|---|--:|--:|--:|--:|--:|---|"""


@dataclass(frozen=True)
class Seen:
    """Of a task's objects, arrays [start state, moment, object, 3]; moments: published, settled, a second later.

    `placed` [start state, claim]: whether what the task file says of its start holds after the settle steps, in
    LIBERO's own predicates. Regions of the table or floor are left out: they say where an object's middle is drawn, and
    the predicate asks for more.
    """

    objects: tuple[str, ...]
    positions: Floats
    verticals: Floats  # the world's vertical in each object's own frame
    placed: Flags

    @property
    def drift(self) -> Floats:
        """In the plane by the settle steps [start state, object], metres: falling is no movement."""
        distance: Floats = np.linalg.norm((self.positions[:, 1] - self.positions[:, 0])[..., :2], axis=-1)
        return distance

    @property
    def tilt(self) -> Floats:
        """By the settle steps [start state, object], radians."""
        cosine = (self.verticals[:, 0] * self.verticals[:, 1]).sum(axis=-1)
        angle: Floats = np.arccos(np.clip(cosine, -1.0, 1.0))
        return angle

    @property
    def restless(self) -> Flags:
        """[start state, object]: drifted or tipped in the settle steps, as in `primitive.test_parity`."""
        flags: Flags = (self.drift > MOVED) | (self.tilt > TIPPED)
        return flags

    @property
    def moving(self) -> Flags:
        """[start state, object]: went on moving, up and down too, after the first observation."""
        flags: Flags = np.linalg.norm(self.positions[:, 2] - self.positions[:, 1], axis=-1) > STIRRED
        return flags


def poses(scene: LiberoScene, data: Any) -> Floats:
    """[2, object, 3]: positions and verticals."""
    bodies = [scene.env.obj_body_id[name] for name in scene.env.objects_dict]
    return np.stack([data.xpos[bodies], data.xmat[bodies].reshape(-1, 3, 3)[:, 2]])


def claims(scene: LiberoScene) -> list[list[str]]:
    """What the task file says of its start, but for regions of the table or floor."""
    return [claim for claim in scene.env.parsed_problem["initial_state"]
            if not claim[-1].startswith(scene.env.workspace_name)]


def settle(scene: LiberoScene, count: int, afterwards: int = AFTERWARDS) -> Seen:
    """Play a task's first `count` start states."""
    import mujoco

    published = mujoco.MjData(scene.model)
    rows, placed = [], []
    for index in range(count):
        published.qpos[:] = init_states(scene.task.task_set, scene.task.name)[index][1:1 + scene.model.nq]
        mujoco.mj_kinematics(scene.model, published)
        scene.reset([EpisodeSpec(scene.task, "clean", index)])
        moments = [poses(scene, published), poses(scene, scene.data)]
        placed.append([bool(scene.env._eval_predicate(claim)) for claim in claims(scene)])
        for _ in range(afterwards):
            scene.step(scene.null_action[None])
        rows.append([*moments, poses(scene, scene.data)])
    array = np.array(rows)
    return Seen(tuple(scene.env.objects_dict), array[:, :, 0], array[:, :, 1], np.array(placed, dtype=bool))


def line(task: str, seen: Seen) -> str:
    """One task's row of the table."""
    placed = str(seen.placed.all(axis=1).sum()) if seen.placed.size else ""
    cells = [str(seen.restless.any(axis=1).sum()), f"{1e3 * seen.drift.max():.1f}",
             f"{np.rad2deg(seen.tilt.max()):.1f}", str(seen.moving.any(axis=1).sum()), placed]
    named = [f"{name} {seen.restless[:, k].sum()}" for k, name in enumerate(seen.objects) if seen.restless[:, k].any()]
    return f"| {task} | {' | '.join(cells)} | {', '.join(named)} |"


@pytest.mark.slow
@pytest.mark.skipif("VLABENCH_ASSETS" not in os.environ, reason="VLABENCH_ASSETS does not name LIBERO's own assets")
def test_the_bowl_lies_on_the_ramekin_before_mujoco_3_4(opened: Callable[..., LiberoScene]) -> None:
    """From 3.4 on, boxes that touch lie twice as deep in each other, and the bowl slips off, in every start state."""
    import mujoco

    seen = settle(opened("official", "libero_spatial", 5), 3)
    old = tuple(int(part) for part in mujoco.__version__.split(".")[:2]) < (3, 4)
    assert seen.placed.all(axis=1).tolist() == [old] * 3
    assert seen.moving[:, seen.objects.index("akita_black_bowl_1")].tolist() == [not old] * 3


def report(pack: str = "official", keep: str = "") -> None:
    """Print the table; keep all that was seen in a `.npz` if asked."""
    import mujoco

    print(f"MuJoCo {mujoco.__version__}, {pack} assets\n\n{HEADER}")
    simulator = Libero(pack)
    kept: dict[str, Any] = {}
    for task_set in TASK_SETS:
        for task in simulator.tasks(task_set):
            scene = simulator.open(task)
            assert isinstance(scene, LiberoScene)
            seen = settle(scene, task.init_states or 0)
            scene.close()
            print(line(task.key, seen), flush=True)
            kept |= {f"{task.key}/{name}": np.array(value) for name, value in vars(seen).items()}
    if keep:
        np.savez_compressed(keep, **kept)


if __name__ == "__main__":
    report(*sys.argv[1:])
