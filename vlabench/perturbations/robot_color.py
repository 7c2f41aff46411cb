"""robot_color: arm, hand and stand have another colour.

Severities are vlabench's own; RL4VLA's dynamic texture (`texture_overlay`) covers the robot, too, along with things.
Each episode draws one colour; severities go further and further towards it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from pydantic import Field

from vlabench.perturbations._look import LookPerturbation, surfaces_of
from vlabench.perturbations._patterns import color
from vlabench.seeding import Draws
from vlabench.simulators.base import Scene
from vlabench.simulators.capabilities import PaintsSurfaces


class RobotColor(LookPerturbation):
    """A robot in another colour."""

    needs = frozenset({PaintsSurfaces})
    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"mix": 0.1}, 2: {"mix": 0.2}, 3: {"mix": 0.4}, 4: {"mix": 0.6}, 5: {"mix": 0.9}
    }

    mix: float = Field(default=0.4, gt=0, le=1, description="How much of the way to the colour that is drawn.")

    def scene(self, scene: Scene, rng: Draws) -> None:
        stage, drawn = cast(PaintsSurfaces, scene), color(rng.episode())
        for name in surfaces_of(stage, "robot_color", ("robot",)):
            stage.color_surface(name, drawn, self.mix)
        self._drawn = {"mix": self.mix, "color": [round(part, 2) for part in drawn]}
