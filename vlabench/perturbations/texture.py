"""texture: table, floor, walls or things have another pattern.

Nearly all benchmarks exchange textures of table and room: LIBERO-infinity has 35, COLOSSEUM and LIBERO-plus take theirs
from collections of pictures. Here they are drawn by five rules (checks, stripes, dots, bricks, marble), of two strong
colours that each episode draws for every surface. A surface's own picture gives way to its mean colour and `mix` of the
pattern. Severities share kind and colours. Sentences may name a look that things no longer have.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, cast

from pydantic import Field

from vlabench.errors import UnsupportedError
from vlabench.perturbations._look import LookPerturbation, surfaces_of
from vlabench.perturbations._patterns import pattern
from vlabench.seeding import Draws
from vlabench.simulators.base import Scene, Simulator
from vlabench.simulators.capabilities import PaintsSurfaces


class Texture(LookPerturbation):
    """Other patterns on room and table, or on things."""

    needs = frozenset({PaintsSurfaces})
    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {k: {"mix": k / 5} for k in range(1, 6)}

    mix: float = Field(default=0.6, gt=0, le=1, description="Share of the pattern; the rest is the mean colour.")
    of: tuple[Literal["table", "floor", "walls", "objects"], ...] = Field(
        default=("table", "floor", "walls"), min_length=1,
        description="Which parts; those that a scene lacks are left out. `objects` are all that stand there.")

    @property
    def caution(self) -> str:
        return "instructions may name a look that things no longer have" if "objects" in self.of else ""

    def check_simulator(self, kind: type[Simulator]) -> None:
        super().check_simulator(kind)
        if kind.paints and not kind.paints.intersection(self.of):
            raise UnsupportedError(f"texture: of = {', '.join(self.of)}: scenes of {kind.__name__} have none of these; "
                                   f"they have {', '.join(sorted(kind.paints - {'robot'}))}")

    def scene(self, scene: Scene, rng: Draws) -> None:
        stage, self._drawn = cast(PaintsSurfaces, scene), {"mix": self.mix}
        for name in surfaces_of(stage, "texture", self.of):
            self._drawn[name], picture = pattern(rng.episode(name))
            stage.cover_surface(name, picture, self.mix)
