"""A scene against robosuite's own environment: the same physics, resets, pictures and readings, to the last bit."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.simulators.libero.conftest import NULL, draw, episode, pushes, robosuite_environment, settled
from vlabench.simulators.libero.interface import axis_angle
from vlabench.simulators.libero.scene import LiberoScene
from vlabench.simulators.libero.simulator import Libero
from vlabench.types import Image, Observation

Open = Callable[..., LiberoScene]
CAMERAS = ("agentview", "wrist")
STOVE = ("libero_goal", 7)  # turn on the stove
KEYS = {"agentview": "agentview_image", "wrist": "robot0_eye_in_hand_image"}


def state(source: Any) -> npt.NDArray[np.float64]:
    """qpos and qvel of a scene or of an environment."""
    data = source.data if isinstance(source, LiberoScene) else source.sim.data
    return np.concatenate([data.qpos, data.qvel])


def openvla_axis_angle(quat: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(x, y, z, w) → 2 acos(w) (x, y, z) / |(x, y, z)|, the textbook's formula, as robosuite's `quat2axisangle`."""
    from robosuite.utils.transform_utils import quat2axisangle

    return np.asarray(quat2axisangle(quat.copy()))


@pytest.mark.parametrize(("task_set", "number"), [
    ("libero_spatial", 0), pytest.param("libero_10", 9, marks=pytest.mark.long)])
def test_reset_steps_and_readings_equal_robosuite_bit_for_bit(pack: str, opened: Open, task_set: str,
                                                              number: int) -> None:
    scene = opened(pack, task_set, number)
    scene.reset(episode(scene, 11))
    for action in pushes(120, seed=1):  # what a warm reset must undo: the hand elsewhere, its fingers closed
        scene.step(action[None])
    scene.reset(episode(scene, 1))

    env = robosuite_environment(pack, task_set, number)  # new, seed 0, full resets
    settled(env, task_set, number, 1)
    np.testing.assert_array_equal(state(scene), state(env))
    touching = 0
    for action in pushes(150):
        outcome = scene.step(action[None])
        obs, _, done, _ = env.step(action)
        np.testing.assert_array_equal(state(scene), state(env))
        assert bool(outcome.success[0]) == bool(done)
        reading = np.concatenate([obs["robot0_eef_pos"], openvla_axis_angle(obs["robot0_eef_quat"]),
                                  obs["robot0_gripper_qpos"]])
        np.testing.assert_array_equal(scene.observe().proprio[0], reading.astype(np.float32))
        touching += any(env.env.check_contact(env.robots[0].gripper, thing) for thing in env.env.objects_dict.values())
    assert touching > 5 or scene.data.ncon > 10, "the trajectory touches nothing"
    env.close()


def test_reset_puts_out_the_stove(pack: str, opened: Open) -> None:
    scene = opened(pack, *STOVE, CAMERAS)
    scene.reset(episode(scene, 0))
    before, start = scene.observe().images, state(scene)
    scene.data.joint("flat_stove_1_button").qpos = 1.0
    scene.step(NULL[None])
    assert not np.array_equal(scene.observe().images["agentview"], before["agentview"])  # the burner glows
    scene.reset(episode(scene, 0))
    np.testing.assert_array_equal(state(scene), start)
    for camera, picture in scene.observe().images.items():
        np.testing.assert_array_equal(picture, before[camera], err_msg=camera)


def test_success_is_hf_liberos(pack: str, opened: Open) -> None:
    scene = opened(pack, *STOVE, CAMERAS)
    scene.reset(episode(scene, 0))
    env = robosuite_environment(pack, *STOVE)
    settled(env, *STOVE, 0)
    seen = []
    for angle in (0.0, 0.4, 0.7, 0.2):
        for data in (scene.data, env.sim.data._data):
            data.joint("flat_stove_1_button").qpos = angle
            data.joint("flat_stove_1_button").qvel = 0.0
        _, _, done, _ = env.step(NULL)
        seen.append(bool(scene.step(NULL[None]).success[0]))
        assert seen[-1] == bool(done) == bool(env.check_success())
    assert seen == [False, False, True, False]
    env.close()


def test_rendering_seldom_shows_the_same_as_rendering_always(pack: str, opened: Open) -> None:
    scene = opened(pack, *STOVE, CAMERAS)
    actions = pushes(16)

    def frames(every: int) -> list[Observation]:
        scene.reset(episode(scene, 5))
        taken = [scene.observe()]
        for step, action in enumerate(actions, 1):
            scene.step(action[None])
            if step % every == 0:
                taken.append(scene.observe())
        return taken

    seldom, always = frames(8), frames(1)[::8]
    for mine, reference in zip(seldom, always, strict=True):
        assert mine.steps == reference.steps
        for camera in CAMERAS:
            assert mine.images[camera].shape == (1, 128, 128, 3)
            np.testing.assert_array_equal(mine.images[camera], reference.images[camera])
    assert not np.array_equal(seldom[0].images["wrist"], seldom[1].images["wrist"])


