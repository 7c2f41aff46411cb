"""The WidowX 250S: loaded from its description, driven by steps of its hand's target pose."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt

from vlabench.simulators.maniskill import poses
from vlabench.simulators.maniskill.drawing.vulkan import engine
from vlabench.simulators.maniskill.interface import JOINTS
from vlabench.simulators.maniskill.poses import Singles
from vlabench.types import Floats

FINGERS = ("left_finger", "right_finger")
FINGER_LINKS = ("left_finger_link", "right_finger_link")
HAND = "ee_gripper_link"
"""The link whose pose actions move."""
BASE = ((0.147, 0.028, 0.870), (0.0, 0.0, 0.0, 1.0))
"""Where its base stands: position (m), quaternion (w, x, y, z). This and what follows: RL4VLA's environment, which has
it from SimplerEnv's WidowX on a flat table."""
ASIDE = 1.0
"""How far above (m) it waits while the things fall."""
POSTURE = (-0.01840777, 0.0398835, 0.22242722, -0.00460194, 1.36524296, 0.00153398, 0.037, 0.037)
"""Joints (rad) and fingers (m) at the start of an episode."""
STIFFNESS = (1169.7891719504198, 730.0, 808.4601346394447, 1229.1299089624076, 1272.2760456418862, 1056.3326605132252)
DAMPING = (330.0, 180.0, 152.12036565582588, 309.6215302722146, 201.04998711007383, 269.51458932695414)
FORCE_LIMIT = (200.0, 200.0, 100.0, 100.0, 100.0, 100.0)
FINGER_STIFFNESS, FINGER_DAMPING, FINGER_FORCE_LIMIT = 1000.0, 200.0, 60.0
CLOSED, OPEN = 0.014, 0.038
"""A finger's target (m from the middle) for a gripper of −1 and +1: 1 mm beyond its stroke at either end."""
ITERATIONS = 100
"""Of the inverse kinematics, at most."""


class Robot:
    """One WidowX in one scene of sapien. Its `.srdf` lies beside the description, or the robot collides with itself."""

    def __init__(self, scene: Any, description: Path, drawn: bool) -> None:
        self.body = _load(scene, description, drawn)
        self.joints = self.body.get_active_joints()
        names = [joint.name for joint in self.joints]
        self._arm, self._fingers = [names.index(name) for name in JOINTS], [names.index(name) for name in FINGERS]
        _drive(self.joints, self._arm, self._fingers)
        links = self.body.get_links()
        for link in links:
            link.disable_gravity = True
        self.links = {link.name: link for link in links}
        self.fingers = tuple(self.links[name] for name in FINGER_LINKS)
        self._hand = [link.name for link in links].index(HAND)
        self._kinematics = _kinematics(description, tuple(names), tuple(link.name for link in links))
        self._free = np.isin(np.arange(len(names)), self._arm)
        self.aimed = self._hand_at_base()

    def step_aside(self) -> None:
        """Out of the way of what falls onto the table."""
        (x, y, z), turn = BASE
        self.body.set_root_pose(_pose((x, y, z + ASIDE), turn))

    def stand(self, posture: Sequence[float] = POSTURE, by: tuple[float, float] = (0.0, 0.0)) -> None:
        """At its place, or so far (m) beside it, in a posture [8] (rad; m), at rest; from there the hand's target
        starts."""
        (x, y, z), turn = BASE
        self.body.set_root_pose(_pose((x + by[0], y + by[1], z), turn))
        self.body.set_qpos(np.array(posture))
        self.body.set_qvel(np.zeros(len(self.joints)))
        self.body.set_qf(np.zeros(len(self.joints)))
        for joint, at in zip(self.joints, posture, strict=True):
            joint.set_drive_target(at)
        self.aimed = self._hand_at_base()

    def stiffen(self, grip: float, damping: float) -> None:
        """Fingers that press with this share of what they would, and so much more (N·m·s/rad) in the arm's joints.

        What a finger presses with is its drive's stiffness times how far it is from its target, a spring of 24 N at
        most: its limit of 60 N is never reached, and all of the drive is scaled.
        """
        if (grip, damping) != (1.0, 0.0):
            _drive(self.joints, self._arm, self._fingers, grip, damping)

    def aim(self, action: Floats) -> None:
        """The drives' targets for the control step that follows, from an action [7].

        The hand's target moves by metres in the base's frame and turns by X-Y-Z Euler angles from the left. Where the
        inverse kinematics find no posture for it, the arm is told to stay where it is.
        """
        place, turn = self.aimed
        asked: Singles = action.astype(np.float32)
        self.aimed = place + asked[:3], poses.standard(poses.product(poses.from_euler(asked[3:6]), turn))
        now = self.body.get_qpos()
        found, reached, _ = self._kinematics.compute_inverse_kinematics(
            self._hand, _pose(*self.aimed), initial_qpos=now, active_qmask=self._free, max_iterations=ITERATIONS)
        targets = (found if reached else now).astype(np.float32)
        for joint in self._arm:
            self.joints[joint].set_drive_target(targets[joint])
        half, closed, opened = np.float32(0.5), np.float32(CLOSED), np.float32(OPEN)
        for finger in self._fingers:
            self.joints[finger].set_drive_target(half * (opened + closed) + half * (opened - closed) * asked[6])

    def _hand_at_base(self) -> tuple[Singles, Singles]:
        base, hand = self.body.pose, self.links[HAND].entity.pose
        return poses.relative((base.p, base.q), (hand.p, hand.q))

    @property
    def hand(self) -> Any:
        """The pose of the hand in the base's frame."""
        return self.body.pose.inv() * self.links[HAND].entity.pose

    @property
    def posture(self) -> npt.NDArray[np.float32]:
        """float32 [8]: the arm's joints (rad), the fingers (m)."""
        at: npt.NDArray[np.float32] = self.body.get_qpos()[[*self._arm, *self._fingers]].astype(np.float32)
        return at

    @property
    def finger_turns(self) -> Floats:
        """float64 [2, 4]: quaternions (w, x, y, z) of the left and the right finger in the world."""
        return np.array([link.entity.pose.q for link in self.fingers], dtype=np.float64)

    def state(self) -> list[Floats]:
        """Everything that decides how it goes on."""
        drives = np.array([[np.ravel(joint.drive_target)[0], np.ravel(joint.drive_velocity_target)[0]]
                           for joint in self.joints])
        return [self.body.get_qpos(), self.body.get_qvel(), drives, *self.aimed]


