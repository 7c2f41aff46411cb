"""proprio_stuck: what the policy is told of the robot's own state stays at one moment's, while the robot moves on.

From a step on that is uniform in 0 … `latest`, and to the end: the policy's first look from there on still tells the
truth, which is then told again at every look. With `latest` = 0 that is how the robot began. No published benchmark has
it; the severities are those of `camera_loss` with `pattern = "onset"`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field, PrivateAttr

from vlabench.perturbations._proprio import Felt, ProprioPerturbation
from vlabench.seeding import Draws
from vlabench.types import ActionSpace


class ProprioStuck(ProprioPerturbation):
    """Proprioception that freezes."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"latest": 50}, 2: {"latest": 40}, 3: {"latest": 30}, 4: {"latest": 15}, 5: {"latest": 0}
    }
    dimension: ClassVar[str] = "proprioception"

    latest: int = Field(
        default=30, ge=0, le=1000,
        description="Last control step from which it may be stuck; the first is drawn from 0 on.")

    _onset: int = PrivateAttr(default=0)
    _stuck: Felt | None = PrivateAttr(default=None)

    @property
    def from_start(self) -> bool:
        """No: the first look tells the truth."""
        return False

    @property
    def certain(self) -> bool:
        """No: a robot that rests is where it was."""
        return False

    def begin(self, rng: Draws, replan: int, cameras: Sequence[str], space: ActionSpace) -> None:
        self._onset = int((self.latest + 1) * rng.episode().random())
        self._stuck = None

    def felt(self, proprio: Felt, step: int, rng: Draws) -> Felt:
        if step < self._onset:
            return proprio
        if self._stuck is None:
            self._stuck = proprio.copy()
        return self._stuck.copy()

    def realised(self) -> dict[str, Any]:
        return {"onset": self._onset}
