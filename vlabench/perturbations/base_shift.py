"""base_shift: the robot stands some centimetres beside its place, and its hand begins as far from where it would.

No published benchmark's numbers; LIBERO-plus turns the arm's joints instead (`robot_pose`). Each episode draws the
direction, every one alike likely; severities share it.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import cos, pi, sin
from typing import Any, ClassVar, cast

from pydantic import Field, PrivateAttr

from vlabench.perturbations._scene import ScenePerturbation
from vlabench.seeding import Draws
from vlabench.simulators.base import Scene
from vlabench.simulators.capabilities import ShiftsBase


class BaseShift(ScenePerturbation):
    """The robot is beside its place."""

    dimension: ClassVar[str] = "robot"
    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"distance": 0.01}, 2: {"distance": 0.02}, 3: {"distance": 0.04}, 4: {"distance": 0.06},
        5: {"distance": 0.08}}
    needs: ClassVar[frozenset[type]] = frozenset({ShiftsBase})

    distance: float = Field(default=0.04, gt=0, le=0.1, description="How far (m).")

    _by: tuple[float, float] = PrivateAttr(default=(0.0, 0.0))

    def scene(self, scene: Scene, rng: Draws) -> None:
        turn = 2 * pi * float(rng.episode().random())
        self._by = (self.distance * cos(turn), self.distance * sin(turn))
        cast(ShiftsBase, scene).shift_base(self._by)

    def realised(self) -> dict[str, Any]:
        return {"by": [round(axis, 4) for axis in self._by]}
