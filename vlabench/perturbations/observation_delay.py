"""observation_delay: the policy sees and feels the world as it was some control steps ago.

At a look at step t it gets exactly what was there at step t − delay, or at step 0 where that is before the start;
`Observation.steps` says when it was taken. Proprioception is as late as the pictures (and privileged state with it),
unless `proprio` is off. The instruction is never late. No published benchmark has it; the severities, 1 to 5 steps, are
50 to 250 ms where a robot takes 20 actions a second, as in LIBERO.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field, PrivateAttr

from vlabench.perturbations.base import Perturbation
from vlabench.seeding import Draws
from vlabench.types import ActionSpace, Observation


class ObservationDelay(Perturbation):
    """Observations that arrive late."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {n: {"delay": n} for n in range(1, 6)}
    dimension: ClassVar[str] = "timing"

    delay: int = Field(
        default=3, ge=0, le=100, description="Age of what the policy sees, in control steps.")
    proprio: bool = Field(
        default=True, description="Whether proprioception and privileged state are late, too.")

    _taken: dict[int, Observation] = PrivateAttr(default_factory=dict)
    _replan: int = PrivateAttr(default=1)

    @property
    def from_start(self) -> bool:
        """No: the first look shows the start, which is the earliest there is."""
        return False

    @property
    def certain(self) -> bool:
        """Yes: from the second look on, what is seen was taken earlier."""
        return self.delay > 0

    def channels(self, cameras: Sequence[str]) -> frozenset[str]:
        late = {f"images/{camera}" for camera in cameras}
        return frozenset(late | {"proprio"} if self.proprio else late)

    def begin(self, rng: Draws, replan: int, cameras: Sequence[str], space: ActionSpace) -> None:
        self._taken, self._replan = {}, replan

    def wants_frame(self, step: int) -> bool:
        """The steps that lie `delay` before a look."""
        return self.delay > 0 and (step + self.delay) % self._replan == 0

    def observation(self, obs: Observation, step: int, rng: Draws) -> Observation:
        self._taken[step] = obs
        due = max((taken for taken in self._taken if taken <= step - self.delay), default=min(self._taken))
        for taken in [taken for taken in self._taken if taken < due]:  # no later look goes back so far
            del self._taken[taken]
        return as_seen(obs, self._taken[due], self.proprio)

    def realised(self) -> dict[str, Any]:
        return {"delay": self.delay}


def as_seen(now: Observation, then: Observation, proprio: bool) -> Observation:
    """What is seen now of an earlier observation: its pictures and step, and what is felt now or was felt then."""
    felt = then if proprio else now
    return now.replace(images=then.images, steps=then.steps, proprio=felt.proprio, state=felt.state)
