"""object_dropped: the hand opens once, some steps after it was first asked to close, and lets go of what it holds.

No published benchmark has it. Nothing is drawn. Severities let it carry farther first; the fingers of LIBERO's Panda
take 8 steps to close. At severity 4 LIBERO's expert, which succeeds in all of the same episodes unperturbed, does so in
80 %, at 5 in 87: what fell has to be taken once more, for which the two grasps of a task of libero_10 leave no steps,
and what falls over as it lands, such as a moka pot that was lifted, it cannot right. An episode in which the policy
never asks the hand to close is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field, PrivateAttr

from vlabench.errors import UnsupportedError
from vlabench.perturbations._actions import ActionPerturbation
from vlabench.seeding import Draws
from vlabench.types import ActionSpace, Floats


class ObjectDropped(ActionPerturbation):
    """What was grasped falls."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"after": 12}, 2: {"after": 16}, 3: {"after": 20}, 4: {"after": 25}, 5: {"after": 30}}
    dimension: ClassVar[str] = "events"

    after: int = Field(
        default=20, ge=1, le=1000, description="Steps from when the hand is first asked to close to when it opens.")
    hold: int = Field(default=8, ge=1, le=100, description="Steps for which it is open.")

    _onset: int | None = PrivateAttr(default=None)

    @property
    def from_start(self) -> bool:
        return False

    @property
    def shows_after(self) -> int:
        return self.after + self.hold

    def check(self, cameras: Sequence[str], space: ActionSpace) -> None:
        if space.gripper is None:
            raise UnsupportedError(
                f"object_dropped: the robot has no gripper: its actions are {', '.join(space.names)}")

    def begin(self, rng: Draws, replan: int, cameras: Sequence[str], space: ActionSpace) -> None:
        super().begin(rng, replan, cameras, space)
        self.check(cameras, space)
        self._onset = None

    def action(self, action: Floats, step: int, rng: Draws) -> Floats:
        at, opens = self._space.gripper or 0, self._space.opens or 0.0
        middle = (self._space.low[at] + self._space.high[at]) / 2
        if self._onset is None and (action[at] - middle) * (opens - middle) < 0:
            self._onset = step + self.after
        if self._onset is None or not self._onset <= step < self._onset + self.hold:
            return action
        executed = action.copy()
        executed[at] = opens
        return executed

    def realised(self) -> dict[str, Any]:
        return {"onset": self._onset, "hold": self.hold}
