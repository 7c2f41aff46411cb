"""One copy of a put-on-plate scene on plain sapien: built for one episode, dropped, settled, stepped."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from vlabench.simulators.maniskill import goal, shapes
from vlabench.simulators.maniskill.drawing.vulkan import engine
from vlabench.simulators.maniskill.interface import CONTROL_HZ, PHYSICS_HZ
from vlabench.simulators.maniskill.looks import Looks
from vlabench.simulators.maniskill.matter import Matter
from vlabench.simulators.maniskill.packs import Pack
from vlabench.simulators.maniskill.robot import POSTURE, Robot
from vlabench.simulators.maniskill.spots import Spot
from vlabench.simulators.maniskill.starts import Body, Start, quaternion
from vlabench.types import Floats

TABLE_TOP = 0.8697
"""m, of RL4VLA's scene (bridge_table_1_v1)."""
TABLE = ((-0.16, 0.0), (0.6, 0.6, 0.05))
"""Center and half edges (m) of the box that stands for it."""
FRICTION = 1.0
"""Of objects and receptacles."""
TABLE_FRICTION = 0.3
"""ManiSkill's default."""
SUBSTEPS = PHYSICS_HZ // CONTROL_HZ
SETTLE = 50
"""Physics steps (0.1 s) that things fall and come to rest for, robot aside."""
SETTLE_MORE = 600
"""And for how many more if they still move: faster than that (m/s, rad/s) together."""
RESTLESS = (1e-3, 1e-2)


class World:
    """The physics of one episode, from which pictures are taken if it is `drawn`."""

    def __init__(self, start: Start, pack: Pack, drawn: bool) -> None:
        self.start, self.looks = start, Looks(start.table)
        self.scene, self.physics = _scene(drawn)
        self.robot = Robot(self.scene, pack.robot, drawn)
        if drawn:
            pack.polish(link.entity for link in self.robot.links.values())
        self.table = table(self.scene.create_actor_builder(), drawn).build_static(name="table")
        self.bodies = [made(self.scene.create_actor_builder(), body, pack, drawn).build(f"{body.sort} {body.number}")
                       for body in start.bodies]
        self.object, self.receptacle = self.bodies[0], self.bodies[1]
        self.posture: Sequence[float] = POSTURE
        self.shift: Spot = (0.0, 0.0)
        self.matter = Matter()
        self.settled, self.began = False, start.object.spot
        self.steps = 0
        self._pairs = self._touching()
        self.robot.step_aside()

    def settle(self) -> None:
        """Let things fall and rest, then bring the robot."""
        parts = [dynamics(body) for body in self.bodies]
        ground = self.table.find_component_by_type(engine().physx.PhysxRigidStaticComponent)
        self.matter.give(self.robot, parts, ground)
        self.advance(SETTLE)
        speed = sum(float(np.linalg.norm(part.linear_velocity)) for part in parts)
        turning = sum(float(np.linalg.norm(part.angular_velocity)) for part in parts)
        if speed > RESTLESS[0] or turning > RESTLESS[1]:
            self.advance(SETTLE_MORE)
        self.robot.stand(self.posture, self.shift)
        self.settled = True
        self.halves = [goal.settled_half(np.array(body.thing.half), np.array(entity.pose.q, dtype=np.float64))
                       for body, entity in zip(self.start.bodies, self.bodies, strict=True)]

    def step(self, action: Floats) -> None:
        """One control step (0.2 s) with an action [7] within the bounds."""
        self.robot.aim(action)
        self.advance(SUBSTEPS)
        self.steps += 1

    def advance(self, substeps: int) -> None:
        """Physics alone."""
        for _ in range(substeps):
            self.physics.step()

    def pose_robot(self, posture: Sequence[float]) -> None:
        """Let it begin in a posture [8] (rad; m), before `settle`."""
        self.posture = posture
        self.robot.body.set_qpos(np.array(posture))

    def shift_robot(self, by: Spot) -> None:
        """Let it stand so much further (m), before `settle`."""
        self.shift = (self.shift[0] + by[0], self.shift[1] + by[1])

    def put_object(self, spot: Spot, height: float) -> None:
        """Let the object fall from there (m), turned as at its start and at rest."""
        self.object.set_pose(engine().Pose([*spot, height], quaternion(self.start.object.yaw)))
        body = dynamics(self.object)
        body.set_linear_velocity(np.zeros(3))
        body.set_angular_velocity(np.zeros(3))

    def forces(self) -> Floats:
        """float [3, 3] (N) in the last physics step: on the left finger and the right finger by the object, and on the
        object by its receptacle."""
        total = np.zeros((3, 3))
        for contact in self.physics.get_contacts():
            if pair := self._pairs.get(tuple(contact.bodies)):
                row, sign = pair
                total[row] += sign * sum(np.asarray(point.impulse, dtype=np.float64) for point in contact.points)
        return total * PHYSICS_HZ

    def _touching(self) -> dict[tuple[Any, Any], tuple[int, float]]:
        """Two bodies as PhysX may name them → their row among `forces`, and the sign of what it says."""
        (left, right), thing, place = self.robot.fingers, dynamics(self.object), dynamics(self.receptacle)
        pairs = ((left, thing), (right, thing), (thing, place))
        return {(first, second): (row, sign) for row, (one, other) in enumerate(pairs)
                for first, second, sign in ((one, other, 1.0), (other, one, -1.0))}

    def digest(self) -> str:
        """Of the robot's and every body's state, its mass and its friction, and of matter and the robot's place where
        they are not as published."""
        parts = self.robot.state()
        if self.shift != (0.0, 0.0):
            parts.append(np.array(self.shift))
        if self.matter != Matter():
            parts.append(np.array(dataclasses.astuple(self.matter)))
        for entity in self.bodies:
            body = dynamics(entity)
            parts += [entity.pose.p, entity.pose.q, body.linear_velocity, body.angular_velocity, np.array([body.mass])]
            parts += [np.array([shape.physical_material.dynamic_friction]) for shape in body.collision_shapes]
        return hashlib.blake2b(b"".join(np.ascontiguousarray(part).tobytes() for part in parts),
                               digest_size=8).hexdigest()


