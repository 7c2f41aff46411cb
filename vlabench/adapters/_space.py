"""What adapters that can drive any robot make sure of when they are told which it is."""

from __future__ import annotations

from vlabench.errors import OptionError
from vlabench.types import ActionSpace


def check_dimensions(said: int | None, space: ActionSpace) -> None:
    """Raises OptionError if a card says another number of dimensions than the robot's actions have."""
    if said not in (None, space.size):
        raise OptionError(f"options.dimensions = {said}: the actions here have {space.size}: {', '.join(space.names)}\n"
                          f"  fix: leave it out")
