"""camera_pose: a camera has been led around what it looks at, has another distance, is turned or shifted.

PAIR-VLA turns the camera within a range in training and beyond it in tests, in equal steps; its text as read here
lacks the angles, and about what is turned. Peers go up to 75° (LIBERO-plus, which also doubles the distance), or to 15°
and 0.1 m (LIBERO-infinity). The same in every episode: nothing is drawn. Severities go to the camera's right, since
ManiSkill's has the robot's arm close on its left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

from pydantic import Field, model_validator
from typing_extensions import Self

from vlabench.perturbations._look import LookPerturbation, check_cameras
from vlabench.seeding import Draws
from vlabench.simulators._values import Orbit
from vlabench.simulators.base import Scene
from vlabench.simulators.capabilities import MovesCamera
from vlabench.types import ActionSpace


class CameraPose(LookPerturbation):
    """Another viewpoint, held for the episode."""

    dimension: ClassVar[str] = "camera"
    needs = frozenset({MovesCamera})
    later = frozenset({"roll", "distance", "right", "up", "cameras"})
    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"yaw": 5.0}, 2: {"yaw": 10.0}, 3: {"yaw": 20.0}, 4: {"yaw": 30.0}, 5: {"yaw": 40.0}
    }

    yaw: float = Field(
        default=20.0, ge=-90, le=90,
        description="Degrees around the scene, to the camera's right: counter-clockwise, seen from above. To its left "
                    "where it is negative.")
    pitch: float = Field(
        default=0.0, ge=-45, le=45, description="Degrees up; down where it is negative.")
    roll: float = Field(
        default=0.0, ge=-90, le=90, description="Degrees about its own axis, counter-clockwise seen from behind it.")
    distance: float = Field(
        default=1.0, ge=0.5, le=2, description="So many times as far from what it looks at.")
    right: float = Field(
        default=0.0, ge=-0.3, le=0.3, description="How far (m) it is shifted to its own right.")
    up: float = Field(
        default=0.0, ge=-0.3, le=0.3, description="How far (m) it is shifted upwards, as it sees it.")
    cameras: tuple[str, ...] = Field(
        default=(), description="Which cameras; by default the one that looks at the whole scene.")

    @model_validator(mode="after")
    def _moves(self) -> Self:
        if self._orbit == Orbit():
            raise ValueError("yaw and pitch, roll and shifts are 0, and distance is 1: the camera stays where it is")
        return self

    @property
    def _orbit(self) -> Orbit:
        return Orbit(self.yaw, self.pitch, self.roll, self.distance, (self.right, self.up))

    def check(self, cameras: Sequence[str], space: ActionSpace) -> None:
        check_cameras("camera_pose", self.cameras, cameras)

    def scene(self, scene: Scene, rng: Draws) -> None:
        for camera in self.cameras or ("",):
            cast(MovesCamera, scene).orbit_camera(self._orbit, camera)
        own = {name: getattr(self, name) for name in sorted(self.later - {"cameras"})}
        self._drawn = {"yaw": self.yaw, "pitch": self.pitch, **{
            name: value for name, value in own.items() if value != type(self).model_fields[name].default}}
