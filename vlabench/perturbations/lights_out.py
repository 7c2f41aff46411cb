"""lights_out: in mid-episode most of the light goes, and stays away.

No published benchmark has it; LIBERO-PRO and LIBERO-X change other things at run time. The same in every episode:
nothing is drawn. Severities leave less light; they come after the same number of steps. The last leaves 3 % of the
fullest brightness on average in the darkest of LIBERO's scenes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, cast

from pydantic import Field

from vlabench.perturbations._look import LookEvent
from vlabench.perturbations.lighting import times
from vlabench.seeding import Draws
from vlabench.simulators._values import LightSetup
from vlabench.simulators.base import Scene
from vlabench.simulators.capabilities import ChangesMidway, SetsLighting


class LightsOut(LookEvent):
    """Nearly dark from some step on."""

    dimension: ClassVar[str] = "light"
    needs = frozenset({SetsLighting, ChangesMidway})
    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"share": 0.6}, 2: {"share": 0.4}, 3: {"share": 0.25}, 4: {"share": 0.15}, 5: {"share": 0.12}
    }

    share: float = Field(default=0.25, ge=0.02, le=0.9, description="The share of the light that stays.")

    def happen(self, scene: Scene, rng: Draws) -> dict[str, Any]:
        stage = cast(SetsLighting, scene)
        now = stage.lighting()
        stage.set_lighting(LightSetup(times(now.ambient, self.share), tuple(
            replace(sun, color=times(sun.color, self.share)) for sun in now.suns)))
        return {"share": self.share}
