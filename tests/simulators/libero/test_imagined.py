"""What is imagined of a moment is what MuJoCo shows where it is so; the moment itself stays as it is."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.simulators.libero.conftest import episode, pushes
from vlabench.simulators.libero.scene import LiberoScene
from vlabench.types import Image

Open = Callable[..., LiberoScene]
CAMERAS = ("agentview", "wrist")
BOWL = ("libero_spatial", 0)
PUSH = ("libero_goal", 5)  # the plate to the front of the stove, a region of the table
MIDDLE = ("libero_goal", 0)  # open the middle drawer of the cabinet


def begun(opened: Open, pack: str, task: tuple[str, int], cameras: tuple[str, ...] = CAMERAS) -> LiberoScene:
    scene = opened(pack, *task, cameras)
    scene.reset(episode(scene, 3))
    for action in pushes(10):
        scene.step(action[None])
    return scene


def pictures(scene: LiberoScene) -> dict[str, Image]:
    return {camera: found[0] for camera, found in scene.observe().images.items()}


def free_joint(scene: LiberoScene, name: str) -> Any:
    return scene.data.joint(f"{name}_joint0").qpos


def test_masks_are_what_stays_when_the_others_are_taken_away(pack: str, opened: Open) -> None:
    """Robot, one of two bowls and the plate, in both cameras; what the others hide is the room's."""
    scene = begun(opened, pack, BOWL)
    seen, empty = pictures(scene), scene.empty()
    task, things = scene.masks(False), scene.masks(True)
    for camera in CAMERAS:
        assert task[camera].shape == (128, 128) and (task[camera] <= things[camera]).all()
        assert 0.03 < task[camera].mean() < 0.9 and empty[camera].dtype == np.uint8
        same = (seen[camera] == empty[camera]).all(-1)
        # official things cast shadows, and pixels at edges are mixed
        assert same[~things[camera]].all() if pack == "primitive" else same[~things[camera]].mean() > 0.8
        assert not same[things[camera]].mean() > 0.1
    assert things["agentview"].mean() > task["agentview"].mean() + 0.005


def test_a_goal_s_region_of_the_table_is_not_the_room(opened: Open) -> None:
    """Of `push the plate to the front of the stove` the plate is what the task is about, not the table."""
    scene = begun(opened, "primitive", PUSH)
    for camera, found in scene.masks(False).items():
        assert (found <= scene.masks(True)[camera]).all() and found.mean() < 0.5


def test_a_ghost_where_the_thing_is_is_the_thing(pack: str, opened: Open) -> None:
    scene = begun(opened, pack, BOWL)
    for camera, found in scene.with_target_moved((0.0, 0.0), 0.0).items():
        np.testing.assert_array_equal(found, pictures(scene)[camera])


@pytest.mark.parametrize("by, turn", [((0.05, -0.04), 0.0), ((0.02, 0.06), 90.0)])
def test_a_ghost_elsewhere_is_the_thing_elsewhere(by: tuple[float, float], turn: float, pack: str,
                                                  opened: Open) -> None:
    """The bowl is put there, by its joint; pictures agree but for rounding, in a few pixels."""
    import mujoco

    scene = begun(opened, pack, BOWL)
    seen, state, digest = pictures(scene), scene.data.qpos.copy(), scene.state_digest()
    found = scene.with_target_moved(by, turn)
    assert scene.state_digest() == digest
    for camera, picture in pictures(scene).items():
        np.testing.assert_array_equal(picture, seen[camera])
    data, there = mujoco.MjData(scene.model), mujoco.MjData(scene.model)
    scene._copy(data, scene.model, scene._sensed)
    scene._copy(there, scene.model, scene._sensed)
    at = data.joint("akita_black_bowl_1_joint0").qpos
    half = math.radians(turn) / 2
    at[:2] += by
    mujoco.mju_mulQuat(at[3:], np.array([math.cos(half), 0, 0, math.sin(half)]), at[3:].copy())
    mujoco.mj_kinematics(scene.model, data)
    (bowl,) = np.flatnonzero(scene.model.body_jntadr == data.joint("akita_black_bowl_1_joint0").id)
    geoms = scene.model.geom_bodyid == bowl  # of the robot sensors have seen an earlier moment
    there.geom_xpos[geoms], there.geom_xmat[geoms] = data.geom_xpos[geoms], data.geom_xmat[geoms]
    for camera in CAMERAS:
        assert (found[camera] != scene._drawn(camera, 128, there)).any(-1).mean() < 0.001
    assert (found["agentview"] != seen["agentview"]).any(-1).mean() > 0.003
    np.testing.assert_array_equal(scene.data.qpos, state)


@pytest.mark.slow
def test_a_cabinet_moves_with_its_drawers(opened: Open) -> None:
    """What the goal names first, whatever it is; its geoms alone, as rigid as they are."""
    scene = begun(opened, "primitive", MIDDLE, ("agentview",))
    before = scene._sensed.geom_xpos.copy()
    scene.with_target_moved((0.03, 0.01), 0.0)
    after = scene._imagined._data.geom_xpos
    moved = (after != before).any(1)
    bodies = scene.model.geom_bodyid[moved]
    names = {scene.model.body(body).name.split("_cabinet")[0] for body in bodies}
    assert names == {"wooden"} and moved.sum() > 5
    np.testing.assert_allclose((after - before)[moved], [[0.03, 0.01, 0.0]] * moved.sum(), atol=1e-12)


@pytest.mark.slow
def test_a_goal_that_holds_is_not_the_target_any_more(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = begun(opened, "primitive", ("libero_10", 0), ("agentview",))  # two groceries into the basket
    first, second = [goal[1] for goal in scene._world.goals]
    assert scene._imagined._target() == first != second
    monkeypatch.setattr(scene._world, "holds", lambda goal: goal[1] == first)
    assert scene._imagined._target() == second
    assert set(scene._imagined._named()) == {first, second, "basket_1"}
