"""object_moved: in mid-episode the object to be moved is somewhere else, beside where it began.

As in LIBERO-PRO (at step 5, by 17 and 6 cm) and RL4VLA (`object_reposition`, to any free spot of its grid), for any
scene that knows what is free and within reach. The direction is one of 16, the first in the episode's order in which
`distance` leads to a free spot; where none does, the nearest free spot beyond it is taken, as for a bowl that stands on
something, and where there is none either, as in a small square, the farthest free one, 3 cm away at least.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import cos, hypot, pi, sin
from typing import Any, ClassVar, cast

from pydantic import Field, PrivateAttr

from vlabench.errors import UnsupportedError
from vlabench.perturbations._scene import ScenePerturbation
from vlabench.perturbations.object_shift import DIRECTIONS
from vlabench.seeding import Draws
from vlabench.simulators._values import Spot
from vlabench.simulators.base import Scene
from vlabench.simulators.capabilities import ChangesMidway, MovesObjects
from vlabench.types import ActionSpace

BEYOND = 25
"""So many steps of a centimetre farther than asked a free spot is looked for."""


LEAST = 0.03
"""How far (m) it goes at least, where there is less room than asked for."""


class ObjectMoved(ScenePerturbation):
    """The object jumps aside."""

    dimension: ClassVar[str] = "events"
    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"distance": 0.03}, 2: {"distance": 0.06}, 3: {"distance": 0.1}, 4: {"distance": 0.14},
        5: {"distance": 0.18}}
    needs: ClassVar[frozenset[type]] = frozenset({MovesObjects, ChangesMidway})

    distance: float = Field(default=0.1, ge=0.01, le=0.25,
                            description="How far (m) from where it began, or farther, or as far as there is room.")
    step: int = Field(default=5, ge=1, le=1000, description="After so many control steps.")

    _by: Spot | None = PrivateAttr(default=None)

    @property
    def from_start(self) -> bool:
        return False

    @property
    def shows_after(self) -> int:
        return self.step

    def begin(self, rng: Draws, replan: int, cameras: Sequence[str], space: ActionSpace) -> None:
        self._by = None

    def may_move(self, step: int) -> bool:
        return step == self.step

    def tick(self, scene: Scene, step: int, rng: Draws) -> None:
        if step != self.step:
            return
        view = cast(MovesObjects, scene)
        x, y = view.object_spot()
        turns = [2 * pi * k / DIRECTIONS for k in rng.episode().permutation(DIRECTIONS)]
        lengths = (*(self.distance + further / 100 for further in range(BEYOND + 1)),
                   *(length for nearer in range(1, BEYOND) if (length := self.distance - nearer / 100) > LEAST - 1e-9))
        ways = ((length * cos(turn), length * sin(turn)) for length in lengths for turn in turns)
        self._by = next((by for by in ways if view.is_free((x + by[0], y + by[1]))), None)
        if self._by is None:
            raise UnsupportedError("object_moved: there is no free spot around the object")
        view.move_object((x + self._by[0], y + self._by[1]))

    def realised(self) -> dict[str, Any]:
        if self._by is None:
            return {"step": self.step}
        return {"step": self.step, "by": [round(axis, 3) for axis in self._by], "distance": round(hypot(*self._by), 3)}
