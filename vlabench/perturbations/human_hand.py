"""human_hand: in mid-episode somebody's hand reaches through the view of the whole scene, and is withdrawn.

None of the benchmarks that others here are taken from has it; severities are vlabench's own. A hand and forearm of an
adult's size are drawn in the scene, in its light; the robot and things do not feel them. Each episode draws the side
that they come from, how high in the picture and at which slant; the fingertips reach half a half edge of the picture
past its middle. In severer ones the hand is nearer to the camera, so larger in the picture, and stays longer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

from pydantic import Field

from vlabench.perturbations._look import LookEvent
from vlabench.seeding import Draws
from vlabench.simulators._values import Reach
from vlabench.simulators.base import Scene
from vlabench.simulators.capabilities import ChangesMidway, ShowsHands
from vlabench.types import ActionSpace

PAST = 0.5
"""How far past the middle it reaches, in half edges of the picture."""
HEIGHT, SLANT = 0.4, 20.0
"""At most from the middle, in half edges; at most from level, in degrees."""


class HumanHand(LookEvent):
    """A hand before the camera for a while."""

    needs = frozenset({ShowsHands, ChangesMidway})
    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"near": 0.75, "steps": 12}, 2: {"near": 0.65, "steps": 16}, 3: {"near": 0.55, "steps": 24},
        4: {"near": 0.45, "steps": 32}, 5: {"near": 0.35, "steps": 40},
    }

    near: float = Field(
        default=0.55, ge=0.25, le=0.9, description="Its distance from the camera, as a share of the table's.")
    steps: int = Field(default=24, ge=2, le=400, description="For so many control steps.")

    @property
    def shows_after(self) -> int:
        return self.step + self.steps // 2

    def begin(self, rng: Draws, replan: int, cameras: Sequence[str], space: ActionSpace) -> None:
        super().begin(rng, replan, cameras, space)
        side, height, slant = rng.episode().random(3).tolist()
        self._drawn.update({"side": "left" if side < 0.5 else "right", "height": round((2 * height - 1) * HEIGHT, 3),
                            "slant": round((2 * slant - 1) * SLANT, 2)})

    def may_move(self, step: int) -> bool:
        return self.step <= step <= self.step + self.steps

    def tick(self, scene: Scene, step: int, rng: Draws) -> None:
        if not self.may_move(step):
            return
        gone = step == self.step + self.steps
        cast(ShowsHands, scene).show_hand(None if gone else self.reach(step - self.step))
        if step == self.step:
            self._drawn.update({"step": self.step, "steps": self.steps})

    def reach(self, since: int) -> Reach:
        """So many steps after it began: in and out along half a sine."""
        way = math.sin(math.pi * (since + 0.5) / self.steps) * (1 + PAST) - 1
        left = self._drawn["side"] == "left"
        slant = self._drawn["slant"]
        return Reach((way if left else -way, self._drawn["height"]), slant if left else 180 - slant, self.near)
