"""joint_damping: the joints of the arm resist being turned, the more the faster, which the controller does not know of.

No published benchmark has it. The same in every episode: nothing is drawn. The Panda's joints have 0.01 to 0.1
N·m·s/rad in LIBERO; its controller of the hand brakes by itself as if they had some tens.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from pydantic import Field

from vlabench.perturbations._scene import ScenePerturbation
from vlabench.seeding import Draws
from vlabench.simulators.base import Scene
from vlabench.simulators.capabilities import SetsPhysics


class JointDamping(ScenePerturbation):
    """The arm's joints are stiff."""

    dimension: ClassVar[str] = "physics"
    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"damping": 2.0}, 2: {"damping": 5.0}, 3: {"damping": 10.0}, 4: {"damping": 15.0}, 5: {"damping": 20.0}}
    needs: ClassVar[frozenset[type]] = frozenset({SetsPhysics})

    damping: float = Field(
        default=10.0, gt=0, le=100, description="What is added to each joint of the arm (N·m·s/rad).")

    def scene(self, scene: Scene, rng: Draws) -> None:
        cast(SetsPhysics, scene).add_damping(self.damping)

    def realised(self) -> dict[str, Any]:
        return {"damping": self.damping}
