"""What perturbations may change of a LIBERO scene's physics: the robot's start, things' places, MuJoCo's constants."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from vlabench.errors import UnsupportedError
from vlabench.simulators._values import Spot
from vlabench.simulators.libero import problem
from vlabench.simulators.libero.advisor import Advisor
from vlabench.simulators.libero.interface import CAMERAS, SETTLE_STEPS, WHOLE
from vlabench.types import Floats, Task

ARRAYS = ("geom_friction", "body_mass", "body_inertia", "body_subtreemass", "body_invweight0", "dof_invweight0",
          "dof_damping", "actuator_forcerange")
"""Of MuJoCo's model, beside the place of the robot's base."""
MARGIN = 0.01
"""Between a thing that is moved and what stands around it (m)."""
AIR = 0.03
"""Between an arm that begins elsewhere and what stands around it (m): the fingers still open by two centimetres."""
REACH = (0.4, 0.75)
"""From the robot's base (m): in front of its foot, and not farther than the arm is long."""
STRETCH = (REACH[0], 0.84)
"""The same for the middle of what things are put on or into. A hand that points straight down comes to 0.79 m at the
table's height, where robosuite's Panda has its elbow at the limit; bowls hang 5 cm beyond it by their near rim."""
INSIDE = 0.85
"""How far from a picture's middle, of its half edge, a thing may be that is moved."""
FALL = 0.01
"""How far (m) a thing falls that is put elsewhere."""


