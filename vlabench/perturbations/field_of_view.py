"""field_of_view: a camera sees through a lens of another width, so that things look smaller, or larger.

No published benchmark's numbers. The same in every episode: nothing is drawn. Severities widen the view, which leaves
everything in the picture that was there: what fills it afterwards is 0.9 to 0.5 times as large.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

from pydantic import Field, model_validator
from typing_extensions import Self

from vlabench.perturbations._look import LookPerturbation, check_cameras
from vlabench.seeding import Draws
from vlabench.simulators.base import Scene
from vlabench.simulators.capabilities import SetsFieldOfView
from vlabench.types import ActionSpace


class FieldOfView(LookPerturbation):
    """Another lens, held for the episode."""

    dimension: ClassVar[str] = "camera"
    needs = frozenset({SetsFieldOfView})
    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"factor": 1.1}, 2: {"factor": 1.2}, 3: {"factor": 1.4}, 4: {"factor": 1.7}, 5: {"factor": 2.0}
    }

    factor: float = Field(
        default=1.4, ge=0.5, le=2,
        description="How many times as much fits into the picture in either direction; things look as many times "
                    "smaller.")
    cameras: tuple[str, ...] = Field(
        default=(), description="Which cameras; by default the one that looks at the whole scene.")

    @model_validator(mode="after")
    def _widens(self) -> Self:
        if self.factor == 1:
            raise ValueError("factor is 1: the lens stays what it is")
        return self

    def check(self, cameras: Sequence[str], space: ActionSpace) -> None:
        check_cameras("field_of_view", self.cameras, cameras)

    def scene(self, scene: Scene, rng: Draws) -> None:
        for camera in self.cameras or ("",):
            cast(SetsFieldOfView, scene).widen_view(self.factor, camera)
        self._drawn = {"factor": self.factor}
