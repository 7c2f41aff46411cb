"""What the expert looks at: a world's current state, in the frame of the robot's base."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from vlabench.simulators.maniskill import goal
from vlabench.simulators.maniskill.expert.geometry import surface, yaw_of
from vlabench.simulators.maniskill.robot import BASE, CLOSED, FINGERS, OPEN
from vlabench.simulators.maniskill.world import TABLE_TOP, World, dynamics
from vlabench.types import Floats

TABLE = TABLE_TOP - BASE[0][2]
"""The table's top (m)."""
GRIPPING = 1.0
"""Fingers that are told to close press on what is between them with more than this (N)."""
WIDE = 0.034
"""Fingers at least so far from the middle (m) are open; 0.037 is all."""


@dataclass(frozen=True)
class Thing:
    """A body: points [n, 3] (m) on its surface, its center of mass, its origin; speed [2] (m/s) over the table."""

    points: Floats
    mass: Floats
    origin: Floats
    speed: Floats

    @functools.cached_property
    def low(self) -> float:
        """The height (m) of its lowest point."""
        return float(self.points[:, 2].min())

    @functools.cached_property
    def top(self) -> float:
        """The height (m) of its highest point."""
        return float(self.points[:, 2].max())


@dataclass(frozen=True)
class State:
    """Everything that the expert decides by, in m, m/s and N, quaternions as (w, x, y, z).

    aimed, aimed_turn: the hand's target, which actions move; hand, turn: where it is. opening: how far the fingers are
    from the middle, on average; moving: how fast the faster one is. closing: they are told to close. touched [2]: how
    hard they press on the object. gripped: by `goal.grasped`. pressed: the force between object and receptacle.
    reach: how far the object's origin may be from the receptacle's, by `goal.on_receptacle`.
    """

    object: Thing
    receptacle: Thing
    others: tuple[Thing, ...]
    aimed: Floats
    aimed_turn: Floats
    hand: Floats
    turn: Floats
    opening: float
    moving: float
    closing: bool
    touched: Floats
    gripped: bool
    pressed: float
    reach: float

    @property
    def yaw(self) -> float:
        """How the hand is turned about the vertical (rad)."""
        return yaw_of(self.turn)

    @property
    def held(self) -> bool:
        """The object is between fingers that press on it, or that have not let go of it yet."""
        return (self.closing and bool(self.touched.min() > GRIPPING)) or (self.gripped and self.opening < WIDE)


def look(world: World) -> State:
    """The current state of a world; nothing in it changes by that."""
    robot, forces = world.robot, world.forces()
    turns = np.array([[link.entity.pose.q for link in robot.fingers]], dtype=np.float64)
    joints = [at for at, joint in enumerate(robot.joints) if joint.name in FINGERS]
    told = np.mean([np.ravel(robot.joints[at].drive_target)[0] for at in joints])
    base, hand = robot.body.pose.inv(), robot.hand
    object_, receptacle, *others = (_thing(entity, base) for entity in world.bodies)
    aimed, aimed_turn = (each.astype(np.float64) for each in robot.aimed)
    return State(object_, receptacle, tuple(others), aimed, aimed_turn, np.asarray(hand.p, np.float64),
                 np.asarray(hand.q, np.float64), float(np.mean(robot.body.get_qpos()[joints])),
                 float(np.abs(robot.body.get_qvel()[joints]).max()), bool(told < (CLOSED + OPEN) / 2),
                 np.linalg.norm(forces[:2], axis=1), bool(goal.grasped(forces[None, :2], turns)[0]),
                 float(np.linalg.norm(forces[2])), float(world.halves[1].max()) + goal.BESIDE)


def _thing(entity: Any, base: Any) -> Thing:
    body, pose = dynamics(entity), base * entity.pose
    turn = base.to_transformation_matrix()[:3, :3].astype(np.float64)
    return Thing(surface(body, pose), np.asarray((pose * body.cmass_local_pose).p, np.float64),
                 np.asarray(pose.p, np.float64), (turn @ body.linear_velocity)[:2])
