"""mass: the things that can be carried are heavier, and as much harder to turn.

COLOSSEUM and Robust-Gymnasium scale masses by 0.1 to 15. The same in every episode: nothing is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from pydantic import Field

from vlabench.perturbations._scene import ScenePerturbation
from vlabench.seeding import Draws
from vlabench.simulators.base import Scene
from vlabench.simulators.capabilities import SetsPhysics


class Mass(ScenePerturbation):
    """Things are heavier."""

    dimension: ClassVar[str] = "physics"
    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"factor": 1.5}, 2: {"factor": 2.0}, 3: {"factor": 3.0}, 4: {"factor": 5.0}, 5: {"factor": 8.0}}
    needs: ClassVar[frozenset[type]] = frozenset({SetsPhysics})

    factor: float = Field(
        default=3.0, gt=1, le=15, description="Factor of the mass of what can be carried.")

    def scene(self, scene: Scene, rng: Draws) -> None:
        cast(SetsPhysics, scene).scale_mass(self.factor)

    def realised(self) -> dict[str, Any]:
        return {"factor": self.factor}
