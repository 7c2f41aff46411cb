"""The way down to a grasp, and what one action may do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.simulators.maniskill.expert.states import block, state
from vlabench.simulators.maniskill.expert.geometry import downward
from vlabench.simulators.maniskill.expert.grasps import LOWEST, STEP, choose
from vlabench.simulators.maniskill.expert.motion import TURN, Move, action, descend

BAR = block((0.06, 0.015, 0.02), (0.3, 0.05))
places = st.tuples(st.floats(0.1, 0.6), st.floats(-0.3, 0.3), st.floats(-0.1, 0.3)).map(np.array)


@given(places, places, st.floats(-1.5, 1.5))
def test_an_action_is_a_small_step_and_never_leads_below_the_limit(aimed: np.ndarray, to: np.ndarray,
                                                                   yaw: float) -> None:
    seen = state(BAR, aimed=aimed)
    asked = action(seen, Move(to, downward(yaw), 1.0))
    assert asked.shape == (7,) and asked[6] == 1.0
    assert aimed[2] + asked[2] >= LOWEST - 1e-12
    assert np.linalg.norm(asked[3:6]) <= TURN + 1e-9
    if aimed[2] >= LOWEST:
        assert np.linalg.norm(asked[:3]) <= STEP + 1e-9


def test_a_misaligned_descent_rises_before_it_moves_sideways() -> None:
    grasp = choose(state(BAR))
    low = state(BAR, hand=grasp.at + (0.0, 0.06, 0.0))
    move = descend(low, grasp, ready=True)
    assert move.at[2] > low.hand[2] + 0.03 and move.at[:2] == pytest.approx(low.hand[:2])
    above = state(BAR, hand=grasp.at + (0.0, 0.06, 0.08))
    assert descend(above, grasp, ready=True).at[:2] == pytest.approx(grasp.at[:2])
    aligned = state(BAR, hand=grasp.at + (0.0, 0.001, 0.03), turn=downward(grasp.yaw))
    assert descend(aligned, grasp, ready=True).at[2] == pytest.approx(grasp.at[2])


def test_a_hand_that_is_not_open_stays_above() -> None:
    grasp = choose(state(BAR))
    move = descend(state(BAR, hand=grasp.at + (0.0, 0.0, 0.01)), grasp, ready=False)
    assert move.at[2] > grasp.at[2] + 0.025
