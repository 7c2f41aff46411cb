"""The still policy sends what the published settling steps send."""

from __future__ import annotations

import numpy as np

from vlabench.adapters.still import Still
from vlabench.seeding import Draws
from vlabench.types import Observation


def test_no_motion_and_an_open_hand_for_every_slot() -> None:
    policy = Still(chunk=3)
    policy.reset([0, 1], [Draws((0, "kitchen/0", i, "policy")) for i in range(2)])
    actions = policy.act(Observation.now({}, np.zeros((2, 8), np.float32), ("a", "b"), 0)).actions
    np.testing.assert_array_equal(actions, np.tile([0, 0, 0, 0, 0, 0, -1.0], (2, 3, 1)))
    actions[:] = 5
    assert policy.act(Observation.now({}, np.zeros((1, 8), np.float32), ("a",), 8)).actions.min() == -1
