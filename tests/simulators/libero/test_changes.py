"""What perturbations change of a LIBERO scene arrives, by MuJoCo's account, nothing else does, and all is undone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tests.simulators.libero.conftest import NULL, episode
from vlabench import cards
from vlabench.cards.conditions import Condition, Part, named
from vlabench.episode.chain import EpisodeChain
from vlabench.errors import UnsupportedError
from vlabench.evaluation.plan import choose_tasks
from vlabench.evaluation.preview import first_look
from vlabench.perturbations.receptacle_shift import ReceptacleShift
from vlabench.simulators._values import LightSetup, Orbit, Sun
from vlabench.simulators.libero.changes import STRETCH
from vlabench.simulators.libero.expert.grasps import SHAPES, Rim
from vlabench.simulators.libero.scene import LiberoScene
from vlabench.simulators.libero.simulator import Libero
from vlabench.types import Floats, Image

CAMERAS = ("agentview", "wrist")
LOOKS = ("camera_pose", "field_of_view", "lighting", "texture", "object_color", "robot_color")
LAYOUT = ("object_pose", "receptacle_shift")
STATES = (*LAYOUT, "object_size", "robot_pose", "base_shift", "friction", "mass", "gripper_weak", "joint_damping")
CONSTANTS = STATES[5:]
EVENTS = ("lights_out", "camera_bumped", "human_hand", "object_moved")
Clean = tuple[dict[str, Image], tuple[str, ...], tuple[str, ...]]
CLEAN = Condition("clean", "libero")


@pytest.fixture(scope="module")
def scene(opened: Callable[..., LiberoScene]) -> LiberoScene:
    return opened("primitive", "libero_spatial", 0, CAMERAS, 96)


@pytest.fixture(autouse=True)
def undone(scene: LiberoScene) -> Iterator[None]:
    """Every test leaves the model as it was opened."""
    before = {name: np.array(array) for name, array in scene._changeable().items()}
    yield
    scene.renew()
    for name, array in scene._changeable().items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)


def asked(name: str, severity: int = 3, **parameters: Any) -> Condition:
    return Condition("c", "libero", (Part(perturbation=name, severity=severity, **parameters),))


def begun(scene: LiberoScene, condition: Condition, index: int = 0, settle: bool = True) -> EpisodeChain:
    """An episode under a condition, up to its first look, as the loop does it."""
    (spec,) = episode(scene, index)
    scene.renew()
    scene.place([spec])
    scene.touch()
    chain = EpisodeChain(spec, named(condition), CAMERAS)
    chain.begin(1, CAMERAS, scene.action_space)
    chain.set_up(scene.slot(0))
    if settle:
        scene.settle()
    return chain


def pictures(scene: LiberoScene) -> dict[str, Image]:
    return {camera: found[0] for camera, found in scene.observe().images.items()}


def same(one: Mapping[str, Image], other: Mapping[str, Image]) -> bool:
    return all(np.array_equal(one[camera], other[camera]) for camera in one)


def constants(scene: LiberoScene) -> dict[str, Floats]:
    return {name: np.array(array) for name, array in scene._changeable().items()}


@pytest.fixture(scope="module")
def clean(scene: LiberoScene) -> Clean:
    """The first look of the clean episode, its state and its look."""
    begun(scene, CLEAN)
    return pictures(scene), scene.state_digest(), scene.look_digest()


@pytest.mark.parametrize("name", [*LOOKS, *STATES])
def test_it_arrives_alone_and_the_next_episode_knows_nothing_of_it(scene: LiberoScene, clean: Clean,
                                                                   name: str) -> None:
    seen, state, look = clean
    begun(scene, asked(name))
    assert (scene.look_digest() != look) == (name in LOOKS)
    assert (scene.state_digest() != state) == (name in STATES)
    other = (pictures(scene)["agentview"] != seen["agentview"]).any(-1).mean()
    least = 0.002 if name == "object_size" else 0.005 if name in LAYOUT else 0.05
    # constants: what settles with another mass does so by another hair
    assert other < 0.03 if name in CONSTANTS else other > least
    begun(scene, CLEAN)
    assert scene.state_digest() == state and scene.look_digest() == look and same(pictures(scene), seen)


@pytest.mark.parametrize("name", ["camera_pose", "field_of_view", "texture", "object_color", "robot_color"])
def test_severities_of_looks_go_further_and_further(scene: LiberoScene, name: str) -> None:
    begun(scene, CLEAN)
    clean = pictures(scene)["agentview"].astype(float)
    away = []
    for severity in range(1, 6):
        begun(scene, asked(name, severity), settle=False)
        away.append(np.abs(pictures(scene)["agentview"] - clean).mean())
    assert away == sorted(away) and away[4] > 1.3 * away[0] > 0


def test_severities_of_light_go_further_and_further(scene: LiberoScene) -> None:
    """Of six episodes with a lighting each, the same at all severities."""
    away, drawn = np.zeros((6, 5)), np.zeros((6, 5))
    for index, severity in np.ndindex(*away.shape):
        begun(scene, CLEAN, index, settle=False)
        clean = pictures(scene)["agentview"].astype(float)
        chain = begun(scene, asked("lighting", severity + 1), index, settle=False)
        away[index, severity] = np.abs(pictures(scene)["agentview"] - clean).mean()
        drawn[index, severity] = chain.realised()["lighting"]["lighting"]
    assert (drawn == drawn[:, :1]).all() and len({*drawn[:, 0]}) > 2
    assert (np.diff(away) > 0).all() and (away > 0).all()


def test_the_more_lights_go_out_the_darker_it_is(scene: LiberoScene) -> None:
    begun(scene, CLEAN)
    left = [float(pictures(scene)["agentview"].mean())]
    for severity in range(1, 6):
        chain = begun(scene, asked("lights_out", severity, step=1))
        chain.tick(scene, 1)
        left.append(float(pictures(scene)["agentview"].mean()))
    assert left == sorted(left, reverse=True) and left[5] < 0.5 * left[0] and len(set(left)) == 6


@pytest.mark.parametrize("cameras", [(), ("wrist",)])
def test_a_camera_that_was_led_around_looks_at_the_same_point_from_as_far(
    scene: LiberoScene, cameras: tuple[str, ...]
) -> None:
    begun(scene, CLEAN, settle=False)
    name = "robot0_eye_in_hand" if cameras else "agentview"
    grip = scene.data.site_xpos[scene.env.robots[0].eef_site_id].copy()
    ident = scene.model.camera(name).id
    place, turn = scene.data.cam_xpos[ident].copy(), scene.data.cam_xmat[ident].reshape(3, 3).copy()
    middle = grip if cameras else place - turn[:, 2] * (place[2] - 0.9) / turn[2, 2]
    up = scene._world.hand.rot[:, 2] * -1 if cameras else np.array([0.0, 0.0, 1.0])
    seen = scene._world.seen_at(name, middle[None])
    for yaw, pitch, distance in ((30.0, 0.0, 1.0), (0.0, 10.0, 1.0), (-20.0, -5.0, 1.3)):
        begun(scene, asked("camera_pose", yaw=yaw, pitch=pitch, distance=distance, cameras=cameras), settle=False)
        moved = scene.data.cam_xpos[ident]
        np.testing.assert_allclose(scene._world.seen_at(name, middle[None]), seen, atol=1e-6)
        before, after = place - middle, moved - middle
        assert np.linalg.norm(after) == pytest.approx(distance * np.linalg.norm(before))
        flat = [arm - (arm @ up) * up for arm in (before, after)]
        turned = math.degrees(math.atan2(np.cross(*flat) @ up, flat[0] @ flat[1]))
        assert turned == pytest.approx(yaw, abs=1e-6)
        risen = [math.degrees(math.asin(arm @ up / np.linalg.norm(arm))) for arm in (before, after)]
        assert risen[1] - risen[0] == pytest.approx(pitch, abs=1e-6)


def test_roll_shift_and_lens_by_a_pinhole(scene: LiberoScene) -> None:
    begun(scene, CLEAN, settle=False)
    points = np.array([[0.1, 0.2, 0.95], [-0.1, 0.1, 1.0], [0.0, -0.2, 0.9]])
    ident = scene.model.camera("agentview").id
    local = (points - scene.data.cam_xpos[ident]) @ scene.data.cam_xmat[ident].reshape(3, 3)

    def projected(at: Floats, fov: float) -> Floats:
        found: Floats = -at[:, :2] / -at[:, 2:] / math.tan(math.radians(fov) / 2)
        return found

    fov = float(scene.model.cam_fovy[ident])
    np.testing.assert_allclose(scene._world.seen_at("agentview", points), projected(local, fov), atol=1e-9)
    begun(scene, asked("camera_pose", yaw=0.0, right=0.1, up=-0.05), settle=False)
    np.testing.assert_allclose(scene._world.seen_at("agentview", points), projected(local - [0.1, -0.05, 0], fov),
                               atol=1e-6)
    begun(scene, asked("camera_pose", yaw=0.0, roll=30.0), settle=False)
    turned = local @ Rotation.from_euler("z", 30, degrees=True).as_matrix()
    np.testing.assert_allclose(scene._world.seen_at("agentview", points), projected(turned, fov), atol=1e-6)
    begun(scene, asked("field_of_view", factor=1.5), settle=False)
    np.testing.assert_allclose(scene._world.seen_at("agentview", points), projected(local, fov) / 1.5, atol=1e-6)


def test_light_is_brighter_darker_or_from_elsewhere(scene: LiberoScene) -> None:
    begun(scene, CLEAN, settle=False)
    before, clean = scene.lighting(), pictures(scene)["agentview"].mean()

    def lit(ambient: float, suns: float) -> float:
        begun(scene, CLEAN, settle=False)
        scene.set_lighting(LightSetup(tuple(ambient * part for part in before.ambient), tuple(  # type: ignore[arg-type]
            Sun(sun.direction, tuple(suns * part for part in sun.color)) for sun in before.suns)))  # type: ignore[arg-type]
        return float(pictures(scene)["agentview"].mean())

    assert lit(1, 1) == clean and lit(0.5, 1) < clean > lit(1, 0.5) > lit(0.5, 0.5) > lit(0.1, 0.1) > 0
    with pytest.raises(ValueError, match="1 suns: there are 2"):
        scene.set_lighting(LightSetup(before.ambient, before.suns[:1]))
    begun(scene, CLEAN, settle=False)
    aside = Sun((1.0, 0.0, -1.0), before.suns[0].color)
    scene.set_lighting(LightSetup(before.ambient, (aside, *before.suns[1:])))
    np.testing.assert_allclose(np.cross(scene.lighting().suns[0].direction, aside.direction), 0, atol=1e-9)
    assert np.linalg.norm(scene.lighting().suns[0].direction) == pytest.approx(np.linalg.norm(before.suns[0].direction))
    assert scene.lighting().suns[1:] == before.suns[1:]
    assert pictures(scene)["agentview"].mean() > 0.5 * clean


def test_what_happens_in_mid_episode_happens_then_and_is_seen_at_once(scene: LiberoScene) -> None:
    for name in EVENTS:
        begun(scene, CLEAN)
        scene.step(NULL[None])
        clean, state, look = pictures(scene), scene.state_digest(), scene.look_digest()
        chain = begun(scene, asked(name, step=1))
        scene.step(NULL[None])
        assert scene.state_digest() == state and scene.look_digest() == look and same(pictures(scene), clean)
        assert chain.may_move(1) and chain.may_move(2) == (name == "human_hand")
        chain.tick(scene, 1)
        assert (scene.state_digest() != state) == (name == "object_moved")
        assert (scene.look_digest() != look) == (name != "object_moved")
        assert not np.array_equal(pictures(scene)["agentview"], clean["agentview"])
        assert chain.realised()[name]["step"] == 1


@pytest.mark.parametrize("name", EVENTS)
def test_after_what_happened_in_mid_episode_the_next_one_knows_nothing_of_it(scene: LiberoScene, clean: Clean,
                                                                             name: str) -> None:
    seen, state, look = clean
    chain = begun(scene, asked(name, step=1))
    for step in range(3):
        chain.tick(scene, step)
        scene.step(NULL[None])
    assert scene.state_digest() != state and not same(pictures(scene), seen)
    begun(scene, CLEAN)
    assert scene.state_digest() == state and scene.look_digest() == look and same(pictures(scene), seen)


def test_a_preview_shows_the_hand_that_let_go(scene: LiberoScene) -> None:
    cell = first_look(scene, scene.task, asked("object_dropped"), 0, 0, CAMERAS, CAMERAS)
    assert cell.realised["object_dropped"]["onset"] == 20 and scene._world.opening > 0.05


# the robot


@pytest.mark.parametrize("severity", [1, 3, 5])
def test_the_arm_stays_where_it_was_turned(scene: LiberoScene, severity: int) -> None:
    begun(scene, CLEAN)
    before = scene._world.arm
    begun(scene, asked("robot_pose", severity))
    away = float(np.linalg.norm(scene._world.arm - before))
    assert away == pytest.approx(severity / 10, rel=0.15)
    # the hand too: what the controller turns back is the elbow, about which the hand does not care
    settled = scene._world.hand
    chain = begun(scene, asked("robot_pose", severity), settle=False)
    by = chain.realised()["robot_pose"]["joints"]
    np.testing.assert_allclose(scene._world.arm - scene._placed[:7], by, atol=1e-4)
    np.testing.assert_allclose(settled.pos, scene._world.hand.pos, atol=0.01)
    assert np.trace(settled.rot.T @ scene._world.hand.rot) > 1 + 2 * math.cos(0.05)


@pytest.mark.parametrize(("task_set", "number", "severity", "index"), [
    ("libero_goal", 8, 3, 13),  # the fingers began in the wine bottle
    ("libero_10", 0, 5, 15),  # a bottle that leaps out of the table as it settles met the hand
    ("libero_object", 3, 3, 33),
])
def test_a_posture_with_something_in_its_way_is_drawn_anew(
        opened: Callable[..., LiberoScene], monkeypatch: pytest.MonkeyPatch, task_set: str, number: int, severity: int,
        index: int) -> None:
    scene = opened("primitive", task_set, number, (), 96)

    def places() -> Floats:
        return np.array([scene._world.pose(name).pos for name in scene.env.objects_dict])

    begun(scene, CLEAN, index)
    clean = places()
    found = begun(scene, asked("robot_pose", severity), index).realised()["robot_pose"]
    assert found["draws"] > 1 and np.linalg.norm(places() - clean, axis=1).max() < 0.005
    begun(scene, CLEAN, index)
    monkeypatch.setattr(LiberoScene, "posture_fits", lambda self, by: True)
    found = begun(scene, asked("robot_pose", severity), index).realised()["robot_pose"]
    assert found["draws"] == 1 and np.linalg.norm(places() - clean, axis=1).max() > 0.01


def test_asking_whether_a_posture_fits_changes_nothing(scene: LiberoScene) -> None:
    begun(scene, CLEAN, settle=False)
    state, margins = scene.sim.get_state().flatten(), scene.model.geom_margin.copy()
    assert scene.posture_fits([0.0] * 7) and not scene.posture_fits([0.0, 1.2, 0.0, 0.8, 0.0, 0.0, 0.0])
    np.testing.assert_array_equal(scene.sim.get_state().flatten(), state)
    np.testing.assert_array_equal(scene.model.geom_margin, margins)
    scene.settle()
    asked_for = scene.state_digest()
    begun(scene, CLEAN)
    assert scene.state_digest() == asked_for


@pytest.mark.parametrize("severity", [1, 5])
def test_a_base_beside_its_place_leaves_things_where_they_are(scene: LiberoScene, severity: int) -> None:
    for index in range(3):
        begun(scene, CLEAN, index)
        clean = np.array([scene._world.pose(name).pos for name in scene.env.objects_dict])
        begun(scene, asked("base_shift", severity), index)
        now = np.array([scene._world.pose(name).pos for name in scene.env.objects_dict])
        np.testing.assert_allclose(now, clean, atol=0.002)


def test_the_base_carries_the_hand(scene: LiberoScene) -> None:
    begun(scene, CLEAN)
    hand, base, arm = scene._world.hand, scene._world.base, scene._world.arm
    chain = begun(scene, asked("base_shift", 5))
    by = chain.realised()["base_shift"]["by"]
    assert math.hypot(*by) == pytest.approx(0.08, abs=1e-4)
    np.testing.assert_allclose(scene._world.base - base, [*by, 0], atol=1e-4)
    np.testing.assert_allclose(scene._world.hand.pos - hand.pos, [*by, 0], atol=0.006)
    np.testing.assert_allclose(scene._world.arm, arm, atol=0.05)


# constants


def test_contacts_have_the_friction_that_is_left(scene: LiberoScene) -> None:
    begun(scene, CLEAN)
    clean = scene.data.contact.friction[: scene.data.ncon].copy()
    begun(scene, asked("friction", factor=0.3))
    assert len(clean) == scene.data.ncon > 4
    np.testing.assert_allclose(scene.data.contact.friction[: scene.data.ncon], 0.3 * clean)


def test_masses_are_what_mujoco_would_make_of_them(scene: LiberoScene) -> None:
    import mujoco

    begun(scene, asked("mass", factor=4.0), settle=False)
    mine = constants(scene)
    names = {scene.model.body(int(body)).name.rsplit("_", 1)[0] for body in np.flatnonzero(
        mine["body_mass"] != scene._saved["body_mass"])}
    assert {"akita_black_bowl_1", "plate_1"} <= names and not any("cabinet" in name for name in names)
    model = scene.model
    mujoco.mj_setConst(model, mujoco.MjData(model))
    try:
        for name in ("body_subtreemass", "body_invweight0", "dof_invweight0"):
            changed = mine[name] != scene._saved[name]
            assert changed.any()
            np.testing.assert_allclose(getattr(model, name)[changed], mine[name][changed], rtol=1e-6, err_msg=name)
    finally:
        for name, array in scene._changeable().items():
            array[:] = mine[name]


def test_a_weak_gripper_presses_less_and_stiff_joints_move_less(scene: LiberoScene) -> None:
    def pressed(condition: Condition) -> float:
        begun(scene, condition)
        for _ in range(8):
            scene.step(np.array([[0.0] * 6 + [1.0]]))
        fingers = scene.env.robots[0]._ref_joint_gripper_actuator_indexes
        return float(np.abs(scene.data.actuator_force[fingers]).max())

    def moved(condition: Condition) -> float:
        begun(scene, condition)
        start = scene._world.hand.pos
        for _ in range(4):
            scene.step(np.array([[0.0, 1.0, 0.0, 0.0, 0.0, 0.0, -1.0]]))
        return float(np.linalg.norm(scene._world.hand.pos - start))

    assert pressed(CLEAN) > pressed(asked("gripper_weak", factor=0.1)) > 0
    distances = [moved(CLEAN), *(moved(asked("joint_damping", severity)) for severity in (1, 5))]
    assert distances == sorted(distances, reverse=True) and distances[2] < 0.95 * distances[0]


# things


def test_the_object_lies_where_it_was_moved_to(scene: LiberoScene) -> None:
    begun(scene, CLEAN)
    x, y = scene.object_spot()
    height = scene._world.pose("akita_black_bowl_1").pos[2]
    begun(scene, CLEAN, settle=False)
    assert not scene.is_free(tuple(scene._world.pose("plate_1").pos[:2]))
    assert not scene.is_free((x + 2.0, y))
    chain = begun(scene, asked("object_moved", step=1, distance=0.1))
    chain.tick(scene, 1)
    by = np.array(chain.realised()["object_moved"]["by"])
    assert np.linalg.norm(by) >= 0.0999
    others = {name: scene._world.pose(name).pos for name in ("plate_1", "akita_black_bowl_2")}
    for _ in range(10):
        scene.step(NULL[None])
    there = scene._world.pose("akita_black_bowl_1").pos
    np.testing.assert_allclose(there, [*(np.array([x, y]) + by), height], atol=0.008)
    for name, place in others.items():
        np.testing.assert_allclose(scene._world.pose(name).pos, place, atol=0.002)


@pytest.mark.parametrize("first", ["object_pose", "object_shift"])
def test_an_object_that_begins_elsewhere_jumps_from_there(scene: LiberoScene, first: str) -> None:
    both = Condition("c", "libero", (Part(perturbation=first, severity=5),
                                     Part(perturbation="object_moved", step=1, distance=0.1)))
    for index in range(2):  # in the third start the bowl slides off as it settles
        begun(scene, CLEAN, index)
        home = scene._world.pose("akita_black_bowl_1").pos[:2]
        chain = begun(scene, both, index)
        there = scene._world.pose("akita_black_bowl_1").pos[:2]
        np.testing.assert_allclose(there - home, chain.realised()[first]["by"], atol=0.008)
        chain.tick(scene, 1)
        for _ in range(10):
            scene.step(NULL[None])
        jump = chain.realised()["object_moved"]["by"]
        np.testing.assert_allclose(scene._world.pose("akita_black_bowl_1").pos[:2] - there, jump, atol=0.008)


@pytest.mark.parametrize("severity", [1, 3, 5])
def test_the_layout_settles_before_the_first_look(scene: LiberoScene, severity: int) -> None:
    begun(scene, CLEAN)
    things = ("akita_black_bowl_1", "plate_1", "akita_black_bowl_2", "cookies_1")
    before = {name: scene._world.pose(name).pos for name in things}
    for kind, own in zip(LAYOUT, things[:2], strict=True):
        chain = begun(scene, asked(kind, severity), index=0)
        by = chain.realised()[kind]["by"]
        for name in things:
            away = scene._world.pose(name).pos - before[name]
            np.testing.assert_allclose(away[:2], by if name == own else [0, 0], atol=0.008, err_msg=name)
            assert abs(away[2]) < 0.01
        assert np.abs(scene.data.qvel).max() < 0.1 and not scene.env._check_success()


def test_a_receptacle_does_not_fit_where_something_stands_or_the_arm_does_not_reach(scene: LiberoScene) -> None:
    begun(scene, CLEAN, settle=False)
    state = scene.state_digest()
    plate, bowl, base = scene._world.pose("plate_1").pos, scene._world.pose("akita_black_bowl_2").pos, scene._world.base
    assert not scene.receptacle_fits(tuple((bowl - plate)[:2]))
    assert not scene.receptacle_fits((base[0] + 0.9 - plate[0], 0.0))
    assert not scene.receptacle_fits((base[0] + 0.2 - plate[0], 0.0))
    assert scene.state_digest() == state


def test_unshifted_a_receptacle_always_fits(scene: LiberoScene) -> None:
    """Also where a bowl stands in its rim, as in episode 5, and then not deeper in the bowl."""
    begun(scene, CLEAN, index=5, settle=False)
    plate, bowl = (scene._world.pose(name).pos for name in ("plate_1", "akita_black_bowl_1"))
    near = 0.01 * (bowl - plate)[:2] / np.linalg.norm((bowl - plate)[:2])
    met = [{str(scene._world._owners[scene.model.geom_bodyid[geom]]) for geom in pair}
           for pair in scene._world.contacts()]
    assert {"plate_1", "akita_black_bowl_1"} in met
    assert scene.receptacle_fits((0.0, 0.0)) and scene.receptacle_fits(tuple(-near))
    assert not scene.receptacle_fits(tuple(near))
    assert all(begun(scene, CLEAN, index=index, settle=False) and scene.receptacle_fits((0.0, 0.0))
               for index in range(0, 50, 7))


@pytest.mark.long
def test_the_plate_grid_has_the_places_where_all_plates_fit(opened: Callable[..., LiberoScene]) -> None:
    """Each start state of the suite in each of its conditions; each place that it leaves out has one that does not."""
    suite = cards.load_suite("libero-plate-grid")
    tasks = choose_tasks(suite, Libero("primitive"))
    axis = (-0.1, -0.05, 0.0, 0.05, 0.1)
    fits = {(x, y): True for x in axis for y in axis}
    for task in tasks:
        scene = opened("primitive", "libero_spatial", task.number, (), 96)
        for index in range(suite.episodes):
            begun(scene, CLEAN, index, settle=False)
            fits = {by: fit and scene.receptacle_fits(by) for by, fit in fits.items()}
    asked = {made.offset for condition in suite.conditions.values() for made in condition.perturbations
             if isinstance(made, ReceptacleShift)}
    assert len(tasks) == 6 and {by for by, fit in fits.items() if fit} == asked | {(0.0, 0.0)}


def test_how_far_a_hand_comes_that_points_down(scene: LiberoScene) -> None:
    """By MuJoCo's kinematics, with the elbow at its limit."""
    import mujoco

    robot, there = scene.env.robots[0], mujoco.MjData(scene.model)
    limits = scene.model.jnt_range[np.array(robot._ref_joint_indexes)]
    farthest = 0.0
    for shoulder in np.linspace(0.8, 1.4, 121):
        # a Panda's hand points down where its wrist makes up for shoulder and elbow
        there.qpos[robot._ref_joint_pos_indexes] = [0, shoulder, 0, limits[3, 1], 0, shoulder - limits[3, 1],
                                                    np.pi / 4]
        mujoco.mj_kinematics(scene.model, there)
        np.testing.assert_allclose(there.site_xmat[robot.eef_site_id].reshape(3, 3)[:, 2], [0, 0, -1], atol=1e-6)
        at = there.site_xpos[robot.eef_site_id]
        if at[2] > scene.env.workspace_offset[2]:
            farthest = float(at[0] - scene._world.base[0])
    assert farthest == pytest.approx(0.79, abs=0.005)
    bowl = SHAPES["akita_black_bowl"]
    assert isinstance(bowl, Rim) and farthest + bowl.radius == pytest.approx(STRETCH[1], abs=0.005)