def _load(scene: Any, description: Path, drawn: bool) -> Any:
    builder = _builder(description, drawn)
    builder.set_scene(scene)
    return builder.build()


@functools.lru_cache
def _kinematics(description: Path, joints: tuple[str, ...], links: tuple[str, ...]) -> Any:
    """The description's model, which has no state; made once in a process, from the file, as ManiSkill's controllers
    do: sapien's own of a robot is rounded to single precision."""
    engine()
    from sapien.wrapper.pinocchio_model import PinocchioModel

    model = PinocchioModel(description.read_text(encoding="utf-8"), [0, 0, -9.81])
    model.set_joint_order(list(joints))
    model.set_link_order(list(links))
    return model


@functools.lru_cache
def _builder(description: Path, drawn: bool) -> Any:
    """Read once in a process (30 ms). All robots that it builds share their shapes' materials: who wants another
    friction gives a shape another material. Fingers have ManiSkill's default one, as RL4VLA's robot does."""
    sapien = engine()
    loader = sapien.Scene([sapien.physx.PhysxCpuSystem()]).create_urdf_loader()
    loader.fix_root_link = True
    loader.load_multiple_collisions_from_file = False
    if drawn:
        return loader.load_file_as_articulation_builder(str(description))
    with tempfile.TemporaryDirectory() as folder:  # a material to be drawn would ask for a driver
        return loader.load_file_as_articulation_builder(
            _undrawn(description, Path(folder)), str(description.with_suffix(".srdf")))


def _undrawn(description: Path, folder: Path) -> str:
    """A copy of a description in another folder: without looks, its files named by their whole paths."""
    tree = ElementTree.parse(description)
    for link in tree.iter("link"):
        for visual in link.findall("visual"):
            link.remove(visual)
    for mesh in tree.iter("mesh"):
        mesh.set("filename", str(description.parent.resolve() / mesh.attrib["filename"].removeprefix("package://")))
    copy = folder / description.name
    tree.write(copy)
    return str(copy)


def _drive(joints: Sequence[Any], arm: Sequence[int], fingers: Sequence[int], grip: float = 1.0,
           damping: float = 0.0) -> None:
    for at, joint in enumerate(arm):
        joints[joint].set_drive_properties(STIFFNESS[at], DAMPING[at] + damping, force_limit=FORCE_LIMIT[at],
                                           mode="force")
        joints[joint].set_friction(0.0)
    for joint in fingers:
        joints[joint].set_drive_properties(grip * FINGER_STIFFNESS, grip * FINGER_DAMPING,
                                           force_limit=grip * FINGER_FORCE_LIMIT, mode="force")
        joints[joint].set_friction(0.0)


def _pose(place: Any, turn: Any) -> Any:
    return engine().Pose(place, turn)
