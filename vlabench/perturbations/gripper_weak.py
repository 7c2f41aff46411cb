"""gripper_weak: the gripper closes with a part of its force.

No published benchmark has it. The same in every episode: nothing is drawn. With less than 0.4 of it drawers and moka
pots slip from the hand of LIBERO's Panda: its expert then fails at them, and so severities end before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from pydantic import Field

from vlabench.perturbations._scene import ScenePerturbation
from vlabench.seeding import Draws
from vlabench.simulators.base import Scene
from vlabench.simulators.capabilities import SetsPhysics


class GripperWeak(ScenePerturbation):
    """The gripper closes with less force."""

    dimension: ClassVar[str] = "physics"
    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"factor": 0.9}, 2: {"factor": 0.8}, 3: {"factor": 0.7}, 4: {"factor": 0.55}, 5: {"factor": 0.45}}
    needs: ClassVar[frozenset[type]] = frozenset({SetsPhysics})

    factor: float = Field(
        default=0.7, ge=0.02, lt=1, description="Share of the force that the gripper closes with at most.")

    def scene(self, scene: Scene, rng: Draws) -> None:
        cast(SetsPhysics, scene).scale_grip(self.factor)

    def realised(self) -> dict[str, Any]:
        return {"factor": self.factor}
