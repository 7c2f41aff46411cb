"""object_pose: the object to be moved begins elsewhere, on a ring around its place, whatever it stood on.

LIBERO-PRO moves objects by up to 40 and 30 cm along the table's axes; the rings are vlabench's own: within the arm's
reach and the picture. Each episode draws spots, alike likely anywhere on the ring, until one is free: away from all
else, and not the goal. Severities share these draws. After every 40 spots in vain the ring is a centimetre wider, as
for a bowl on a stove or in a drawer, which begins on the table beside it. Where a sentence says what the object stands
on, it is no longer true: the suite keeps to tasks whose sentences do not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import cos, hypot, pi, sin, sqrt
from typing import Any, ClassVar, cast

from pydantic import Field, PrivateAttr, model_validator
from typing_extensions import Self

from vlabench.errors import UnsupportedError
from vlabench.perturbations._scene import ScenePerturbation
from vlabench.seeding import Draws
from vlabench.simulators._values import Spot
from vlabench.simulators.base import Scene
from vlabench.simulators.capabilities import KnowsGoals, MovesObjects
from vlabench.types import ActionSpace

PATIENCE = 40
"""So many spots are drawn from a ring before it is a centimetre wider."""
BEYOND = 25
"""So many times it is made wider."""


class ObjectPose(ScenePerturbation):
    """The object begins elsewhere."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"nearest": 0.02, "farthest": 0.05}, 2: {"nearest": 0.05, "farthest": 0.08},
        3: {"nearest": 0.08, "farthest": 0.12}, 4: {"nearest": 0.12, "farthest": 0.16},
        5: {"nearest": 0.16, "farthest": 0.2}}
    needs: ClassVar[frozenset[type]] = frozenset({KnowsGoals, MovesObjects})

    nearest: float = Field(default=0.08, ge=0, le=0.4, description="The ring's inner radius (m).")
    farthest: float = Field(default=0.12, gt=0, le=0.4, description="The ring's outer radius (m).")

    _by: Spot = PrivateAttr(default=(0.0, 0.0))
    _draws: int = PrivateAttr(default=0)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.nearest >= self.farthest:
            raise ValueError(f"nearest = {self.nearest} m must be less than farthest = {self.farthest} m")
        return self

    def begin(self, rng: Draws, replan: int, cameras: Sequence[str], space: ActionSpace) -> None:
        self._by, self._draws = (0.0, 0.0), 0

    def scene(self, scene: Scene, rng: Draws) -> None:
        view = cast(MovesObjects, scene)
        x, y = view.object_spot()
        for by in self._spots(rng):
            self._by, spot = by, (x + by[0], y + by[1])
            self._draws += 1
            if view.is_free(spot) and not cast(KnowsGoals, scene).is_goal(spot):
                view.move_object(spot)
                return
        raise UnsupportedError(f"object_pose: from {self.nearest} m on there is no free spot around the object")

    def _spots(self, rng: Draws) -> Iterator[Spot]:
        """Where they are, seen from its place."""
        draw = rng.episode()
        for attempt in range(PATIENCE * (BEYOND + 1)):
            share, turn = draw.random(2)
            further = attempt // PATIENCE / 100
            inner, outer = self.nearest + further, self.farthest + further
            far = sqrt(inner**2 + share * (outer**2 - inner**2))
            yield (far * cos(2 * pi * turn), far * sin(2 * pi * turn))

    def realised(self) -> dict[str, Any]:
        return {"by": [round(axis, 4) for axis in self._by], "distance": round(hypot(*self._by), 4),
                "draws": self._draws}
