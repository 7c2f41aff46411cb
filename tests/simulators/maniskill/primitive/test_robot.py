"""The generated WidowX: the numbers of its published description, its kinematics, its fingers, its rest on sapien."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from vlabench.simulators.maniskill.primitive import robot
from vlabench.types import Floats

JOINTS = ("waist", "shoulder", "elbow", "forearm_roll", "wrist_angle", "wrist_rotate", "left_finger", "right_finger")
START = np.array([-.01840777, .0398835, .22242722, -.00460194, 1.36524296, .00153398, .037, .037])
STIFFNESS = (1169.79, 730.0, 808.46, 1229.13, 1272.28, 1056.33, 1000.0, 1000.0)
DAMPING = (330.0, 180.0, 152.12, 309.62, 201.05, 269.51, 200.0, 200.0)
FORCE = (200.0, 200.0, 100.0, 100.0, 100.0, 100.0, 60.0, 60.0)
TIP = 0.027575
"""How far the hand's frame lies in front of the fingers' (m)."""


@pytest.fixture(scope="module")
def root() -> ElementTree.Element:
    return ElementTree.fromstring(robot.urdf())


def numbers(element: ElementTree.Element | None, name: str) -> list[float]:
    assert element is not None
    return [float(value) for value in element.attrib[name].split()]


@pytest.mark.parametrize(("name", "kind", "parent", "child", "at", "axis", "limits"), [
    ("waist", "revolute", "base_link", "shoulder_link", [0, 0, .072], [0, 0, 1],
     (-3.141592653589793, 3.141592653589793, 10)),
    ("shoulder", "revolute", "shoulder_link", "upper_arm_link", [0, 0, .03865], [0, 1, 0],
     (-1.8849555921538759, 1.9896753472735358, 20)),
    ("elbow", "revolute", "upper_arm_link", "upper_forearm_link", [.04975, 0, .25], [0, 1, 0],
     (-2.1467549799530254, 1.6057029118347832, 15)),
    ("forearm_roll", "revolute", "upper_forearm_link", "lower_forearm_link", [.175, 0, 0], [1, 0, 0],
     (-3.141582653589793, 3.141582653589793, 2)),
    ("wrist_angle", "revolute", "lower_forearm_link", "wrist_link", [.075, 0, 0], [0, 1, 0],
     (-1.7453292519943295, 2.1467549799530254, 5)),
    ("left_finger", "prismatic", "fingers_link", "left_finger_link", [0, 0, 0], [0, 1, 0], (.015, .037, 5)),
    ("right_finger", "prismatic", "fingers_link", "right_finger_link", [0, 0, 0], [0, -1, 0], (.015, .037, 5)),
    ("gripper", "fixed", "ee_arm_link", "gripper_prop_link", [.0055, 0, 0], [1, 0, 0], None),
    ("ee_gripper", "fixed", "fingers_link", "ee_gripper_link", [.027575, 0, 0], [1, 0, 0], None),
])
def test_joints_are_the_published_ones(root: ElementTree.Element, name: str, kind: str, parent: str, child: str,
                                       at: list[float], axis: list[float],
                                       limits: tuple[float, float, float] | None) -> None:
    joint = root.find(f"joint[@name='{name}']")
    assert joint is not None and joint.attrib["type"] == kind
    ends = [joint.find("parent"), joint.find("child")]
    assert [end.attrib["link"] for end in ends if end is not None] == [parent, child]
    assert numbers(joint.find("origin"), "xyz") == at and numbers(joint.find("origin"), "rpy") == [0, 0, 0]
    assert numbers(joint.find("axis"), "xyz") == axis
    limit = joint.find("limit")
    if limits is None:
        assert limit is None
    else:
        found = [numbers(limit, key)[0] for key in ("lower", "upper", "effort")]
        assert found == pytest.approx(limits, rel=1e-12)


@pytest.mark.parametrize(("name", "mass", "at", "turns", "tensor"), [
    ("base_link", .538736, [-.0380446, .000613892, .0193354], [0, 0, 1.5707963267948966],
     [.002115, -.00001635, .0000006998, .0006921, .00004642, .002524]),
    ("lower_forearm_link", .220991, [.0374395, .00522252, 0], [3.141592653589793, 0, 0],
     [.00006369, -.00002292, 0, .0001677, 0, .0001834]),
    ("right_finger_link", .016246, [.013816, 0, 0], [0, 3.141592653589793, 1.5707963267948966],
     [.000004731, .000000456, 0, .0000015506, 0, .0000037467]),
    ("ee_gripper_link", .001, [0, 0, 0], [0, 0, 0], [.001, 0, 0, .001, 0, .001]),
])
def test_inertias_are_the_published_ones(root: ElementTree.Element, name: str, mass: float, at: list[float],
                                         turns: list[float], tensor: list[float]) -> None:
    inertial = root.find(f"link[@name='{name}']/inertial")
    assert inertial is not None
    assert numbers(inertial.find("mass"), "value") == [mass]
    assert numbers(inertial.find("origin"), "xyz") == at and numbers(inertial.find("origin"), "rpy") == turns
    found = [numbers(inertial.find("inertia"), key)[0] for key in ("ixx", "ixy", "ixz", "iyy", "iyz", "izz")]
    assert found == pytest.approx(tensor, rel=1e-12, abs=0)


def test_the_links_hang_together_and_weigh_what_the_published_ones_do(root: ElementTree.Element) -> None:
    links = {link.attrib["name"] for link in root.findall("link")}
    children = [child.attrib["link"] for child in root.findall("joint/child")]
    assert len(links) == 14 and sorted(children) == sorted(links - {"base_link"})
    assert {parent.attrib["link"] for parent in root.findall("joint/parent")} < links
    assert sum(numbers(mass, "value")[0] for mass in root.findall("link/inertial/mass")) == pytest.approx(2.137879)


def test_it_is_made_of_few_primitives_and_no_files(root: ElementTree.Element) -> None:
    assert not list(root.iter("mesh")) and not list(root.iter("texture"))
    assert len(root.findall("link/visual")) <= 40
    assert all(len(link.findall("collision")) <= 3 for link in root.findall("link"))
    colors = {material.attrib["name"]: numbers(material.find("color"), "rgba") for material in root.findall("material")}
    assert all(max(rgba[:3]) < 0.1 and rgba[3] == 1 for rgba in colors.values())
    used = [material.attrib["name"] for material in root.findall("link/visual/material")]
    assert set(used) == set(colors) and len(used) == len(root.findall("link/visual"))


def test_the_pairs_that_may_overlap_are_the_published_ones() -> None:
    pairs = ElementTree.fromstring(robot.srdf()).findall("disable_collisions")
    assert {frozenset((pair.attrib["link1"], pair.attrib["link2"])) for pair in pairs} == {
        frozenset(pair) for pair in (
            ("base_link", "upper_arm_link"), ("gripper_link", "left_finger_link"),
            ("gripper_link", "right_finger_link"), ("gripper_bar_link", "gripper_link"),
            ("gripper_bar_link", "left_finger_link"), ("gripper_bar_link", "right_finger_link"),
            ("left_finger_link", "right_finger_link"))}
    assert {pair.attrib["reason"] for pair in pairs} == {"Default"}  # sapien heeds no other


def about(axis: str, angle: float) -> Floats:
    turn, (first, second) = np.eye(3), {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    turn[[first, second], [first, second]] = math.cos(angle)
    turn[second, first], turn[first, second] = math.sin(angle), -math.sin(angle)
    return turn


def corners(root: ElementTree.Element, link: str, tag: str) -> Floats:
    """Of the boxes around a link's shapes [n, 8, 3] (m), in the link's frame."""
    signs = np.array(np.meshgrid(*[[-0.5, 0.5]] * 3)).reshape(3, 8).T
    boxes = []
    for shape in root.findall(f"link[@name='{link}']/{tag}"):
        roll, pitch, yaw = numbers(shape.find("origin"), "rpy")
        box, cylinder = shape.find("geometry/box"), shape.find("geometry/cylinder")
        if cylinder is not None:  # along its own z
            width, length = 2 * numbers(cylinder, "radius")[0], numbers(cylinder, "length")[0]
        size = numbers(box, "size") if box is not None else [width, width, length]
        turn = about("z", yaw) @ about("y", pitch) @ about("x", roll)
        boxes.append((signs * size) @ turn.T + numbers(shape.find("origin"), "xyz"))
    return np.array(boxes)


@pytest.mark.parametrize(("tag", "link", "low", "high"), [
    # the published meshes' boxes (mm), read off with trimesh
    ("visual", "base_link", (-157.0, -76.5, 0.0), (76.5, 76.5, 71.6)),
    ("visual", "shoulder_link", (-51.1, -51.1, -3.0), (51.1, 51.1, 49.5)),
    ("visual", "upper_arm_link", (-14.4, -54.1, -14.4), (61.0, 54.1, 268.4)),
    ("visual", "upper_forearm_link", (-14.4, -21.2, -21.2), (175.0, 21.2, 21.2)),
    ("visual", "lower_forearm_link", (-4.4, -24.5, -24.5), (86.2, 35.2, 24.5)),
    ("visual", "wrist_link", (-3.4, -22.0, -20.0), (65.0, 22.0, 35.2)),
    ("visual", "gripper_link", (0.0, -20.0, -20.0), (43.0, 20.0, 35.2)),
    ("collision", "base_link", (-157.0, -76.5, 0.0), (76.5, 76.5, 71.6)),
    ("collision", "gripper_link", (0.0, -20.0, -20.0), (43.0, 20.0, 35.2)),
])
def test_links_are_as_large_as_the_published_meshes(root: ElementTree.Element, tag: str, link: str,
                                                    low: tuple[float, ...], high: tuple[float, ...]) -> None:
    points = corners(root, link, tag).reshape(-1, 3) * 1000
    np.testing.assert_allclose(points.min(axis=0), low, atol=1.2)
    np.testing.assert_allclose(points.max(axis=0), high, atol=1.2)


def test_fingers_reach_and_open_as_the_published_ones(root: ElementTree.Element) -> None:
    """Their meshes' hulls: tips 15.6 mm in front of the hand's frame, grasping faces 8.95 mm (tip) to 11 mm inside the
    finger's own frame, 24 to 29 mm wide, backs 5 mm outside it."""
    for side, inside in (("left", -1), ("right", 1)):
        points = corners(root, f"{side}_finger_link", "collision").reshape(-1, 3) * 1000
        along, across, wide = points[:, 0], points[:, 1] * inside, points[:, 2]
        assert along.max() - TIP * 1000 == pytest.approx(15.575, abs=0.05)
        assert across[np.argmax(along)] == pytest.approx(8.95, abs=0.1) and across.max() == pytest.approx(11, abs=0.1)
        assert across.min() == pytest.approx(-5.05, abs=0.3)
        assert wide.max() == pytest.approx(14.5, abs=0.1) and np.ptp(wide[along > 40]) / 2 == pytest.approx(12.8, abs=1)
    bar = corners(root, "gripper_bar_link", "collision")[..., 0].max() * 1000 - 23  # in the fingers' frame
    assert 4 < bar < 5.6  # the hull of the bar ends at 5.57: what is grasped has room below it


