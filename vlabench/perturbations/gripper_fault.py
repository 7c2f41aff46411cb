"""gripper_fault: the gripper obeys late, is stuck for a while, or does the opposite; the arm is not touched.

late: the gripper executes what was asked `delay` steps ago, open until then. stuck: from a drawn step on it keeps what
it last did, for `hold` steps. flipped: from a drawn step on it does the opposite, for `hold` steps. flicker: it does
the opposite at single steps, each with probability `p`. The drawn step is uniform in 0 … `latest`. No published
benchmark has these; the severities set delay, hold and p together, so that each mode has five. A step is 50 ms.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field, PrivateAttr

from vlabench.perturbations._actions import OPEN, ActionPerturbation
from vlabench.seeding import Draws
from vlabench.types import Floats


class GripperFault(ActionPerturbation):
    """mode: `late` (reads delay), `stuck` or `flipped` (read hold and latest) or `flicker` (reads p).

    delay, hold, latest: in control steps. p: probability per control step, in [0, 1].
    """

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"delay": 2, "hold": 10, "p": 0.02},
        2: {"delay": 4, "hold": 20, "p": 0.05},
        3: {"delay": 6, "hold": 40, "p": 0.1},
        4: {"delay": 8, "hold": 60, "p": 0.2},
        5: {"delay": 10, "hold": 80, "p": 0.3},
    }
    group: ClassVar[str] = "fault"

    mode: Literal["late", "stuck", "flipped", "flicker"] = "late"
    delay: int = Field(default=6, ge=0, le=200)
    hold: int = Field(default=40, ge=0)
    latest: int = Field(default=100, ge=0)
    p: float = Field(default=0.1, ge=0, le=1)

    _onset: int = PrivateAttr(default=0)
    _waiting: deque[float] = PrivateAttr(default_factory=deque)
    _last: float = PrivateAttr(default=OPEN)

    @property
    def from_start(self) -> bool:
        return (self.mode == "flicker" and self.p == 1) or (
            self.mode == "flipped" and self.latest == 0 and self.hold > 0)

    @property
    def certain(self) -> bool:
        """Only where it is so from the start: a gripper that is not asked to move shows no other fault."""
        return self.from_start

    def begin(self, rng: Draws, replan: int, cameras: Sequence[str]) -> None:
        self._onset = int((self.latest + 1) * rng.episode().random())
        self._waiting, self._last = deque(), OPEN

    def action(self, action: Floats, step: int, rng: Draws) -> Floats:
        executed = action.copy()
        self._last = self.gripper(float(action[-1]), step, rng)
        executed[-1] = self._last
        return executed

    def gripper(self, asked: float, step: int, rng: Draws) -> float:
        """What the gripper does when `asked`."""
        faulty = self._onset <= step < self._onset + self.hold
        if self.mode == "late":
            self._waiting.append(asked)
            return self._waiting.popleft() if len(self._waiting) > self.delay else OPEN
        if self.mode == "stuck":
            return self._last if faulty else asked
        if self.mode == "flicker":
            faulty = rng.at(step).random() < self.p
        return -asked if faulty else asked

    def realised(self) -> dict[str, Any]:
        if self.mode == "late":
            return {"mode": self.mode, "delay": self.delay}
        if self.mode == "flicker":
            return {"mode": self.mode, "p": self.p}
        return {"mode": self.mode, "onset": self._onset, "until": self._onset + self.hold}
