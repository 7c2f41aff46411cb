"""Where things can stand: on level ground, beside what is there, and out of the way of hand, drawer and plate."""

from __future__ import annotations

from collections.abc import Callable

import mujoco
import numpy as np
import pytest

from tests.simulators.libero.conftest import episode
from vlabench.simulators.libero.room import Room
from vlabench.simulators.libero.scene import LiberoScene
from vlabench.types import Floats

HALF = 0.01
"""Of the cubes that are to stand somewhere (m)."""
MIDDLE, PUSH = 0, 5
"""Of libero_goal: open the middle drawer; push the plate to the front of the stove. The same things on the table."""
Open = Callable[..., LiberoScene]


def begun(opened: Open, number: int) -> LiberoScene:
    scene = opened("primitive", "libero_goal", number)
    scene.reset(episode(scene, 0))
    return scene


def free(scene: LiberoScene, share: float = 1.0) -> Floats:
    """Of spots 4 cm apart all over the table those [n, 2] where a cube can stand."""
    made = Room(scene._world, ())
    across = np.arange(-0.5, 0.5, 0.04)
    spots = made.middle + np.array([(x, y) for x in across for y in across])
    middles = np.column_stack([spots, np.full(len(spots), made.ground + HALF + 0.001)])
    good = []
    for middle in middles[:, None]:
        good.append(made.first(middle - HALF, middle + HALF, share) is not None)
        made.leave(0)
    found: Floats = spots[good]
    return found


def away(scene: LiberoScene, spots: Floats, geoms: Floats) -> float:
    """From the nearest cube to the nearest corner of a shape's box, in the plane: no less than to the shape."""
    boxes = scene._world.geom_boxes(geoms)
    corners = np.array([*np.ndindex(2, 2, 2)]) * 2 - 1
    points = (np.einsum("nij,ncj->nci", boxes.rotations, corners * boxes.halves[:, None])
              + boxes.centres[:, None])[..., :2].reshape(-1, 2)
    gaps = np.maximum(np.abs(points[:, None] - spots) - HALF, 0.0)
    return float(np.hypot(gaps[..., 0], gaps[..., 1]).min())


@pytest.mark.parametrize(("number", "named"), [(MIDDLE, "wooden_cabinet_1"), (PUSH, "plate_1")])
def test_the_goal_keeps_its_gap_where_others_give_way(number: int, named: str, opened: Open) -> None:
    scene = begun(opened, number)
    others = sorted(set(scene.env.obj_body_id) - {named})
    for share in (1.0, 0.3):
        spots = free(scene, share)
        assert len(spots) > 20
        assert away(scene, spots, scene._world.solids(named)) > 0.04
        assert away(scene, spots, scene._world.solids(*others)) > 0.02 * share
    assert len(free(scene, 0.3)) > len(free(scene))


def test_all_of_it_is_on_the_table_and_nothing_is_above(opened: Open) -> None:
    scene = begun(opened, PUSH)
    made, met = Room(scene._world, ()), np.zeros(1, dtype=np.int32)
    spots = free(scene)
    edges = (spots[:, None] + HALF * (np.array([*np.ndindex(2, 2)]) * 2 - 1)).reshape(-1, 2)
    for x, y in edges:
        far = mujoco.mj_ray(scene.model, scene.data, np.array([x, y, 3.0]), np.array([0.0, 0.0, -1.0]),
                            np.array([1, 0, 0, 0, 0, 0], dtype=np.uint8), 1, -1, met)
        assert 3.0 - far == pytest.approx(made.ground, abs=0.005)


def test_a_drawer_finds_its_way_free(opened: Open) -> None:
    scene = begun(opened, MIDDLE)
    spots = free(scene, 0.3)
    (joint,) = scene._world.joints_of(scene._world.goals[0][1])
    for opening in (0.04, 0.08, 0.12, 0.16):
        scene.data.joint(joint).qpos[0] = -opening
        mujoco.mj_kinematics(scene.model, scene.data)
        assert away(scene, spots, scene._world.geoms_moved_by(joint)) > 0.05


def test_a_plate_finds_its_way_free(opened: Open) -> None:
    scene = begun(opened, PUSH)
    spots = free(scene, 0.3)
    start, end = scene._world.pose("plate_1").pos, scene._world.pose(scene._world.goals[0][2]).pos
    assert np.linalg.norm((end - start)[:2]) > 0.1
    for share in (0.5, 1.0):
        scene.data.joint("plate_1_joint0").qpos[:2] = ((1 - share) * start + share * end)[:2]
        mujoco.mj_kinematics(scene.model, scene.data)
        assert away(scene, spots, scene._world.solids("plate_1")) > 0.035


def test_a_spot_is_taken_once_and_free_again_when_it_is_left(opened: Open) -> None:
    scene = begun(opened, PUSH)
    made = Room(scene._world, ())
    middle = np.array([[*free(scene)[0], made.ground + HALF + 0.001]])
    low, high = middle - HALF, middle + HALF
    assert [made.first(low, high, 0.3) for _ in range(2)] == [0, None]
    made.leave(0)
    assert made.first(np.vstack([low + 9.0, low]), np.vstack([high + 9.0, high]), 1.0) == 1