def dynamics(entity: Any) -> Any:
    """The rigid body of an entity."""
    return entity.find_component_by_type(engine().physx.PhysxRigidDynamicComponent)


def material(friction: float) -> Any:
    """A material without bounce."""
    return engine().physx.PhysxMaterial(friction, friction, 0.0)


def configure() -> None:
    """ManiSkill's settings of PhysX, which are the process's: of every scene that is made next."""
    physx = engine().physx
    physx.set_shape_config(contact_offset=0.02, rest_offset=0.0)
    physx.set_body_config(solver_position_iterations=15, solver_velocity_iterations=1, sleep_threshold=0.005)
    physx.set_scene_config(gravity=np.array([0.0, 0.0, -9.81]), bounce_threshold=2.0, enable_pcm=True, enable_tgs=True,
                           enable_ccd=False, enable_enhanced_determinism=False, enable_friction_every_iteration=True,
                           cpu_workers=0)
    physx.set_default_material(static_friction=TABLE_FRICTION, dynamic_friction=TABLE_FRICTION, restitution=0.0)


def _scene(drawn: bool) -> tuple[Any, Any]:
    sapien = engine()
    configure()
    physics = sapien.physx.PhysxCpuSystem()
    scene = sapien.Scene([physics, sapien.render.RenderSystem()] if drawn else [physics])
    physics.timestep = 1 / PHYSICS_HZ
    return scene, physics


def table(builder: Any, drawn: bool) -> Any:
    """An actor builder, of sapien's or ManiSkill's, given the table at its place."""
    center, half = TABLE
    shapes.build(builder, [shapes.Part("box", half, color=(0.6, 0.5, 0.4))], 1.0, material(TABLE_FRICTION), drawn)
    builder.set_initial_pose(engine().Pose([*center, TABLE_TOP - half[2]]))
    return builder


def made(builder: Any, body: Body, pack: Pack, drawn: bool) -> Any:
    """An actor builder, of sapien's or ManiSkill's, given a body at its start."""
    pack.add(builder, body.sort, body.number, material(FRICTION), drawn)
    builder.set_initial_pose(engine().Pose([*body.spot, body.height], quaternion(body.yaw)))
    return builder