def wanted(qpos: Floats) -> Floats:
    """The hand's place and turn [4, 4] in the base's frame: the joints' transforms, one after the other."""
    chain = [((0, 0, .072), "z"), ((0, 0, .03865), "y"), ((.04975, 0, .25), "y"), ((.175, 0, 0), "x"),
             ((.075, 0, 0), "y"), ((.065, 0, 0), "x")]
    pose = np.eye(4)
    for (at, axis), angle in zip(chain, qpos[:6], strict=True):
        step = np.eye(4)
        step[:3, :3], step[:3, 3] = about(axis, angle), at
        pose = pose @ step
    pose[:3, 3] += pose[:3, 0] * (.043 + .023 + .027575)
    return pose


def load(description: Path, scene: Any) -> Any:
    """The robot of a URDF without anything to see, driven to stay at the start posture, without gravity."""
    loader = scene.create_urdf_loader()
    loader.fix_root_link = True
    for finger in ("left_finger_link", "right_finger_link"):
        loader.set_link_material(finger, 1.0, 1.0, 0.0)
    builder = loader.load_file_as_articulation_builder(str(description))
    for link in builder.link_builders:
        link.visual_records.clear()
    body = builder.build()
    for link in body.get_links():
        link.disable_gravity = True
    for joint, stiffness, damping, force, at in zip(body.get_active_joints(), STIFFNESS, DAMPING, FORCE, START,
                                                    strict=True):
        joint.set_drive_properties(stiffness, damping, force_limit=force, mode="force")
        joint.set_friction(0)
        joint.set_drive_target(at)
    body.set_qpos(START)
    body.set_qvel(np.zeros(8))
    return body


