"""friction: all surfaces are more slippery, those of things, of the table and of the fingers.

COLOSSEUM scales objects' friction by 0.75 to 1, which is felt where the other side of a contact has less; here both
have what is left. The same in every episode: nothing is drawn. With 0.2 drawers of
LIBERO cannot be pulled open any more, and so severities end before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from pydantic import Field

from vlabench.perturbations._scene import ScenePerturbation
from vlabench.seeding import Draws
from vlabench.simulators.base import Scene
from vlabench.simulators.capabilities import SetsPhysics


class Friction(ScenePerturbation):
    """Everything is more slippery."""

    dimension: ClassVar[str] = "physics"
    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"factor": 0.85}, 2: {"factor": 0.7}, 3: {"factor": 0.5}, 4: {"factor": 0.4}, 5: {"factor": 0.3}}
    needs: ClassVar[frozenset[type]] = frozenset({SetsPhysics})

    factor: float = Field(
        default=0.5, ge=0.05, lt=1, description="Factor of the friction of all that can touch.")

    def scene(self, scene: Scene, rng: Draws) -> None:
        cast(SetsPhysics, scene).scale_friction(self.factor)

    def realised(self) -> dict[str, Any]:
        return {"factor": self.factor}
