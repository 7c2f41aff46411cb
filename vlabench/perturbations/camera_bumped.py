"""camera_bumped: in mid-episode something knocks against the camera that looks at the scene, which stays askew.

No published benchmark has it. Each episode draws which way: a direction in the space of yaw, pitch and roll, every one
alike likely; `angle` is how far. Severities share the direction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, cast

import numpy as np
from pydantic import Field

from vlabench.perturbations._look import LookEvent
from vlabench.seeding import Draws
from vlabench.simulators._values import Orbit
from vlabench.simulators.base import Scene
from vlabench.simulators.capabilities import ChangesMidway, MovesCamera


class CameraBumped(LookEvent):
    """Another viewpoint from some step on."""

    needs = frozenset({MovesCamera, ChangesMidway})
    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"angle": 3.0}, 2: {"angle": 6.0}, 3: {"angle": 10.0}, 4: {"angle": 15.0}, 5: {"angle": 20.0}
    }

    angle: float = Field(
        default=10.0, gt=0, le=30, description="Degrees by which it is led around the scene and turned, all together.")

    def happen(self, scene: Scene, rng: Draws) -> dict[str, Any]:
        way = rng.episode().standard_normal(3)
        yaw, pitch, roll = (self.angle * way / np.linalg.norm(way)).tolist()
        cast(MovesCamera, scene).orbit_camera(Orbit(yaw, pitch, roll))
        return {"yaw": round(yaw, 2), "pitch": round(pitch, 2), "roll": round(roll, 2)}