def empty_scene() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there is no Vulkan
        import sapien
    scene = sapien.Scene([sapien.physx.PhysxCpuSystem()])
    scene.timestep = 1 / 500
    return scene


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("robot") / "wx250s.urdf"
    path.write_text(robot.urdf())
    path.with_suffix(".srdf").write_text(robot.srdf())
    return path


@pytest.fixture
def body(generated: Path) -> Iterator[Any]:
    scene = empty_scene()
    yield load(generated, scene)


def hand(body: Any) -> Any:
    return next(link for link in body.get_links() if link.name == "ee_gripper_link")


def test_sapien_loads_it_and_puts_the_hand_where_its_joints_say(body: Any) -> None:
    assert body.dof == 8 and [joint.name for joint in body.get_active_joints()] == list(JOINTS)
    limits = np.array([joint.get_limits()[0] for joint in body.get_active_joints()])
    postures = np.random.default_rng(0).uniform(limits[:, 0], limits[:, 1], (20, 8))
    for qpos in (START, *postures):
        body.set_qpos(qpos)
        np.testing.assert_allclose(hand(body).entity_pose.to_transformation_matrix(), wanted(qpos), atol=2e-6)
    body.set_qpos(START)
    places = {link.name: link.entity_pose for link in body.get_links()}
    apart = places["left_finger_link"].p - places["right_finger_link"].p
    assert np.linalg.norm(apart) == pytest.approx(0.074, abs=1e-6)


