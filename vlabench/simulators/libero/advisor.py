"""What a scene shows privileged policies: its state, the expert's advice, what demonstrations keep."""

from __future__ import annotations

import numpy as np

from vlabench.simulators.libero.expert.expert import act, advise
from vlabench.simulators.libero.interface import CAMERAS
from vlabench.simulators.libero.world import World
from vlabench.types import Floats


class Advisor(World):
    """The `simulators.base.Advises` of LIBERO."""

    def expert_action(self) -> Floats:
        """What the scripted expert does in this state: float [7] in [−1, 1]."""
        return act(self)

    def expert_advice(self) -> tuple[Floats, Floats]:
        """The same action, and three points [9] (m, relative to the hand) behind it: thing, place, waypoint."""
        return advise(self)

    def hand_pose(self) -> Floats:
        """In the world's frame: float [4, 4]."""
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = self.hand.rot, self.hand.pos
        return pose

    def told(self, points: Floats) -> dict[str, Floats]:
        """For demonstrations: states [1 + nq + nv] (time, qpos, qvel), joints [7] (rad), quaternions [4] (xyzw) of
        the hand; pixels float32 [2, 3, 2], where the advice's points [9] are in the cameras' pictures (`seen_at`).
        """
        places = points.reshape(-1, 3) + self.hand.pos
        pixels = np.stack([self.seen_at(name, places) for name in CAMERAS.values()]).astype(np.float32)
        return {"states": self.env.sim.get_state().flatten(), "joints": self.arm, "quaternions": self.hand_quaternion,
                "pixels": pixels}

    def source(self) -> str:
        """The scene in MuJoCo's XML."""
        return str(self.env.sim.model.get_xml())
