"""What the perturbations of actions share: the action of a robot that has been told nothing yet."""

from __future__ import annotations

import numpy as np

from vlabench.types import Floats

OPEN = -1.0
"""The gripper's value, an action's last number, at which it opens; +1 closes."""


def null_like(action: Floats) -> Floats:
    """No motion with the gripper open, the state in which every episode starts; in an action's shape and dtype."""
    null = np.zeros_like(action)
    null[-1] = OPEN
    return null
