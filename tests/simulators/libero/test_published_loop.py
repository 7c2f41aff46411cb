"""Episodes against the published evaluation loop, written by hand: the same outcomes, steps, states and first pictures.

What OpenVLA's and OpenVLA-OFT's loops do, with hf-libero alone: one environment a task, seeded once, reset before every
episode. It is fed the actions that `vlabench run --policy expert --record` kept, on LIBERO's own assets.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.simulators.libero.conftest import NULL, draw
from vlabench.episode.recording import Recording
from vlabench.evaluation.plan import RunOptions
from vlabench.evaluation.run import evaluate
from vlabench.records.store import Store
from vlabench.simulators.libero import gl, hf_libero, packs
from vlabench.simulators.libero.scene import LiberoScene
from vlabench.simulators.libero.simulator import Libero
from vlabench.types import EpisodeSpec, Task

pytestmark = [pytest.mark.official, pytest.mark.slow]
SIZE = 256
KEYS = {"agentview": "agentview_image", "wrist": "robot0_eye_in_hand_image"}
SOME = {"libero_10/3": 2}
"""Task → episodes, for every run of the tests: a drawer whose initializer grows with each reset."""
MANY = {key: 10 for key in ("libero_spatial/0", "libero_spatial/4", "libero_object/3", "libero_object/9",
                            "libero_goal/0", "libero_goal/5", "libero_goal/8", "libero_10/3", "libero_10/9")}
"""90 episodes of nine tasks, in minutes; goal/5 pushes a plate."""


def test_some_episodes_are_the_published_loops(tmp_path: Path) -> None:
    check(SOME, tmp_path)


@pytest.mark.long
def test_ninety_episodes_are_the_published_loops(tmp_path: Path) -> None:
    check(MANY, tmp_path)


def check(chosen: dict[str, int], results: Path) -> None:
    gl.activate()
    options = RunOptions(episodes=max(chosen.values()), tasks=tuple(chosen))
    done = evaluate("expert", "libero-clean", results, assets="official", options=options, record=True)
    ours = {(record.task, record.index): record for record in done.records}
    assert len(ours) == options.episodes * len(chosen) and not done.summary.errors  # type: ignore[operator]
    known = {task.key: task for task_set in hf_libero.TASK_SETS for task in Libero("official").tasks(task_set)}
    for key, count in chosen.items():
        first = first_pictures(known[key], count)
        theirs = published_loop(known[key], [kept(results, known[key], index) for index in range(count)])
        for index, (played, pictures) in enumerate(theirs):
            record = ours[key, index]
            assert played == (record.success_once, record.steps, record.state), f"{key} {index}"
            for camera in KEYS:
                np.testing.assert_array_equal(first[index][camera], pictures[camera], err_msg=f"{key} {index}")
    assert any(record.success_once for record in ours.values())


def kept(results: Path, task: Task, index: int) -> Recording:
    return Recording.load(Store(results, "expert", "official").recording(EpisodeSpec(task, "clean", index).identity))


def first_pictures(task: Task, count: int) -> list[dict[str, Any]]:
    """What a policy sees first in each of our episodes."""
    scene = Libero("official").open(task, 1, tuple(KEYS), SIZE)
    assert isinstance(scene, LiberoScene)
    found = []
    for index in range(count):
        scene.reset([EpisodeSpec(task, "clean", index)])
        found.append({camera: picture[0] for camera, picture in scene.observe().images.items()})
    scene.close()
    return found


def published_loop(task: Task, recordings: list[Recording]) -> list[tuple[tuple[bool, int, str], dict[str, Any]]]:
    """(success, steps, digest of the final state) and the first pictures of each episode."""
    hf_libero.make_environment(task.task_set, task.name, packs.folder("official")).close()  # sets the assets' folder
    from libero.libero.envs import OffScreenRenderEnv

    env = OffScreenRenderEnv(bddl_file_name=str(hf_libero.bddl_file(task.task_set, task.name)),
                             camera_heights=SIZE, camera_widths=SIZE)
    env.seed(0)
    states = hf_libero.init_states(task.task_set, task.name)
    found = []
    for index, recording in enumerate(recordings):
        env.reset()
        env.set_init_state(states[index])
        for step in range(10):
            draw(env, step == 9)
            obs, *_ = env.step(NULL)
        pictures = {camera: obs[key][::-1, ::-1].copy() for camera, key in KEYS.items()}
        draw(env, False)
        done, steps = False, 0
        while not done and steps < task.step_limit:
            _, _, done, _ = env.step(recording.actions[steps])
            steps += 1
        found.append(((bool(done), steps, digest(env)), pictures))
    env.close()
    return found


def digest(env: Any) -> str:
    """As `LiberoScene.state_digest` defines it: time, qpos and qvel."""
    data = env.sim.data._data
    parts = (np.float64(data.time), data.qpos, data.qvel)
    return hashlib.blake2b(b"".join(np.asarray(part).tobytes() for part in parts), digest_size=8).hexdigest()
