"""What the perturbations of a scene's look share: pictures are others from the first look on, the physics is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import Field, PrivateAttr

from vlabench.errors import UnknownName, UnsupportedError
from vlabench.perturbations.base import Perturbation
from vlabench.seeding import Draws
from vlabench.simulators.base import Scene
from vlabench.simulators.capabilities import PaintsSurfaces
from vlabench.types import ActionSpace


class LookPerturbation(Perturbation):
    """Changes what a scene looks like, before anything is seen, for the whole episode."""

    dimension: ClassVar[str] = "looks"

    _drawn: dict[str, Any] = PrivateAttr(default_factory=dict)

    def channels(self, cameras: Sequence[str]) -> frozenset[str]:
        return frozenset({"look"})

    def realised(self) -> dict[str, Any]:
        return dict(self._drawn)


class LookEvent(LookPerturbation):
    """Changes what a scene looks like in mid-episode, from then on."""

    dimension: ClassVar[str] = "events"

    step: int = Field(default=20, ge=1, le=1000, description="After so many control steps.")

    @property
    def from_start(self) -> bool:
        return False

    @property
    def shows_after(self) -> int:
        return self.step

    def begin(self, rng: Draws, replan: int, cameras: Sequence[str], space: ActionSpace) -> None:
        self._drawn.clear()

    def may_move(self, step: int) -> bool:
        return step == self.step

    def tick(self, scene: Scene, step: int, rng: Draws) -> None:
        if step == self.step:
            self._drawn.update({"step": self.step, **self.happen(scene, rng)})

    def happen(self, scene: Scene, rng: Draws) -> dict[str, Any]:
        """The change itself; what was drawn for it, for the record."""
        raise TypeError(f"{type(self).__name__} must say what happens")


def check_cameras(name: str, asked: Sequence[str], there: Sequence[str]) -> None:
    """Raises UnknownName for a camera that a perturbation is to change and the policy does not see, if it sees any."""
    for camera in asked if there else ():
        if camera not in there:
            raise UnknownName("camera", camera, there, where=f"the perturbation {name}")


def surfaces_of(stage: PaintsSurfaces, name: str, parts: Sequence[str]) -> list[str]:
    """The surfaces of these parts, each once. Raises UnsupportedError where a perturbation would find none."""
    there = stage.surfaces()
    found = dict.fromkeys(surface for part in parts for surface in there.get(part, ()))
    if not found:
        raise UnsupportedError(f"{name}: this scene has no {' and no '.join(parts)}; it has {', '.join(there)}")
    return list(found)