def test_where_the_table_is_marked_as_the_goal(scene: LiberoScene, monkeypatch: pytest.MonkeyPatch) -> None:
    begun(scene, CLEAN, settle=False)
    region = next(name for name in scene.env.object_sites_dict if not scene._world.parent(name))
    (x, y), half = scene._world.pose(region).pos[:2], scene._world.site_size(region)[:2]
    inside = [(x + a * half[0], y + b * half[1]) for a, b in ((0, 0), (0.9, 0.9), (-0.9, 0.5))]
    outside = [(x + a * half[0], y + b * half[1]) for a, b in ((1.1, 0), (0, -1.1), (3, 3))]
    free = [scene.is_free(spot) for spot in inside + outside]
    assert not any(map(scene.is_goal, inside + outside))  # it is a plate
    monkeypatch.setattr(scene._world, "goals", [("on", "akita_black_bowl_1", region)])
    assert all(map(scene.is_goal, inside)) and not any(map(scene.is_goal, outside))
    assert free == [scene.is_free(spot) for spot in inside + outside]  # for kinds that may put it there


def test_what_is_fixed_is_not_shifted(scene: LiberoScene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scene, "task", Libero("primitive").tasks("libero_goal")[4])  # the bowl on the cabinet
    with pytest.raises(UnsupportedError, match="^libero_goal/4: what the object is put on or into is fixed"):
        scene.receptacle_fits((0.0, 0.0))


def test_a_task_that_moves_nothing_has_no_object(scene: LiberoScene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scene, "task", Libero("primitive").tasks("libero_goal")[0])
    with pytest.raises(UnsupportedError, match="^libero_goal/0: nothing is carried in this task"):
        scene.object_spot()


@pytest.mark.parametrize("suite", ["camera", "light", "looks", "robot", "physics", "events", "layout"])
def test_the_suites_have_five_severities_of_each_kind(suite: str) -> None:
    card = cards.load_suite(f"libero-{suite}")
    for name in card.sweep:
        assert {f"{name}-s{severity}" for severity in range(1, 6)} <= set(card.conditions)
    assert card.source


def test_orbits_add_up() -> None:
    assert Orbit(1, 2, 3, 2.0, (0.1, 0)).then(Orbit(yaw=4, distance=0.5, shift=(0, 0.2))) == Orbit(
        5, 2, 3, 1.0, (0.1, 0.2))