class Changes:
    """A part of `scene.LiberoScene`: the capabilities of its physics."""

    task: Task
    env: Any
    model: Any
    data: Any
    _sensed: Any
    _world: Advisor
    _arm: Any
    _placed: Floats
    """qpos as the episode was placed."""
    _put: Spot | None
    """Where the object was moved to since."""

    @abstractmethod
    def _sense(self) -> None:
        """Keep what cameras and sensors read now."""

    # the robot

    def arm_joints(self) -> int:
        """A Panda's seven."""
        return len(self.env.robots[0]._ref_joint_pos_indexes)

    def posture_fits(self, by: Sequence[float]) -> bool:
        """AIR between what moves of the robot and all else, while things come to rest: in LIBERO's start states some
        stand in the table and leap out of it, as high as the hand.
        """
        import mujoco

        there = mujoco.MjData(self.model)  # apart: what is solved for forces here begins from forces before
        qpos = self._turned(by)
        there.qpos[:], there.qvel[:] = qpos, self.data.qvel
        places, speeds = self._robot_joints()
        margins, robot = self.model.geom_margin.copy(), np.zeros(self.model.ngeom, dtype=bool)
        robot[self._world.solids("robot")] = True
        moving = robot & (self.model.body_weldid[self.model.geom_bodyid] != 0)
        try:
            self.model.geom_margin[moving] = AIR
            for _ in range(round(SETTLE_STEPS * self.env.control_timestep / self.model.opt.timestep)):
                there.qpos[places], there.qvel[speeds] = qpos[places], 0.0  # held where it is
                mujoco.mj_step(self.model, there)
                pairs = there.contact.geom[: there.ncon]
                if (moving[pairs].any(axis=1) & ~robot[pairs].all(axis=1)).any():
                    return False
        finally:
            self.model.geom_margin[:] = margins
        return True

    def turn_joints(self, by: Sequence[float]) -> None:
        """From there the hand's target starts; no joint goes beyond its limits."""
        self.data.qpos[:] = self._turned(by)
        self._begin_here()

    def _robot_joints(self) -> tuple[Any, Any]:
        """Where the places and the speeds of arm and fingers are in qpos and qvel."""
        robot = self.env.robots[0]
        return (np.array([*robot._ref_joint_pos_indexes, *robot._ref_gripper_joint_pos_indexes]),
                np.array([*robot._ref_joint_vel_indexes, *robot._ref_gripper_joint_vel_indexes]))

    def _turned(self, by: Sequence[float]) -> Floats:
        qpos: Floats = self.data.qpos.copy()
        joints = np.array(self.env.robots[0]._ref_joint_pos_indexes)
        low, high = self.model.jnt_range[np.array(self.env.robots[0]._ref_joint_indexes)].T
        qpos[joints] = np.clip(qpos[joints] + np.array(by), low, high)
        return qpos

    def shift_base(self, by: Spot) -> None:
        """The base with its stand, and all that it carries."""
        self.model.body_pos[self._base, :2] += by
        self._begin_here()

    @property
    def _base(self) -> int:
        return int(self.model.body(self.env.robots[0].robot_model.root_body).id)

    def _begin_here(self) -> None:
        """As if the robot had begun the episode as it is now."""
        import mujoco

        mujoco.mj_forward(self.model, self.data)
        controller = self._arm.controller
        controller.update(force=True)
        controller.reset_goal()
        self._sense()

    # things

    def object_spot(self) -> Spot:
        """In the world's frame."""
        start = self._free_joint(self._movable())
        x, y = self._placed[start : start + 2] if self._put is None else self._put
        return (float(x), float(y))

    def is_free(self, spot: Spot) -> bool:
        """Within the arm's reach, well inside the picture, and a centimetre away from the boxes around all else."""
        name = self._movable()
        if not self._in_view(spot, REACH, INSIDE):
            return False
        others = self._world.obstacles(("", name))
        halves = np.einsum("nij,nj->ni", np.abs(others.rotations), others.halves)
        gaps = np.maximum(np.abs(np.array(spot) - others.centres[:, :2]) - halves[:, :2], 0.0)
        own = float(np.linalg.norm(self._world.box(name).size[:2])) / 2
        return bool((np.linalg.norm(gaps, axis=1) > own + MARGIN).all())

    def move_object(self, spot: Spot) -> None:
        """The first thing that the goal names and nothing is fixed to; it falls by a centimetre."""
        import mujoco

        name = self._movable()
        start, body = self._free_joint(name), self.env.obj_body_id[name]
        speed = int(self.model.jnt_dofadr[self.model.body_jntadr[body]])
        pose = self._placed[start : start + 7].copy()
        for data in (self._sensed, self.data):  # the former is what is seen next
            data.qpos[start : start + 7], data.qvel[speed : speed + 6] = pose, 0.0
            mujoco.mj_kinematics(self.model, data)
        there = np.array([*spot, 0.0])
        ground = max(self._world.obstacles((name,)).top(there, there, 1e-3), 0.0)  # floors are planes
        pose[:3] = *spot, ground + pose[2] - self._world.extent(name).low[2] + FALL
        for data in (self._sensed, self.data):
            data.qpos[start : start + 7] = pose
            mujoco.mj_kinematics(self.model, data)
        mujoco.mj_forward(self.model, self.data)
        self._put = spot

    def _in_view(self, spot: Spot, reach: tuple[float, float], inside: float) -> bool:
        """Within reach of the robot's base, and of the picture."""
        there = np.array([[*spot, float(self.env.workspace_offset[2])]])
        return bool(reach[0] < np.linalg.norm(np.array(spot) - self.data.xpos[self._base, :2]) < reach[1]
                    and np.abs(self._world.seen_at(CAMERAS[WHOLE], there)).max() <= inside)

    def is_goal(self, spot: Spot) -> bool:
        """Where a region is marked on the table or floor that the object is to come into."""
        name = self._movable()
        for _, *names in self._world.goals:
            if names[0] == name and self._world.is_region(names[-1]) and not self._world.parent(names[-1]):
                region, size = self._world.pose(names[-1]), self._world.site_size(names[-1])
                if (np.abs(region.rot[:2, :2].T @ (np.array(spot) - region.pos[:2])) <= size[:2]).all():
                    return True
        return False

    def receptacle_fits(self, by: Spot) -> bool:
        """Its middle is where an outstretched arm comes to, and it is nowhere deeper in other things than at its place:
        in some published start states, whose things have yet to fall apart, a plate and a bowl overlap by millimetres.
        """
        name = self._receptacle()
        x, y = self._world.pose(name).pos[:2]
        if not any(by):
            return True
        return (self._in_view((x + by[0], y + by[1]), STRETCH, 1.0)
                and self._overlap(name, by) <= self._overlap(name, (0.0, 0.0)))

    def _overlap(self, name: str, by: Spot) -> float:
        """How deep (m), so far from its place, a thing is in anything but the room."""
        import mujoco

        there, start = mujoco.MjData(self.model), self._free_joint(name)
        there.qpos[:] = self.data.qpos
        there.qpos[start : start + 2] += by
        mujoco.mj_kinematics(self.model, there)
        mujoco.mj_comPos(self.model, there)
        mujoco.mj_collision(self.model, there)
        pairs = self.model.geom_bodyid[there.contact.geom[: there.ncon]]
        own, free = self._world.bodies(name)[pairs], self._world.bodies(name, "")[pairs]
        met = there.contact.dist[: there.ncon][own.any(axis=1) & ~free.all(axis=1)]
        return float(-met.min(initial=0.0))

    def shift_receptacle(self, by: Spot) -> None:
        """It stays as high as it was, and settles from there."""
        import mujoco

        name = self._receptacle()
        start, body = self._free_joint(name), self.env.obj_body_id[name]
        speed = int(self.model.jnt_dofadr[self.model.body_jntadr[body]])
        self.data.qpos[start : start + 2] += by
        self.data.qvel[speed : speed + 6] = 0.0
        mujoco.mj_forward(self.model, self.data)
        self._sense()

    def _receptacle(self) -> str:
        """What the first thing is to come onto or into. Raises UnsupportedError where that does not stand free."""
        return self._named(problem.receptacle, problem.FIXED)

    def _movable(self) -> str:
        """Raises UnsupportedError for a task that moves nothing."""
        return self._named(problem.carried, problem.NOTHING_CARRIED)

    def _named(self, which: Callable[[str, str], str], otherwise: str) -> str:
        if name := which(self.task.task_set, self.task.name):
            return name
        raise UnsupportedError(f"{self.task.key}: {otherwise}")

    def _free_joint(self, name: str) -> int:
        """Its place in qpos."""
        return int(self.model.jnt_qposadr[self.model.body_jntadr[self.env.obj_body_id[name]]])

    # constants

    def scale_friction(self, factor: float) -> None:
        """Sliding, turning and rolling, of every shape: of a contact MuJoCo takes the larger of two."""
        self.model.geom_friction[:] *= factor

    def scale_mass(self, factor: float) -> None:
        """Inertia too. Of what lies free, not of drawers and doors."""
        bodies = np.flatnonzero(self._world.bodies(*(set(self.env.objects_dict) - set(self.env.fixtures_dict))))
        for name in ("body_mass", "body_inertia", "body_subtreemass"):
            getattr(self.model, name)[bodies] *= factor
        self.model.body_invweight0[bodies] /= factor
        self.model.dof_invweight0[np.isin(self.model.dof_bodyid, bodies)] /= factor

    def scale_grip(self, factor: float) -> None:
        """Robosuite's fingers press with 20 N at most."""
        self.model.actuator_forcerange[self.env.robots[0]._ref_joint_gripper_actuator_indexes] *= factor

    def add_damping(self, damping: float) -> None:
        """The controller does not know of it."""
        self.model.dof_damping[self.env.robots[0]._ref_joint_vel_indexes] += damping

    def _constants(self) -> Mapping[str, Any]:
        """Name → the model's own array, to read or to write into."""
        return {**{name: getattr(self.model, name) for name in ARRAYS}, "base": self.model.body_pos[self._base]}

    def _changed_constants(self, opened: Mapping[str, Floats]) -> Iterator[bytes]:
        """Those that are not as the scene was opened."""
        for name, array in self._constants().items():
            if not np.array_equal(array, opened[name]):
                yield name.encode() + np.ascontiguousarray(array).tobytes()
