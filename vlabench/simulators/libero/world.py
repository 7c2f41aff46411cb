"""Privileged simulator state for scripted policies: poses, joints, contacts and the task's goal, read from MuJoCo."""

from __future__ import annotations

from typing import Any

import numpy as np

from vlabench.simulators.libero.boxes import Box, Boxes, Pose
from vlabench.types import Floats

Goal = tuple[str, ...]
"""A predicate of the goal, as in the task's file: ("on", "akita_black_bowl_1", "plate_1")."""


class World:
    """A read-only view on a live LIBERO environment (robosuite's, below hf-libero's wrapper)."""

    def __init__(self, env: Any) -> None:
        self.env = env
        self.model, self.data = env.sim.model._model, env.sim.data._data
        self.goals: list[Goal] = [tuple(goal) for goal in env.parsed_problem["goal_state"]]
        self.boxes: dict[str, Box] = {}
        self.scales: dict[str, float] = {}
        """Object → so many times as large as it was made, of those that are."""
        self._others: dict[tuple[str, ...], Any] = {}
        """For `obstacles`: names left out → geoms, constants of the model."""
        robot = env.robots[0]
        self._site = robot.eef_site_id
        self._base = self.model.body(robot.robot_model.root_body).id
        self._arm = robot._ref_joint_pos_indexes
        self._fingers = robot._ref_gripper_joint_pos_indexes
        self._grip = robot._ref_joint_gripper_actuator_indexes
        self._solid = np.flatnonzero((self.model.geom_contype != 0) | (self.model.geom_conaffinity != 0))
        self._owners = self._owners_of_bodies()
        self._owner = self._owners[self.model.geom_bodyid]
        self._finger_geoms = [self._named_geoms(robot.gripper, side) for side in ("left_finger", "right_finger")]
        self._rest = self._reference()

    # what things are

    def _owners_of_bodies(self) -> Any:
        """body id → name of the task's object it belongs to, or "" (arena), or "robot"."""
        roots = {body: name for name, body in self.env.obj_body_id.items()}
        owner = np.full(self.model.nbody, "", dtype=object)
        for each in range(self.model.nbody):
            body = each
            while body and body not in roots:
                if self.model.body(body).name.startswith(("robot0", "gripper0", "mount0")):
                    owner[each] = "robot"
                body = int(self.model.body_parentid[body])
            if body:
                owner[each] = roots[body]
        return owner

    def bodies(self, *names: str) -> Any:
        """Which bodies belong to objects of these names, to the "robot", or to the room (""): bool [nbody]."""
        found: Any = np.isin(self._owners, np.array(names, dtype=object))
        return found

    def owner(self, geom: int) -> str:
        """The object that a geom belongs to, "robot", or "" for the room."""
        return str(self._owner[geom])

    def solids(self, *names: str) -> Any:
        """The geoms of these that can touch."""
        return self._solid[np.isin(self._owner[self._solid], np.array(names, dtype=object))]

    def _named_geoms(self, gripper: Any, side: str) -> frozenset[int]:
        return frozenset(self.model.geom(name).id for name in gripper.important_geoms[side])

    def kind(self, name: str) -> str:
        """`akita_black_bowl_1` → `akita_black_bowl`; a region's name gives the kind of what it belongs to."""
        return self.parent(name).rsplit("_", 1)[0]

    def parent(self, name: str) -> str:
        """The object that a region belongs to ("" for one of the table or floor); an object's own name."""
        if name in self.env.obj_body_id:
            return name
        return str(self.env.object_sites_dict[name].parent_name or "") if self.is_region(name) else ""

    def is_region(self, name: str) -> bool:
        """Whether a goal's argument is a region instead of an object."""
        return name in self.env.object_sites_dict

    # where things are

    @property
    def hand(self) -> Pose:
        """The grip site between the fingertips; its z axis is the direction of approach, its y axis the opening's."""
        x, y, z = self.data.site_xmat[self._site].reshape(3, 3).T
        return Pose(self.data.site_xpos[self._site].copy(), np.stack([y, -x, z], axis=1))

    @property
    def hand_quaternion(self) -> Floats:
        """The end effector's orientation as proprioception reports it: quaternion [4] (x, y, z, w)."""
        body = self.data.body(self.env.robots[0].robot_model.eef_name)
        turned: Floats = np.roll(body.xquat, -1)
        return turned

    @property
    def arm(self) -> Floats:
        """The arm's joints [7] (rad)."""
        joints: Floats = self.data.qpos[self._arm].copy()
        return joints

    @property
    def base(self) -> Floats:
        """Position [3] of the robot's base."""
        place: Floats = self.data.xpos[self._base].copy()
        return place

    @property
    def opening(self) -> float:
        """Distance between the finger pads, metres (0 … 0.08)."""
        first, second = self.data.qpos[self._fingers]
        return float(first - second)

    @property
    def grip(self) -> float:
        """The gripper's commanded state: 0 wide open … 1 closed; it takes 8 control steps from one to the other."""
        first, second = self.data.ctrl[self._grip]
        return 1.0 - float(first - second) / 0.08

    def pose(self, name: str) -> Pose:
        """Of an object's body or of a region's site."""
        if name in self.env.obj_body_id:
            body = self.env.obj_body_id[name]
            return Pose(self.data.xpos[body].copy(), self.data.xmat[body].reshape(3, 3).copy())
        site = self.model.site(name).id
        return Pose(self.data.site_xpos[site].copy(), self.data.site_xmat[site].reshape(3, 3).copy())

    def seen_at(self, camera: str, points: Floats) -> Floats:
        """Where points [n, 3] (m, world frame) are in a camera's picture as policies get it: [n, 2], from left to right
        and top to bottom, [−1, 1] inside the picture. Points behind the camera are far outside.
        """
        ident = self.model.camera(camera).id
        local = (points - self.data.cam_xpos[ident]) @ self.data.cam_xmat[ident].reshape(3, 3)
        ahead = np.maximum(-local[:, 2], 1e-3) * np.tan(np.deg2rad(self.model.cam_fovy[ident]) / 2)
        # The picture is upright but mirrored: LIBERO's policies get what OpenGL draws turned by 180 degrees.
        found: Floats = np.clip(np.stack([-local[:, 0], -local[:, 1]], axis=1) / ahead[:, None], -9.0, 9.0)
        return found

    def site_size(self, name: str) -> Floats:
        """Half extents [3] of a region's site in its own frame."""
        size: Floats = self.model.site_size[self.model.site(name).id].copy()
        return size

    def joint(self, name: str) -> tuple[float, Pose, Floats]:
        """(position, frame of the body it moves, axis in the world frame) of a hinge or slide."""
        joint = self.model.joint(name)
        body = int(self.model.jnt_bodyid[joint.id])
        pose = Pose(self.data.xanchor[joint.id].copy(), self.data.xmat[body].reshape(3, 3).copy())
        return float(self.data.qpos[joint.qposadr[0]]), pose, self.data.xaxis[joint.id].copy()

    def joints_of(self, name: str) -> list[str]:
        """The joints behind a goal's argument: a region's own (its drawer), or an object's; the table's have none."""
        source = self.env.object_sites_dict[name] if self.is_region(name) else self.env.get_object(name)
        return list(source.joints or ())

    def geoms_moved_by(self, joint: str) -> Any:
        """The solid geoms of the body that a joint moves."""
        body = self.model.jnt_bodyid[self.model.joint(joint).id]
        return self._solid[self.model.geom_bodyid[self._solid] == body]

    # shapes

    def geom_boxes(self, geoms: Any, data: Any = None) -> Boxes:
        """The boxes around geoms, turned as the geoms are; now, or in other data of MuJoCo's."""
        at = self.data if data is None else data
        rot = at.geom_xmat[geoms].reshape(-1, 3, 3)
        local, half = self.model.geom_aabb[geoms, :3], self.model.geom_aabb[geoms, 3:]
        return Boxes(at.geom_xpos[geoms] + np.einsum("nij,nj->ni", rot, local), rot, half)

    def scale(self, name: str, factor: float) -> None:
        """An object's shapes are about to be so many times as large as they are."""
        self.box(name)  # of the shapes that it was made with
        self.scales[name] = self.scales.get(name, 1.0) * factor

    def box(self, name: str) -> Box:
        """The box around an object's collision geoms in its body frame, whatever the state."""
        made, scale = self._box(name), self.scales.get(name)
        return made if scale is None else Box(scale * made.low, scale * made.high)

    def _box(self, name: str) -> Box:
        """As it was made: a constant of the model."""
        if name not in self.boxes:
            geoms = self._solid[self._owner[self._solid] == name]
            rest, body = self._rest, self.env.obj_body_id[name]
            corners = np.array(np.meshgrid(*[[-1.0, 1.0]] * 3)).reshape(3, -1).T
            rot = rest.geom_xmat[geoms].reshape(-1, 3, 3)
            points = self.model.geom_aabb[geoms, None, :3] + corners * self.model.geom_aabb[geoms, None, 3:]
            world = np.einsum("nij,nkj->nki", rot, points) + rest.geom_xpos[geoms, None]
            local = (world.reshape(-1, 3) - rest.xpos[body]) @ rest.xmat[body].reshape(3, 3)
            self.boxes[name] = Box(local.min(0), local.max(0))
        return self.boxes[name]

    def _reference(self) -> Any:
        """MuJoCo data in the model's reference state, to read constants from.

        Made before any episode moves the fixtures: read where they stand in one, the last bits of a box would depend
        on which episode was the first to ask.
        """
        import mujoco

        data = mujoco.MjData(self.model)
        mujoco.mj_kinematics(self.model, data)
        return data

    def extent(self, name: str) -> Box:
        """The world-aligned box around a movable object's body-frame box, as it lies now."""
        pose, box = self.pose(name), self.box(name)
        centre = pose.pos + pose.rot @ box.centre
        half = np.abs(pose.rot) @ (box.size / 2)
        return Box(centre - half, centre + half)

    def obstacles(self, without: tuple[str, ...] = ()) -> Boxes:
        """The boxes of all solid geoms but planes, the robot's and those of the named objects."""
        if without not in self._others:
            owners = self._owner[self._solid]
            away = np.isin(owners, np.array([*without, "robot"], dtype=object))
            self._others[without] = self._solid[~away & (self.model.geom_type[self._solid] != 0)]
        return self.geom_boxes(self._others[without])

    # what holds

    def contacts(self) -> Any:
        """Geom pairs [n, 2] in contact."""
        return self.data.contact.geom[: self.data.ncon]

    def touched(self, name: str) -> tuple[bool, bool]:
        """Whether each finger presses against an object sideways, as in a grasp (not from above with its tip)."""
        sideways = np.abs(self.data.contact.frame[: self.data.ncon, :3] @ self.hand.rot[:, 1]) > 0.5
        own = self._owner == name
        result = [False, False]
        pairs = self.contacts()[sideways]
        for a, b in pairs[own[pairs].any(axis=1)]:
            for geom, other in ((a, b), (b, a)):
                if own[geom]:
                    for side in (0, 1):
                        result[side] |= int(other) in self._finger_geoms[side]
        return result[0], result[1]

    def supported(self, name: str) -> bool:
        """Whether an object touches anything but the robot."""
        own, pairs = self._owner == name, self.contacts()
        met = pairs[own[pairs].any(axis=1)].ravel()
        return any(owner not in ("robot", name) for owner in self._owner[met])

    def holds(self, goal: Goal) -> bool:
        """Whether a predicate of the goal is true now, by hf-libero's own evaluation."""
        return bool(self.env._eval_predicate(list(goal)))
