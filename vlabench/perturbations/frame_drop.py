"""frame_drop: now and then a new observation does not arrive, and the policy sees its last one again.

The first look always arrives. Of every ten that follow the share p is lost, anywhere among them; of the first ten one
at least, and within the first 60 control steps, so that short episodes meet the fault as well. In a row of lost looks
the same observation stays. The step stamp stays with the pictures. Proprioception is lost with them (and privileged
state), unless `proprio` is off. No published benchmark has it.

A policy that looks every 30 steps or less often has but one or two looks in the first 60 steps, so that more of its
looks are lost than p says; one that looks every 60 or less often may end a short episode before any could be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field, PrivateAttr

from vlabench.perturbations._losses import early_looks, scattered
from vlabench.perturbations.base import Perturbation
from vlabench.perturbations.observation_delay import as_seen
from vlabench.seeding import Draws
from vlabench.types import ActionSpace, Observation

BLOCK = 10
"""Looks of which the share is lost."""


class FrameDrop(Perturbation):
    """Observations that do not arrive."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {n: {"p": n / 10} for n in range(1, 6)}
    revision: ClassVar[int] = 2
    dimension: ClassVar[str] = "timing"

    p: float = Field(
        default=0.3, ge=0, le=1, description="Share of the looks whose observation is lost.")
    proprio: bool = Field(
        default=True, description="Whether proprioception and privileged state are lost, too.")

    _last: Observation | None = PrivateAttr(default=None)
    _replan: int = PrivateAttr(default=1)
    _dropped: int = PrivateAttr(default=0)

    @property
    def from_start(self) -> bool:
        """No: before the first look there is nothing to see again."""
        return False

    @property
    def certain(self) -> bool:
        return self.p == 1

    def channels(self, cameras: Sequence[str]) -> frozenset[str]:
        seen = {f"images/{camera}" for camera in cameras}
        return frozenset(seen | {"proprio"} if self.proprio else seen)

    def begin(self, rng: Draws, replan: int, cameras: Sequence[str], space: ActionSpace) -> None:
        self._last, self._replan, self._dropped = None, replan, 0

    def observation(self, obs: Observation, step: int, rng: Draws) -> Observation:
        if step % self._replan:  # taken for another perturbation; the policy does not look
            return obs
        if self._last is not None and self.lost(step // self._replan, rng):
            self._dropped += 1
            return as_seen(obs, self._last, self.proprio)
        self._last = obs
        return obs

    def lost(self, look: int, rng: Draws) -> bool:
        """Whether a look, from 1 on, does not arrive."""
        return scattered(rng, look - 1, self.p, BLOCK, early=min(early_looks(self._replan), BLOCK))

    def realised(self) -> dict[str, Any]:
        return {"p": self.p, "dropped": self._dropped}
