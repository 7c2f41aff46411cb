"""receptacle_shift: what the object is to be put on or into begins beside its place.

As in FAN (figure 4), which shifts the plates of LIBERO-Spatial along the table's x and y (`offset`), here read as −10
to 10 cm in steps of 5. Severities are vlabench's own: as far in every episode, in a direction that each draws until the
receptacle has room there and is within reach. Severities share these draws. Within reach is where a hand that points
down puts a thing that it holds by its near side; from where it can be held by its far side alone, as in a drawer, it
does not come to the farthest of these places.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import cos, pi, sin
from typing import Annotated, Any, ClassVar, cast

from pydantic import Field, PrivateAttr, field_validator, model_validator
from typing_extensions import Self

from vlabench.errors import UnsupportedError
from vlabench.perturbations._scene import ScenePerturbation
from vlabench.seeding import Draws
from vlabench.simulators._values import Spot
from vlabench.simulators.base import Scene
from vlabench.simulators.capabilities import MovesReceptacle
from vlabench.types import ActionSpace

FARTHEST = 0.3
PATIENCE = 200
"""So many directions are drawn before an episode is given up."""
Offset = Annotated[float, Field(ge=-FARTHEST, le=FARTHEST)]


class ReceptacleShift(ScenePerturbation):
    """The receptacle is beside its place."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"distance": 0.02}, 2: {"distance": 0.04}, 3: {"distance": 0.06}, 4: {"distance": 0.08},
        5: {"distance": 0.1}}
    needs: ClassVar[frozenset[type]] = frozenset({MovesReceptacle})

    distance: float = Field(default=0.06, gt=0, le=FARTHEST, description="How far (m), where `offset` is not given.")
    offset: tuple[Offset, Offset] | None = Field(
        default=None, description="How far (m) along the world's x and y, the same in every episode.")

    _by: Spot = PrivateAttr(default=(0.0, 0.0))
    _draws: int = PrivateAttr(default=0)

    @field_validator("offset")
    @classmethod
    def _somewhere(cls, offset: Spot | None) -> Spot | None:
        if offset == (0, 0):
            raise ValueError("an offset of 0 and 0 shifts nothing: that is the clean condition")
        return offset

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.offset is not None and self.distance != type(self).model_fields["distance"].default:
            raise ValueError("offset says how far already: leave `distance` out, and `severity`, which sets it")
        return self

    def begin(self, rng: Draws, replan: int, cameras: Sequence[str], space: ActionSpace) -> None:
        self._by, self._draws = (0.0, 0.0), 0

    def scene(self, scene: Scene, rng: Draws) -> None:
        view, draw = cast(MovesReceptacle, scene), rng.episode()
        for self._draws in range(1, PATIENCE + 1):
            turn = 2 * pi * float(draw.random())
            self._by = self.offset or (self.distance * cos(turn), self.distance * sin(turn))
            if view.receptacle_fits(self._by):
                view.shift_receptacle(self._by)
                return
            if self.offset:
                raise UnsupportedError(f"receptacle_shift: shifted by {self.offset} m the receptacle is out of reach "
                                       f"or stands on something")
        raise UnsupportedError(f"receptacle_shift: {self.distance} m away there is no room for the receptacle")

    def realised(self) -> dict[str, Any]:
        return {"by": [round(axis, 4) for axis in self._by], "draws": self._draws}
