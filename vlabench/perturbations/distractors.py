"""distractors: things that the instruction does not name, none of them what it names, nor twice the same.

One is RL4VLA's multi-object setting (appendix A.4): on its 2104 triples of spots, more than 15 cm from the object;
where the task set has one already, nothing changes. More are PAIR-VLA's clutter (appendix B.4: 2, 4, 6, 8, half of them
held out): the first is the one of its training scenes, held-out ones and training's come by turns, and fewer are among
more. Where they stand the paper leaves open: here on any of 120 spots around the grid that leave 4 cm around the
object's box, where fingers go, 2 cm around the receptacle's and 1 cm around one another's.

In LIBERO, in the same numbers, they are things of the pack that the task does not use and that look like nothing it
names, the same in all episodes of a task, fewer among more. They stand anywhere on the table or the floor where the
camera sees them, but not under the arm, within 4 cm of what the goal names or of its straight way over the table (5 cm
of where its drawers and doors come), 2 cm of other things or 1 cm of one another, nor before what the goal names; what
would not lie still is drawn anew. Where a table is full, down to 0.3 of the last two gaps is left, never less of the
goal's.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, ClassVar

from pydantic import Field

from vlabench.perturbations._scene import StartPerturbation
from vlabench.simulators.capabilities import AddsDistractors


class Distractors(StartPerturbation):
    """Things that stand around."""

    dimension: ClassVar[str] = "clutter"
    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"count": 1}, 2: {"count": 2}, 3: {"count": 4}, 4: {"count": 6}, 5: {"count": 8}}
    needs: ClassVar[frozenset[type]] = frozenset({AddsDistractors})

    count: int = Field(default=4, ge=1, le=8, description="How many, those of the task set included.")
    mixed: bool = Field(
        default=True, description="Whether every second one is held out; or all are of the object's own split. LIBERO "
                                  "holds none out.")

    def scene_variant(self) -> Mapping[str, Hashable]:
        return {"others": self.count, **({"other_objects": "mixed"} if self.mixed else {})}
