"""action_delay against a list of what was asked."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from vlabench.perturbations.action_delay import ActionDelay
from vlabench.seeding import Draws
from vlabench.simulators.libero.interface import SPACE


@pytest.mark.parametrize("delay", [0, 1, 2, 5])
def test_executes_what_was_asked_some_steps_ago(delay: int, draws: Callable[[int], Draws]) -> None:
    perturbation, rng = ActionDelay(delay=delay), draws(0)
    perturbation.begin(rng, 4, (), SPACE)
    buffer = np.zeros(7)  # a policy that hands out one buffer again and again
    asked, executed = [], []
    for step in range(20):
        buffer[:] = np.linspace(-1, 1, 7) * (step + 1) / 20
        asked.append(buffer.tolist())
        executed.append(perturbation.action(buffer, step, rng).tolist())
    assert executed == [[0, 0, 0, 0, 0, 0, -1]] * delay + asked[: 20 - delay]
