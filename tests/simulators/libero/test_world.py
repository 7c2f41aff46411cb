"""The privileged view against robosuite's and hf-libero's own readings of the same scene."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.simulators.libero.conftest import NULL, episode, pushes
from vlabench.simulators.libero.advisor import Advisor
from vlabench.simulators.libero.scene import LiberoScene
from vlabench.simulators.libero.world import World

Open = Callable[..., LiberoScene]


@pytest.fixture
def scene(opened: Open) -> LiberoScene:
    """The stove, the bowl, the plate, the bottle, the rack and the cabinet of libero_goal, a few steps in."""
    scene = opened("primitive", "libero_goal", 7)
    scene.reset(episode(scene, 4))
    for action in pushes(20):
        scene.step(action[None])
    return scene


@pytest.fixture
def world(scene: LiberoScene) -> World:
    (state,) = scene.observe().state or ()
    assert isinstance(state, World)
    return state


def test_state_is_given_only_to_those_who_may_see_it(scene: LiberoScene, opened: Open) -> None:
    scene.privileged = False
    assert scene.observe().state is None
    scene.privileged = True
    assert scene.observe().state is not None


def test_poses_are_those_of_the_simulation(scene: LiberoScene, world: World) -> None:
    sim = scene.env.sim
    for name in scene.env.objects_dict:
        body = scene.env.obj_body_id[name]
        np.testing.assert_array_equal(world.pose(name).pos, sim.data.body_xpos[body])
        np.testing.assert_array_equal(world.pose(name).rot.ravel(), sim.data.body_xmat[body])
    np.testing.assert_array_equal(world.pose("flat_stove_1_cook_region").pos,
                                  sim.data.get_site_xpos("flat_stove_1_cook_region"))
    np.testing.assert_array_equal(world.hand.pos, sim.data.get_site_xpos("gripper0_grip_site"))
    np.testing.assert_allclose(world.hand.rot @ world.hand.rot.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(world.hand.rot) == pytest.approx(1.0)
    assert isinstance(world, Advisor)
    np.testing.assert_allclose(world.hand_pose()[:3, 3], scene.observe().proprio[0, :3], atol=1e-3)  # a substep before
    np.testing.assert_array_equal(world.hand_pose()[:3, :3], world.hand.rot)


def test_goals_and_regions_are_the_task_files(world: World) -> None:
    assert world.goals == [("turnon", "flat_stove_1")]
    assert world.is_region("flat_stove_1_cook_region") and not world.is_region("flat_stove_1")
    assert world.parent("flat_stove_1_cook_region") == "flat_stove_1" and world.kind("flat_stove_1") == "flat_stove"
    assert world.joints_of("flat_stove_1") == ["flat_stove_1_button"]


def test_a_goal_holds_when_hf_libero_says_so(scene: LiberoScene, world: World) -> None:
    for angle, holds in ((0.0, False), (0.7, True)):
        scene.data.joint("flat_stove_1_button").qpos = angle
        scene.data.joint("flat_stove_1_button").qvel = 0.0
        success = bool(scene.step(NULL[None]).success[0])
        assert world.holds(world.goals[0]) == success == holds
        assert world.joint("flat_stove_1_button")[0] == pytest.approx(angle, abs=0.05)


def test_opening_and_grip_follow_the_fingers(scene: LiberoScene, world: World) -> None:
    scene.reset(episode(scene, 4))
    assert world.opening == pytest.approx(0.08, abs=0.003) and world.grip == pytest.approx(0.0, abs=0.02)
    close = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0])
    for _ in range(16):
        scene.step(close[None])
    assert world.opening < 0.005 and world.grip == pytest.approx(1.0, abs=0.02)


def test_what_rests_on_the_table_is_supported_and_not_touched(scene: LiberoScene, world: World) -> None:
    scene.reset(episode(scene, 4))
    assert world.supported("akita_black_bowl_1")
    assert world.touched("akita_black_bowl_1") == (False, False)


@pytest.mark.parametrize("name", ["akita_black_bowl_1", "wine_bottle_1", "wooden_cabinet_1"])
def test_boxes_hold_their_geoms_and_no_more(scene: LiberoScene, world: World, name: str) -> None:
    """Every point of an object's solid geoms lies in its box, and some lie close to each of the six faces."""
    model, data = scene.model, scene.data
    draws = np.random.Generator(np.random.Philox(5))
    points = []
    for geom in range(model.ngeom):
        owner = int(model.geom_bodyid[geom])
        while owner and owner != scene.env.obj_body_id[name]:
            owner = int(model.body_parentid[owner])
        if owner and model.geom_contype[geom]:
            assert model.geom_type[geom] in (5, 6), "a cylinder or a box"
            local, half = draws.uniform(-1, 1, (4000, 3)), model.geom_size[geom].copy()
            if model.geom_type[geom] == 5:  # radius, half length
                local, half = local[np.hypot(local[:, 0], local[:, 1]) <= 1], np.array([half[0], half[0], half[1]])
            points.append(data.geom_xpos[geom] + (local * half) @ data.geom_xmat[geom].reshape(3, 3).T)
    pose, box = world.pose(name), world.box(name)
    inside = (np.concatenate(points) - pose.pos) @ pose.rot
    assert (inside >= box.low - 1e-9).all() and (inside <= box.high + 1e-9).all()
    slack = np.concatenate([inside.min(0) - box.low, box.high - inside.max(0)])
    assert (slack < 0.1 * np.tile(box.size, 2) + 0.002).all()
