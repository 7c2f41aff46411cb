"""What scenes may offer to perturbations, a Protocol each, whose methods the views of `Scene.slot` have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

Spot = tuple[float, float]
"""x and y (m) on the table, in the scene's own frame."""


# what stands where, and how the robot begins


class VariesStarts(Protocol):
    """Scenes can be opened with other things, more of them, or at other spots: by a variant, whose names these are.

    objects, receptacles, tables = training or test: whose split they are drawn from; others = n, other_receptacles = n:
    how many stand around; other_objects = mixed: every second one held out; positions = outer, object outer, movable.
    """

    def stands(self) -> Mapping[str, Any]:
        """What stands in this scene and where, for records, JSON-ready."""


class MovesObjects(Protocol):
    """The object that is asked for can be moved."""

    def spots(self) -> Sequence[Spot]:
        """The grid that training's starts are drawn from."""

    def object_spot(self) -> Spot:
        """Where it began."""

    def is_free(self, spot: Spot) -> bool:
        """Whether it could stand there, away from everything else."""

    def move_object(self, spot: Spot) -> None:
        """Put it there, turned as at its start and at rest; it may fall there."""


class PosesRobot(Protocol):
    """The arm can begin in another posture; for before the scene settles."""

    def turn_joints(self, by: Sequence[float]) -> None:
        """Each of the arm's joints begins so much (rad) further than it would."""
