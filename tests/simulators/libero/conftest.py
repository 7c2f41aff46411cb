"""LIBERO's packs, scenes opened once per module, and robosuite's own environment to compare them with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from vlabench.simulators.libero import gl, hf_libero, packs
from vlabench.simulators.libero.scene import LiberoScene
from vlabench.simulators.libero.simulator import Libero
from vlabench.types import EpisodeSpec

Floats = npt.NDArray[np.float64]
NULL = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0])


@pytest.fixture(params=["primitive", pytest.param("official", marks=pytest.mark.official)], scope="module")
def pack(request: pytest.FixtureRequest) -> str:
    """Each asset pack; the official one where it is there."""
    return str(request.param)


@pytest.fixture(scope="module")
def opened() -> Iterator[Callable[..., LiberoScene]]:
    """(pack, task set, number, cameras, image size) → a scene, opened once and closed after the module."""
    scenes: dict[Any, LiberoScene] = {}

    def get(pack: str, task_set: str, number: int, cameras: tuple[str, ...] = (), size: int = 128) -> LiberoScene:
        key = pack, task_set, number, cameras, size
        if key not in scenes:
            simulator = Libero(pack)
            scene = simulator.open(simulator.tasks(task_set)[number], 1, cameras, size, privileged=True)
            assert isinstance(scene, LiberoScene)
            scenes[key] = scene
        return scenes[key]

    yield get
    for scene in scenes.values():
        scene.close()


def robosuite_environment(pack: str, task_set: str, number: int, pictures: int = 0) -> Any:
    """hf-libero's environment, seeded by the published protocol; with cameras where `pictures` is a size."""
    gl.activate()
    folder = packs.folder(pack)
    name = hf_libero.task_names(task_set)[number]
    env = hf_libero.make_environment(task_set, name, folder)
    if pictures:
        from libero.libero.envs import OffScreenRenderEnv

        env.close()
        env = OffScreenRenderEnv(bddl_file_name=str(hf_libero.bddl_file(task_set, name)), camera_heights=pictures,
                                 camera_widths=pictures)
    env.seed(0)
    return env


def settled(env: Any, task_set: str, number: int, index: int) -> Any:
    """Its observation where episode `index` begins: after all episodes' resets up to its own, which draw the fixtures
    anew, the init state and the ten settle steps."""
    for _ in range(index + 1):
        env.reset()
    env.set_init_state(hf_libero.init_states(task_set, hf_libero.task_names(task_set)[number])[index])
    for step in range(10):
        draw(env, step == 9)
        obs, *_ = env.step(NULL)
    return obs


def draw(env: Any, on: bool) -> None:
    """Whether cameras draw, which takes nine tenths of the time, until the next reset makes a new simulation."""
    vars(env.sim).pop("render", None)
    if not on:
        env.sim.render = lambda width, height, **options: np.zeros((height, width, 3), np.uint8)


def episode(scene: LiberoScene, index: int) -> list[EpisodeSpec]:
    return [EpisodeSpec(scene.task, "clean", index)]


def pushes(count: int, seed: int = 0) -> Floats:
    """Random actions [count, 7], held for ten steps each, that press the hand downwards into what is there."""
    draws = np.random.Generator(np.random.Philox(seed)).uniform(-1, 1, (-(-count // 10), 7))
    draws[:, 2] -= 0.4
    draws[:, 6] = np.sign(draws[:, 6])
    actions: Floats = np.repeat(draws.clip(-1, 1), 10, axis=0)[:count]
    return actions