@pytest.mark.official
@pytest.mark.parametrize(("task_set", "number", "size"), [
    ("libero_spatial", 0, 128), pytest.param("libero_object", 4, 224, marks=pytest.mark.long)])
def test_official_pictures_are_hf_liberos(opened: Open, task_set: str, number: int, size: int) -> None:
    scene = opened("official", task_set, number, CAMERAS, size)
    env = robosuite_environment("official", task_set, number, pictures=size)
    expected = [settled(env, task_set, number, 1)]  # all at once: robosuite draws into whichever context is current
    for step, action in enumerate(pushes(24), 1):
        draw(env, step % 8 == 0)
        expected.append(env.step(action)[0])
    env.close()
    scene.reset(episode(scene, 1))
    for step, action in enumerate(pushes(24)):
        for camera, key in KEYS.items() if step % 8 == 0 else ():
            picture = expected[step][key][::-1, ::-1]
            np.testing.assert_array_equal(scene.render(camera, size), picture, err_msg=f"{camera} {step}")
        scene.step(action[None])


def test_global_random_generators_are_left_alone(opened: Open) -> None:
    np.random.seed(123)
    random.seed(123)
    simulator = Libero("primitive")
    scene = simulator.open(simulator.tasks("libero_goal")[0], cameras=("wrist",), image_size=32)
    assert isinstance(scene, LiberoScene)
    scene.reset(episode(scene, 1))
    scene.step(NULL[None])
    scene.observe()
    scene.close()
    assert np.random.random() == np.random.RandomState(123).random_sample()
    assert random.random() == random.Random(123).random()


@pytest.mark.official
def test_scenes_of_both_packs_in_one_process_keep_apart(opened: Open) -> None:
    """Interleaved with another pack's scene, a scene shows and does what it does alone."""
    scenes = [opened("primitive", *STOVE, CAMERAS), opened("official", *STOVE, CAMERAS)]

    def play(order: list[int]) -> list[tuple[str, dict[str, Image]]]:
        for number in sorted(set(order)):
            scenes[number].reset(episode(scenes[number], 0))
        for number in order:
            for action in pushes(5, seed=number):
                scenes[number].step(action[None])
            scenes[number].observe()
        return [(scenes[n].state_digest()[0], dict(scenes[n].observe().images)) for n in sorted(set(order))]

    together = play([0, 1, 0, 1, 1, 0])
    alone = play([0, 0, 0]) + play([1, 1, 1])
    for (state_a, images_a), (state_b, images_b) in zip(together, alone, strict=True):
        assert state_a == state_b
        for camera in CAMERAS:
            np.testing.assert_array_equal(images_a[camera], images_b[camera])
    assert not np.array_equal(together[0][1]["wrist"], together[1][1]["wrist"])


def test_observation_of_a_policy_without_cameras_holds_no_pictures(opened: Open) -> None:
    scene = opened("primitive", *STOVE)
    scene.reset(episode(scene, 0))
    obs = scene.observe()
    assert obs.images == {} and obs.steps[0] == 0 and obs.proprio.shape == (1, 8) and obs.proprio.dtype == np.float32
    assert obs.instruction == ("turn on the stove",)
    scene.step(NULL[None])
    assert scene.observe().steps == 1


def test_the_digest_tells_states_apart(opened: Open) -> None:
    scene = opened("primitive", *STOVE)
    digests = []
    for index in (0, 1, 0):
        scene.reset(episode(scene, index))
        digests.append(scene.state_digest())
    assert digests[0] == digests[2] != digests[1]


@pytest.mark.parametrize(("quat", "expected"), [
    ((0.0, 0.0, 0.0, 1.0), (0.0, 0.0, 0.0)),
    ((1.0, 0.0, 0.0, 0.0), (np.pi, 0.0, 0.0)),
    ((0.0, np.sin(0.6), 0.0, np.cos(0.6)), (0.0, 1.2, 0.0)),
    ((0.0, 0.0, -np.sin(1.9), np.cos(1.9)), (0.0, 0.0, -3.8)),  # beyond π: OpenVLA's convention does not wrap
    ((0.0, 0.0, 0.0, 1.0 + 1e-9), (0.0, 0.0, 0.0)),
])
def test_axis_angle_of_known_rotations(quat: tuple[float, ...], expected: tuple[float, ...]) -> None:
    np.testing.assert_allclose(axis_angle(np.array(quat)), expected, atol=1e-12)
