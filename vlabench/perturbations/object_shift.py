"""object_shift: the object to be moved begins some centimetres beside its place, in any direction that is free.

No published benchmark's numbers: LIBERO-PRO and COLOSSEUM move objects by more and by less. The direction is one of 16,
drawn among those in which even the longest shift leads to a free spot, so severities share it.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import cos, pi, sin
from typing import Any, ClassVar, cast

from pydantic import Field, PrivateAttr

from vlabench.perturbations._scene import ScenePerturbation
from vlabench.seeding import Draws
from vlabench.simulators.base import Scene
from vlabench.simulators.capabilities import MovesObjects

LONGEST = 0.10
DIRECTIONS = 16


class ObjectShift(ScenePerturbation):
    """The object is beside its place."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"distance": 0.01}, 2: {"distance": 0.02}, 3: {"distance": 0.04}, 4: {"distance": 0.06},
        5: {"distance": 0.08}}
    needs: ClassVar[frozenset[type]] = frozenset({MovesObjects})

    distance: float = Field(default=0.04, gt=0, le=LONGEST, description="How far (m).")

    _by: tuple[float, float] = PrivateAttr(default=(0.0, 0.0))

    def scene(self, scene: Scene, rng: Draws) -> None:
        view = cast(MovesObjects, scene)
        x, y = view.object_spot()
        turns = [2 * pi * k / DIRECTIONS for k in rng.episode().permutation(DIRECTIONS)]
        turn = next((turn for turn in turns if all(
            view.is_free((x + k * LONGEST / 5 * cos(turn), y + k * LONGEST / 5 * sin(turn))) for k in range(1, 6))),
            turns[0])
        self._by = (self.distance * cos(turn), self.distance * sin(turn))
        view.move_object((x + self._by[0], y + self._by[1]))

    def realised(self) -> dict[str, Any]:
        return {"by": [round(axis, 4) for axis in self._by]}
