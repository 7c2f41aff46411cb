"""both_receptacles_named: a second receptacle, held out, that the instruction names as well: where not to put it.

`put carrot on plate, not on pizza`: the scene is distractor_receptacle's, with held-out receptacles multi-receptacle's,
and it no longer suffices to look for what is named. In no paper's tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from pydantic import PrivateAttr

from vlabench.perturbations.distractor_receptacle import DistractorReceptacle
from vlabench.seeding import Draws
from vlabench.simulators.base import Scene
from vlabench.simulators.capabilities import VariesStarts

STOPS = ".?"


class BothReceptaclesNamed(DistractorReceptacle):
    """A second receptacle, and an instruction that names both."""

    _other: str = PrivateAttr(default="")
    _told: str = PrivateAttr(default="")

    @property
    def rewords(self) -> bool:
        return True

    def channels(self, cameras: Sequence[str]) -> frozenset[str]:
        return super().channels(cameras) | {"instruction"}

    def scene(self, scene: Scene, rng: Draws) -> None:
        super().scene(scene, rng)
        ((self._other, *_),) = cast(VariesStarts, scene).stands()["others"]

    def instruction(self, text: str, rng: Draws) -> str:
        words = text.rstrip(STOPS)
        self._told = f"{words}, not on {self._other}{text[len(words):]}"
        return self._told

    def realised(self) -> dict[str, Any]:
        return {**super().realised(), "instruction": self._told}
