"""What a world shows privileged policies: its state, the expert's advice, what demonstrations keep."""

from __future__ import annotations

import numpy as np

from vlabench.simulators.maniskill.expert.expert import advise
from vlabench.simulators.maniskill.robot import HAND
from vlabench.simulators.maniskill.view import seen_at
from vlabench.simulators.maniskill.world import World, dynamics
from vlabench.types import Floats


class Advisor:
    """The `simulators.base.Advises` of a put-on-plate world."""

    def __init__(self, world: World) -> None:
        self.world = world

    def expert_action(self) -> Floats:
        """What the scripted expert does in this state: float [7]."""
        return advise(self.world)[0]

    def expert_advice(self) -> tuple[Floats, Floats]:
        """The same action, and four points [12] (m, relative to the hand) behind it: object, receptacle, waypoint, and
        where a finger goes."""
        return advise(self.world)

    def hand_pose(self) -> Floats:
        """In the world's frame: float [4, 4]."""
        return np.asarray(self.world.robot.links[HAND].entity.pose.to_transformation_matrix(), dtype=np.float64)

    def told(self, points: Floats) -> dict[str, Floats]:
        """For demonstrations: joints [6] (rad); bodies [n, 13]: position, quaternion (w, x, y, z), velocities; pixels
        float32 [1, 4, 2], where the advice's points [12] are in the camera's picture (`view.seen_at`).
        """
        robot = self.world.robot
        base = robot.body.pose.to_transformation_matrix().astype(np.float64)
        places = (points.reshape(-1, 3) + robot.hand.p) @ base[:3, :3].T + base[:3, 3]
        rows = [np.concatenate([body.pose.p, body.pose.q, dynamics(body).linear_velocity,
                                dynamics(body).angular_velocity]) for body in self.world.bodies]
        return {"joints": robot.posture[:6].astype(np.float64), "bodies": np.stack(rows).astype(np.float64),
                "pixels": seen_at(self.world, places)[None].astype(np.float32)}

    def source(self) -> str:
        """What stands where, and on which table."""
        return str(self.world.start)
