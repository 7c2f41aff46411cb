"""robot_pose: the arm begins in another posture, which the policy feels and sees.

As in RL4VLA's code (appendix A.4, `unseen robot init pose`): the first five joints are turned by 0, ±0.08 or ±0.15 rad,
the last by 0, ±0.3 or ±0.6, where shoulder and elbow together turn by 0.25 at most: 14,375 postures. Training's own is
one of them, which its code draws, too (1 episode in 14,375); here it is not drawn.

Those are of an arm with six joints. One with another number, such as LIBERO's Panda with seven, begins 0.3 rad away, in
any direction of the space of its joints alike likely; severities 1 to 5 are then 0.1 to 0.5 rad, as in LIBERO-plus. A
posture in which something is in its way is drawn anew, so that things stand where the clean twin has them.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping
from typing import Any, ClassVar, cast

import numpy as np
from pydantic import Field, PrivateAttr

from vlabench.errors import UnsupportedError
from vlabench.perturbations._scene import ScenePerturbation
from vlabench.seeding import Draws
from vlabench.simulators.base import Scene
from vlabench.simulators.capabilities import PosesRobot

ARM = (-0.15, -0.08, 0.0, 0.08, 0.15)
WRIST = (-0.6, -0.3, 0.0, 0.3, 0.6)
JOINTS = 6
"""Of the arm that these are of."""
AWAY = 0.3
"""How far (rad) the joints of others begin from where they would, all together."""
PATIENCE = 100
"""Draws before a place is given up as one where the arm has no room."""
TOGETHER = 0.25
"""Of the second and the third joint (rad), which both lower the hand."""


class RobotPose(ScenePerturbation):
    """Joints that begin elsewhere."""

    dimension: ClassVar[str] = "robot"
    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"scale": 0.33}, 2: {"scale": 0.67}, 3: {"scale": 1.0}, 4: {"scale": 1.33}, 5: {"scale": 1.67}}
    paper: ClassVar[int | None] = 3
    revision: ClassVar[int] = 2
    """1 began inside a thing now and then, which then flew away."""
    needs: ClassVar[frozenset[type]] = frozenset({PosesRobot})

    scale: float = Field(default=1.0, gt=0, le=2, description="Factor of the published angles, or of 0.3 rad.")

    _by: tuple[float, ...] = PrivateAttr(default=())
    _draws: int = PrivateAttr(default=0)

    def scene(self, scene: Scene, rng: Draws) -> None:
        arm, draw = cast(PosesRobot, scene), rng.episode()
        for self._draws in range(1, PATIENCE + 1):
            self._by = tuple(self.scale * each for each in _drawn(arm.arm_joints(), draw))
            if arm.posture_fits(self._by):
                arm.turn_joints(self._by)
                return
        raise UnsupportedError(f"robot_pose: in none of {PATIENCE} postures at scale {self.scale} has the arm room\n"
                               f"  fix: a smaller scale")

    def realised(self) -> dict[str, Any]:
        return {"joints": [round(by, 4) for by in self._by], "draws": self._draws}


def _drawn(joints: int, draw: np.random.Generator) -> tuple[float, ...]:
    """How far (rad) the joints of an arm with so many are turned."""
    if joints == JOINTS:
        turned = postures()
        return turned[int(draw.integers(len(turned)))]
    way = draw.standard_normal(joints)
    return tuple((AWAY * way / np.linalg.norm(way)).tolist())


@functools.lru_cache
def postures() -> tuple[tuple[float, ...], ...]:
    """How far the six joints are turned (rad) in each of the published postures, but for training's own."""
    return tuple(by for by in itertools.product(*[ARM] * 5, WRIST) if abs(by[1] + by[2]) <= TOGETHER and any(by))
