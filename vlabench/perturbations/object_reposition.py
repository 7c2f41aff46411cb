"""object_reposition: in mid-episode the object is somewhere else, far from where it was.

As in RL4VLA (appendix A.4, `mid-episode object reposition`): after 5 steps it falls from 13 cm to another spot of the
grid, more than 15 cm from its first and more than 7 cm from the receptacle, turned as at the start. Those of its first
spots that leave it nowhere to go are not drawn. RL4VLA's environment lets it fall for 0.1 s before the next step; here
it falls during that step.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from math import sqrt
from typing import Any, ClassVar, cast

from pydantic import Field, PrivateAttr

from vlabench.perturbations._scene import StartPerturbation
from vlabench.seeding import Draws
from vlabench.simulators._values import Spot
from vlabench.simulators.base import Scene
from vlabench.simulators.capabilities import MovesObjects, VariesStarts
from vlabench.types import ActionSpace

FAR = 0.15
"""More than that from the first spot (m)."""


class ObjectReposition(StartPerturbation):
    """The object jumps."""

    dimension: ClassVar[str] = "events"
    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"step": 1}, 2: {"step": 3}, 3: {"step": 5}, 4: {"step": 8}, 5: {"step": 12}}
    paper: ClassVar[int | None] = 3
    needs: ClassVar[frozenset[type]] = frozenset({MovesObjects, VariesStarts})

    step: int = Field(default=5, ge=1, le=1000, description="After so many control steps.")

    _to: Spot | None = PrivateAttr(default=None)

    @property
    def from_start(self) -> bool:
        return False

    def begin(self, rng: Draws, replan: int, cameras: Sequence[str], space: ActionSpace) -> None:
        self._to = None

    def scene_variant(self) -> Mapping[str, Hashable]:
        return {"positions": "movable"}

    def may_move(self, step: int) -> bool:
        return step == self.step

    def tick(self, scene: Scene, step: int, rng: Draws) -> None:
        if step != self.step:
            return
        view = cast(MovesObjects, scene)
        x, y = view.object_spot()
        spots = cast(VariesStarts, scene).spots()
        # in RL4VLA's own arithmetic, in which some distances of 15 cm are a last bit more
        far = [(a, b) for a, b in spots
               if sqrt((a - x) * (a - x) + (b - y) * (b - y)) > FAR and view.is_free((a, b))]
        self._to = far[int(rng.episode().integers(len(far)))]
        view.move_object(self._to)

    def realised(self) -> dict[str, Any]:
        moved = {} if self._to is None else {"moved_to": [round(axis, 3) for axis in self._to]}
        return {**super().realised(), "step": self.step, **moved}
