"""camera_pose: the camera that looks at the scene has been led around it, by a yaw and a pitch about its middle.

PAIR-VLA turns the camera within a range in training and beyond it in tests, in equal steps; its text as read here lacks
the angles, and about what is turned. Peers go up to 75° (LIBERO-plus) or 15° (LIBERO-infinity).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from pydantic import Field, model_validator
from typing_extensions import Self

from vlabench.perturbations._look import LookPerturbation
from vlabench.seeding import Draws
from vlabench.simulators.base import Scene
from vlabench.simulators.capabilities import MovesCamera


class CameraPose(LookPerturbation):
    """Another viewpoint, held for the episode."""

    needs = frozenset({MovesCamera})
    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"yaw": 5.0}, 2: {"yaw": 10.0}, 3: {"yaw": 15.0}, 4: {"yaw": 20.0}, 5: {"yaw": 30.0}
    }

    yaw: float = Field(
        default=15.0, ge=-90, le=90, description="Degrees counter-clockwise around the scene, seen from above.")
    pitch: float = Field(
        default=0.0, ge=-45, le=45, description="Degrees up; down where it is negative.")
    either_side: bool = Field(
        default=True, description="Whether each episode draws a side to go to; if not, signs are as given.")

    @model_validator(mode="after")
    def _moves(self) -> Self:
        if not self.yaw and not self.pitch:
            raise ValueError("yaw and pitch are both 0: the camera stays where it is")
        return self

    def scene(self, scene: Scene, rng: Draws) -> None:
        side = -1.0 if self.either_side and rng.episode().random() < 0.5 else 1.0
        cast(MovesCamera, scene).orbit_camera(side * self.yaw, self.pitch)
        self._drawn = {"yaw": side * self.yaw, "pitch": self.pitch}
