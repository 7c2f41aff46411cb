"""gripper_fault: the gripper obeys late, is stuck for a while, or does the opposite; the arm is not touched.

late: the gripper executes what was asked `delay` steps ago, open until then. stuck: it has jammed, open, when it is
first asked to close; since when is drawn, uniform in the `hold` steps up to then, and from that moment it is stuck for
`hold` steps: it does nothing for 1 … `hold` steps more. flipped: from a step on that is uniform in 0 … `latest` it does
the opposite, for `hold` steps. flicker: it does the opposite at single steps, the share `p` of every 50 (of the first
50 one at least). So each acts in episodes of 60 steps. No published benchmark has these; the severities set delay, hold
and p together, so that each mode has five. The opposite is seen from the middle of the gripper's range.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field, PrivateAttr

from vlabench.errors import UnsupportedError
from vlabench.perturbations._actions import ActionPerturbation
from vlabench.perturbations._losses import scattered
from vlabench.seeding import Draws
from vlabench.types import ActionSpace, Floats

BLOCK = 50
"""Steps of which a share flickers."""


class GripperFault(ActionPerturbation):
    """A fault of the gripper, in one of four modes."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"delay": 2, "hold": 10, "p": 0.02},
        2: {"delay": 4, "hold": 20, "p": 0.05},
        3: {"delay": 6, "hold": 40, "p": 0.1},
        4: {"delay": 8, "hold": 60, "p": 0.2},
        5: {"delay": 10, "hold": 80, "p": 0.3},
    }
    revision: ClassVar[int] = 2
    dimension: ClassVar[str] = "fault"

    mode: Literal["late", "stuck", "flipped", "flicker"] = Field(
        default="late",
        description="`late` reads `delay`, `stuck` reads `hold`, `flipped` reads `hold` and `latest`, "
                    "`flicker` reads `p`.")
    delay: int = Field(
        default=6, ge=0, le=200, description="Control steps by which a late gripper obeys.")
    hold: int = Field(
        default=40, ge=0, description="Control steps for which the gripper is stuck or does the opposite.")
    latest: int = Field(
        default=50, ge=0, description="Last control step at which `flipped` may begin; the first is drawn from 0 on.")
    p: float = Field(
        default=0.1, ge=0, le=1,
        description="Share of the control steps at which a flickering gripper does the opposite.")

    _onset: int | None = PrivateAttr(default=None)
    _until: int = PrivateAttr(default=0)
    _unit: float = PrivateAttr(default=0.0)
    _waiting: deque[float] = PrivateAttr(default_factory=deque)
    _last: float = PrivateAttr(default=0.0)

    @property
    def from_start(self) -> bool:
        return (self.mode == "flicker" and self.p == 1) or (
            self.mode == "flipped" and self.latest == 0 and self.hold > 0)

    @property
    def certain(self) -> bool:
        """Only where it is so from the start: a gripper that is not asked to move shows no other fault."""
        return self.from_start

    def begin(self, rng: Draws, replan: int, cameras: Sequence[str], space: ActionSpace) -> None:
        super().begin(rng, replan, cameras, space)
        self.check(cameras, space)
        self._unit = float(rng.episode().random())
        self._onset, self._until = None, 0
        if self.mode == "flipped":
            self._onset = int((self.latest + 1) * self._unit)
            self._until = self._onset + self.hold
        self._waiting, self._last = deque(), self._opens

    def check(self, cameras: Sequence[str], space: ActionSpace) -> None:
        if space.gripper is None:
            raise UnsupportedError(f"gripper_fault: the robot has no gripper: its actions are {', '.join(space.names)}")

    def action(self, action: Floats, step: int, rng: Draws) -> Floats:
        executed = action.copy()
        self._last = self.gripper(float(action[self._index]), step, rng)
        executed[self._index] = self._last
        return executed

    def gripper(self, asked: float, step: int, rng: Draws) -> float:
        """What the gripper does when `asked`."""
        if self.mode == "late":
            self._waiting.append(asked)
            return self._waiting.popleft() if len(self._waiting) > self.delay else self._opens
        if self.mode == "flicker":
            return self._opposite(asked) if scattered(rng, step, self.p, BLOCK, early=BLOCK) else asked
        if self.mode == "stuck" and self._onset is None and self._closes(asked):
            self._onset, self._until = step, step + self.hold - int(self.hold * self._unit)
        if self._onset is None or not self._onset <= step < self._until:
            return asked
        return self._last if self.mode == "stuck" else self._opposite(asked)

    @property
    def _index(self) -> int:
        return self._space.gripper or 0

    @property
    def _opens(self) -> float:
        return self._space.opens or 0.0

    def _opposite(self, asked: float) -> float:
        return self._space.low[self._index] + self._space.high[self._index] - asked

    def _closes(self, asked: float) -> bool:
        """Whether it is on the other side of the middle than the value that opens."""
        middle = (self._space.low[self._index] + self._space.high[self._index]) / 2
        return (asked - middle) * (self._opens - middle) < 0

    def realised(self) -> dict[str, Any]:
        if self.mode == "late":
            return {"mode": self.mode, "delay": self.delay}
        if self.mode == "flicker":
            return {"mode": self.mode, "p": self.p}
        if self._onset is None:  # jammed, and never asked to close
            return {"mode": self.mode, "onset": None}
        return {"mode": self.mode, "onset": self._onset, "until": self._until}
