"""The still policy sends what the published settling steps send."""

from __future__ import annotations

import numpy as np
import pytest

from vlabench.adapters.still import Still
from vlabench.errors import OptionError
from vlabench.seeding import Draws
from vlabench.simulators.libero.interface import SPACE
from vlabench.types import ActionSpace, Observation


def test_no_motion_and_an_open_hand_for_every_slot() -> None:
    policy = Still(chunk=3)
    policy.configure(SPACE)
    policy.reset([0, 1], [Draws((0, "kitchen/0", i, "policy")) for i in range(2)])
    actions = policy.act(Observation.now({}, np.zeros((2, 8), np.float32), ("a", "b"), 0)).actions
    np.testing.assert_array_equal(actions, np.tile([0, 0, 0, 0, 0, 0, -1.0], (2, 3, 1)))
    actions[:] = 5
    assert policy.act(Observation.now({}, np.zeros((1, 8), np.float32), ("a",), 8)).actions.min() == -1


OTHER = ActionSpace(("grip", "along"), (0.0, -5.0), (1.0, 5.0), (1.0, 2.0), (1.0, 0.5), 5, gripper=0, opens=1.0)


def test_on_another_robot_it_is_its_null_action_with_the_gripper_as_asked() -> None:
    look = Observation.now({}, np.zeros((1, 8), np.float32), ("a",), 0)
    for policy, wanted in ((Still(chunk=1), [1.0, 0.5]), (Still(chunk=1, dimensions=2, gripper=0.0), [0.0, 0.5])):
        policy.configure(OTHER)
        assert policy.act(look).actions.tolist() == [[wanted]]
    with pytest.raises(OptionError, match=r"options.dimensions = 7: the actions here have 2: grip, along"):
        Still(dimensions=7).configure(OTHER)
