"""action_drop: now and then an action does not arrive, each step for itself with probability p.

The robot then executes its last action again (`repeat`), or stays where it is with the gripper as last (`zero`); before
any action has arrived the last one is the null action: no motion, gripper open. No published benchmark has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field, PrivateAttr

from vlabench.perturbations._actions import ActionPerturbation
from vlabench.seeding import Draws
from vlabench.types import ActionSpace, Floats


class ActionDrop(ActionPerturbation):
    """Actions that do not arrive."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {n: {"p": n / 10} for n in range(1, 6)}
    dimension: ClassVar[str] = "timing"

    p: float = Field(
        default=0.3, ge=0, le=1, description="Probability, per control step, that the action is lost.")
    instead: Literal["repeat", "zero"] = Field(
        default="repeat",
        description="What is executed instead: the last action again, or no motion with the gripper as last.")

    _last: Floats | None = PrivateAttr(default=None)
    _dropped: int = PrivateAttr(default=0)

    @property
    def from_start(self) -> bool:
        return self.p == 1

    def begin(self, rng: Draws, replan: int, cameras: Sequence[str], space: ActionSpace) -> None:
        super().begin(rng, replan, cameras, space)
        self._last, self._dropped = None, 0

    def action(self, action: Floats, step: int, rng: Draws) -> Floats:
        executed = action
        if rng.at(step).random() < self.p:
            self._dropped += 1
            executed = self.null_like(action) if self._last is None else self._last
            if self.instead == "zero":
                executed = self._halted(executed)
        self._last = executed.copy()
        return executed.copy()

    def _halted(self, action: Floats) -> Floats:
        """No motion, with the gripper as in this action."""
        halted, gripper = self.null_like(action), self._space.gripper
        if gripper is not None:
            halted[gripper] = action[gripper]
        return halted

    def realised(self) -> dict[str, Any]:
        return {"p": self.p, "dropped": self._dropped}
