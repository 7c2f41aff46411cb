"""action_delay: the robot executes what the policy asked for some control steps ago.

Until the first action arrives it executes the null action: no motion, gripper open. No published benchmark has it; the
severities, 1 to 5 steps, are 50 to 250 ms where a robot takes 20 actions a second, as in LIBERO.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field, PrivateAttr

from vlabench.perturbations._actions import ActionPerturbation
from vlabench.seeding import Draws
from vlabench.types import ActionSpace, Floats


class ActionDelay(ActionPerturbation):
    """Actions that arrive late."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {n: {"delay": n} for n in range(1, 6)}
    dimension: ClassVar[str] = "timing"

    delay: int = Field(
        default=3, ge=0, le=100, description="Control steps between the policy's action and its execution.")

    _waiting: deque[Floats] = PrivateAttr(default_factory=deque)

    @property
    def from_start(self) -> bool:
        return self.delay > 0

    def begin(self, rng: Draws, replan: int, cameras: Sequence[str], space: ActionSpace) -> None:
        super().begin(rng, replan, cameras, space)
        self._waiting = deque()

    def action(self, action: Floats, step: int, rng: Draws) -> Floats:
        self._waiting.append(action.copy())
        return self._waiting.popleft() if len(self._waiting) > self.delay else self.null_like(action)

    def realised(self) -> dict[str, Any]:
        return {"delay": self.delay}
