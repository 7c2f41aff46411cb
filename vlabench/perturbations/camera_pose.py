"""camera_pose: the camera that looks at the scene has been led around it, by a yaw and a pitch about its middle.

PAIR-VLA turns the camera within a range in training and beyond it in tests, in equal steps; its text as read here lacks
the angles, and about what is turned. Peers go up to 75° (LIBERO-plus) or 15° (LIBERO-infinity). The same in every
episode: nothing is drawn. Severities go to the camera's right, since ManiSkill's has the robot's arm close on its left.
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
        1: {"yaw": 5.0}, 2: {"yaw": 10.0}, 3: {"yaw": 20.0}, 4: {"yaw": 30.0}, 5: {"yaw": 40.0}
    }

    yaw: float = Field(
        default=20.0, ge=-90, le=90,
        description="Degrees around the scene, to the camera's right: counter-clockwise, seen from above. To its left "
                    "where it is negative.")
    pitch: float = Field(
        default=0.0, ge=-45, le=45, description="Degrees up; down where it is negative.")

    @model_validator(mode="after")
    def _moves(self) -> Self:
        if not self.yaw and not self.pitch:
            raise ValueError("yaw and pitch are both 0: the camera stays where it is")
        return self

    def scene(self, scene: Scene, rng: Draws) -> None:
        cast(MovesCamera, scene).orbit_camera(self.yaw, self.pitch)
        self._drawn = {"yaw": self.yaw, "pitch": self.pitch}
