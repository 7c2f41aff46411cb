"""outer_position: things begin around the square that training draws their spots from, and the object turned otherwise.

As in RL4VLA (appendix A.4, `unseen position`): object and receptacle on the 28 spots of the border, one step of 3 cm
outside, in 628 pairs; the object turned by −22.5, −67.5, −112.5 or −157.5°. `object`: PAIR-VLA's `unseen pose`
(appendix B.4), where all else stands as in training; its text lost how far the square is extended and which turns there
are, and has RL4VLA's here.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Literal

from pydantic import Field

from vlabench.perturbations._scene import StartPerturbation


class OuterPosition(StartPerturbation):
    """Object and receptacle begin outside of training's square."""

    what: Literal["both", "object"] = Field(
        default="both", description="Object and receptacle, or the object alone.")

    def scene_variant(self) -> Mapping[str, Hashable]:
        return {"positions": "outer" if self.what == "both" else "object outer"}
