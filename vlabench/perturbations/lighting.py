"""lighting: robot and things in another light, one of twenty that no training sees.

PAIR-VLA's appendix B.2 varies an ambient, a key and two fill lights in 20 ways, and its text as read here lacks the
numbers. The twenty here: each of the four lights `factor` times as bright or as dark, in all 16 combinations (0 to 15:
ambient is the highest binary digit, then key and fills; 1 is brighter), and the key light leaning by `tilt` degrees to
each of four sides, the brightness unchanged (16 to 19). Each episode draws one of them. Beside that `tint` colours all
lights, `shadows` has the key light cast some, and `highlights` are as bright as their light unless told otherwise: each
by itself with `factor = 1.0` and `tilt = 0.0`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar, cast

from pydantic import Field, model_validator
from typing_extensions import Self

from vlabench.errors import UnsupportedError
from vlabench.perturbations._look import LookPerturbation
from vlabench.seeding import Draws
from vlabench.simulators._values import LightSetup, Sun, Triple
from vlabench.simulators.base import Scene, Simulator
from vlabench.simulators.capabilities import CastsShadows, SetsLighting

LIGHTS = 4
"""Ambient, key, two fills."""
LEANING = 4
"""Sides to which the key light leans."""
NUMBER = 2**LIGHTS + LEANING
WHITE = (1.0, 1.0, 1.0)
Share = Annotated[float, Field(ge=0.1, le=1)]


class Lighting(LookPerturbation):
    """One of twenty lightings."""

    dimension: ClassVar[str] = "light"
    needs = frozenset({SetsLighting})
    later = frozenset({"tint", "shadows", "highlights"})
    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"factor": 1.25, "tilt": 15.0},
        2: {"factor": 1.5, "tilt": 30.0},
        3: {"factor": 2.0, "tilt": 45.0},
        4: {"factor": 3.0, "tilt": 60.0},
        5: {"factor": 4.0, "tilt": 75.0},
    }

    factor: float = Field(
        default=2.0, ge=1, le=10, description="How many times as bright, or as dark, each light is.")
    tilt: float = Field(
        default=45.0, ge=0, lt=90, description="How far the key light leans to a side, in degrees.")

    tint: tuple[Share, Share, Share] = Field(
        default=WHITE, description="The shares of red, green and blue that all lights keep.")
    shadows: bool = Field(
        default=False, description="Whether the key light casts shadows (libero). In a scene brighter than white all "
                                   "lights are dimmed to it, by the share `dimmed`.")
    highlights: float = Field(
        default=1.0, ge=0, le=5, description="How many times as bright as their lights highlights are (libero).")

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        """Each number draws a change from both: one without the other would leave some episodes as they were."""
        if (self.factor == 1) != (self.tilt == 0):
            raise ValueError("factor = 1.0 and tilt = 0.0 go together: with one alone some of the twenty are no change")
        if self.factor == 1 and self.tint == WHITE and not self._gloss:
            raise ValueError("factor = 1.0 and tilt = 0.0 change nothing: add tint, shadows or highlights")
        return self

    @property
    def _gloss(self) -> bool:
        return self.shadows or self.highlights != 1

    def check_simulator(self, kind: type[Simulator]) -> None:
        super().check_simulator(kind)
        if self._gloss and CastsShadows not in kind.offers:
            raise UnsupportedError(f"lighting: scenes of {kind.__name__} are drawn without shadows and with highlights "
                                   f"as bright as their lights: leave `shadows` and `highlights` out")

    def scene(self, scene: Scene, rng: Draws) -> None:
        stage = cast(SetsLighting, scene)
        lighting, self._drawn = stage.lighting(), {}
        if self.factor != 1:
            number = int(NUMBER * rng.episode().random())
            lighting = self.lit(lighting, number)
            self._drawn = {"lighting": number, "factor": self.factor, "tilt": self.tilt}
        stage.set_lighting(tinted(lighting, self.tint))
        if self.tint != WHITE:
            self._drawn["tint"] = list(self.tint)
        if self.shadows:
            self._drawn["shadows"] = True
            if (kept := cast(CastsShadows, scene).cast_shadows()) < 1:
                self._drawn["dimmed"] = round(kept, 3)
        if self.highlights != 1:
            cast(CastsShadows, scene).set_highlights(self.highlights)
            self._drawn["highlights"] = self.highlights

    def lit(self, before: LightSetup, number: int) -> LightSetup:
        """The lighting of a number (0 to 19) instead of the one before. A light beyond the second fill is left alone.
        """
        if number >= 2**LIGHTS:
            key, *fills = before.suns
            return replace(before, suns=(self._leaning(key, number - 2**LIGHTS), *fills))
        factors = [self.factor if number >> digit & 1 else 1 / self.factor for digit in reversed(range(LIGHTS))]
        of_suns = [*factors[1:], *[1.0] * len(before.suns)]
        return LightSetup(times(before.ambient, factors[0]), tuple(
            replace(sun, color=times(sun.color, factor)) for sun, factor in zip(before.suns, of_suns, strict=False)))

    def _leaning(self, sun: Sun, side: int) -> Sun:
        x, y, z = times(sun.direction, math.cos(math.radians(self.tilt)) / math.hypot(*sun.direction))
        aside, azimuth = math.sin(math.radians(self.tilt)), 2 * math.pi * side / LEANING
        return replace(sun, direction=(x + aside * math.cos(azimuth), y + aside * math.sin(azimuth), z))


def tinted(lighting: LightSetup, tint: Triple) -> LightSetup:
    """Every light with these shares of its red, green and blue."""
    def kept(color: Triple) -> Triple:
        return (color[0] * tint[0], color[1] * tint[1], color[2] * tint[2])

    return LightSetup(kept(lighting.ambient), tuple(
        replace(sun, color=kept(sun.color)) for sun in lighting.suns))


def times(triple: Triple, factor: float) -> Triple:
    """So many times as bright, or as long."""
    first, second, third = triple
    return (first * factor, second * factor, third * factor)
