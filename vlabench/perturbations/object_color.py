"""object_color: every thing that stands there has another colour, each its own.

As in COLOSSEUM (`MO_color`, `RO_color`) and LIBERO-PRO, which recolour the object, or object and receptacle. Each
episode draws a colour for every thing; severities go further and further towards it. What is printed on a thing stays
there. Sentences may name the colour that a thing had.
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


class ObjectColor(LookPerturbation):
    """Things in other colours."""

    needs = frozenset({PaintsSurfaces})
    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"mix": 0.1}, 2: {"mix": 0.2}, 3: {"mix": 0.4}, 4: {"mix": 0.6}, 5: {"mix": 0.9}
    }

    mix: float = Field(default=0.4, gt=0, le=1, description="How much of the way to the colour that is drawn.")

    @property
    def caution(self) -> str:
        return "instructions may name a colour that things no longer have"

    def scene(self, scene: Scene, rng: Draws) -> None:
        stage, self._drawn = cast(PaintsSurfaces, scene), {"mix": self.mix}
        for name in surfaces_of(stage, "object_color", ("objects",)):
            drawn = color(rng.episode(name))
            stage.color_surface(name, drawn, self.mix)
            self._drawn[name] = [round(part, 2) for part in drawn]