def test_it_rests_without_touching_itself(generated: Path) -> None:
    scene = empty_scene()
    body = load(generated, scene)
    for _ in range(100):
        scene.step()
        points = [point for contact in scene.get_contacts() for point in contact.points]
        assert not any(point.impulse.any() for point in points)
    np.testing.assert_allclose(body.get_qpos(), START, atol=1e-4)


def close_on(description: Path, kind: str) -> tuple[Floats, Floats]:
    """Where the fingers (m) stop at a thing between them, and with what force (N) each presses."""
    scene = empty_scene()
    body = load(description, scene)
    builder = scene.create_actor_builder()
    if kind == "box":
        builder.add_box_collision(half_size=[0.01, 0.01, 0.01], density=600)
    else:
        builder.add_cylinder_collision(radius=0.018, half_length=0.018, density=500)
    builder.set_initial_pose(hand(body).entity_pose)
    thing = builder.build(name="thing")
    thing.components[0].disable_gravity = True
    for joint in body.get_active_joints()[6:]:
        joint.set_drive_target(0.014)
    for _ in range(400):
        scene.step()
    impulses = {"left_finger_link": np.zeros(3), "right_finger_link": np.zeros(3)}
    for contact in scene.get_contacts():
        names = {touching.entity.name for touching in contact.bodies}
        for name in impulses:
            if names == {name, "thing"}:
                impulses[name] += sum(point.impulse for point in contact.points)
    return body.get_qpos()[6:], np.array([np.linalg.norm(impulse) for impulse in impulses.values()]) / scene.timestep


