"""background: what is seen around robot and things is another picture, one that no training sees.

RL4VLA's unseen table, in PAIR-VLA called unseen table texture: one of the five held-out tables, drawn for each episode;
things, places and all other draws stay the clean twin's. Lower severities are vlabench's own: the held-out picture is
blended over the one that is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from pydantic import Field

from vlabench.perturbations._look import LookPerturbation
from vlabench.seeding import Draws
from vlabench.simulators.base import Scene
from vlabench.simulators.capabilities import ShowsBackgrounds


class Background(LookPerturbation):
    """A held-out background."""

    needs = frozenset({ShowsBackgrounds})
    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {k: {"mix": k / 5} for k in range(1, 6)}
    paper: ClassVar[int | None] = 5

    mix: float = Field(
        default=1.0, gt=0, le=1, description="Share of the held-out picture; 1 shows it alone, as published.")

    def scene(self, scene: Scene, rng: Draws) -> None:
        stage = cast(ShowsBackgrounds, scene)
        names = stage.held_out_backgrounds()
        name = names[int(len(names) * rng.episode().random())]
        stage.show_background(name, self.mix)
        self._drawn = {"background": name, "mix": self.mix}
