"""distractors: objects that the instruction does not name, none of them the one that it names, nor twice the same.

One is RL4VLA's multi-object setting (appendix A.4): on its 2104 triples of spots, more than 15 cm from the object;
where the task set has one already, nothing changes. More are PAIR-VLA's clutter (appendix B.4: 2, 4, 6, 8, half of them
held out): the first is the one of its training scenes, held-out ones and training's come by turns, and fewer are among
more. Where they stand the paper leaves open: here on any of 120 spots around the grid that leave 4 cm around the
object's box, where fingers go, 2 cm around the receptacle's and 1 cm around one another's.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, ClassVar

from pydantic import Field

from vlabench.perturbations._scene import StartPerturbation


class Distractors(StartPerturbation):
    """Objects that stand around."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"count": 1}, 2: {"count": 2}, 3: {"count": 4}, 4: {"count": 6}, 5: {"count": 8}}

    count: int = Field(default=4, ge=1, le=8, description="How many, those of the task set included.")
    mixed: bool = Field(
        default=True, description="Whether every second one is held out; or all are of the object's own split.")

    def scene_variant(self) -> Mapping[str, Hashable]:
        return {"others": self.count, **({"other_objects": "mixed"} if self.mixed else {})}