def test_fingers_stop_at_what_they_grasp(generated: Path) -> None:
    fingers, forces = close_on(generated, "box")
    slope = (11 - 8.95) / 43.15  # of the grasping faces, which the box touches where they are closest
    closest = 11 - slope * (TIP * 1000 - 10)
    assert fingers.sum() * 1000 == pytest.approx(20 + 2 * closest, abs=0.5)
    assert (forces > 2).all()


@pytest.fixture
def official() -> Path:
    folder = Path(os.environ.get("VLABENCH_ASSETS", "."))
    for path in (folder, folder / "maniskill"):
        if (path / "widowx/wx250s.urdf").is_file():
            return path / "widowx/wx250s.urdf"
    pytest.skip("VLABENCH_ASSETS names no folder with widowx/wx250s.urdf")


@pytest.mark.official
def test_links_and_masses_are_the_published_robots(generated: Path, official: Path) -> None:
    scenes = empty_scene(), empty_scene()
    mine, theirs = load(generated, scenes[0]), load(official, scenes[1])
    limits = np.array([joint.get_limits()[0] for joint in theirs.get_active_joints()])
    np.testing.assert_array_equal([joint.get_limits()[0] for joint in mine.get_active_joints()], limits)
    pairs = list(zip(mine.get_links(), theirs.get_links(), strict=True))
    for a, b in pairs:
        assert a.name == b.name and a.mass == b.mass
        np.testing.assert_allclose(a.inertia, b.inertia, rtol=1e-6)
        np.testing.assert_allclose(a.cmass_local_pose.p, b.cmass_local_pose.p, atol=1e-9)
        assert abs(a.cmass_local_pose.q @ b.cmass_local_pose.q) == pytest.approx(1, abs=1e-6)
    for qpos in np.random.default_rng(0).uniform(limits[:, 0], limits[:, 1], (200, 8)):
        mine.set_qpos(qpos)
        theirs.set_qpos(qpos)
        for a, b in pairs:
            np.testing.assert_allclose(a.entity_pose.p, b.entity_pose.p, atol=1e-6)
            assert abs(a.entity_pose.q @ b.entity_pose.q) == pytest.approx(1, abs=1e-6)


@pytest.mark.official
def test_the_same_targets_lead_along_the_published_robots_path(generated: Path, official: Path) -> None:
    targets = START + np.cumsum(np.random.default_rng(1).normal(0, 0.03, (30, 8)) * ([1] * 6 + [0] * 2), axis=0)
    paths = []
    for description in (generated, official):
        scene = empty_scene()
        body, path = load(description, scene), []
        for target in targets:
            for joint, at in zip(body.get_active_joints(), target, strict=True):
                joint.set_drive_target(at)
            for _ in range(100):
                scene.step()
            path.append(body.get_qpos())
        paths.append(path)
    assert np.ptp(paths[0], axis=0)[:6].min() > 0.05
    np.testing.assert_allclose(paths[0], paths[1], atol=1e-4)


@pytest.mark.official
@pytest.mark.parametrize("kind", ["box", "cylinder"])
def test_it_grasps_as_the_published_robot(generated: Path, official: Path, kind: str) -> None:
    (mine, pressed), (theirs, forces) = close_on(generated, kind), close_on(official, kind)
    np.testing.assert_allclose(mine, theirs, atol=1e-3)
    np.testing.assert_allclose(pressed, forces, rtol=0.1)
