"""What the perturbations of the scene share: their channel, and the record of what stands there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

from pydantic import PrivateAttr

from vlabench.perturbations.base import Perturbation
from vlabench.seeding import Draws
from vlabench.simulators.base import Scene
from vlabench.simulators.capabilities import VariesStarts


class ScenePerturbation(Perturbation):
    """Changes what stands in the scene, or how; the policy sees it, and nothing is done to what it sees."""

    dimension: ClassVar[str] = "layout"
    in_state: ClassVar[bool] = True

    def channels(self, cameras: Sequence[str]) -> frozenset[str]:
        return frozenset({"scene"})


class StartPerturbation(ScenePerturbation):
    """Episodes begin in scenes of another variant (`scene_variant`): with other things, or at other spots."""

    needs: ClassVar[frozenset[type]] = frozenset({VariesStarts})

    _stands: Mapping[str, Any] = PrivateAttr(default_factory=dict)

    def scene(self, scene: Scene, rng: Draws) -> None:
        self._stands = cast(VariesStarts, scene).stands()

    def realised(self) -> dict[str, Any]:
        return dict(self._stands)
