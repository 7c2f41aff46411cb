"""observation_delay against a list of everything there was to see."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from vlabench.perturbations.observation_delay import ObservationDelay
from vlabench.seeding import Draws
from vlabench.simulators.libero.interface import SPACE
from vlabench.types import Observation

CAMERAS = ("agentview", "wrist")


@pytest.mark.parametrize("replan", [1, 2, 5, 8, 10])
@pytest.mark.parametrize("delay", [0, 1, 3, 5, 8, 13])
def test_shows_exactly_what_was_there(
    delay: int, replan: int, draws: Callable[[int], Draws], look: Callable[..., Observation]
) -> None:
    perturbation, rng, world = ObservationDelay(delay=delay), draws(0), [look(step) for step in range(41)]
    perturbation.begin(rng, replan, CAMERAS, SPACE)
    rendered = 0
    for step in range(41):
        if step % replan == 0:
            seen, expected = perturbation.observation(world[step], step, rng), world[max(0, step - delay)]
            assert seen.steps[0] == max(0, step - delay)
            assert all(np.array_equal(seen.images[c], expected.images[c]) for c in CAMERAS)
            assert np.array_equal(seen.proprio, expected.proprio) and seen.state == expected.state
        elif perturbation.wants_frame(step):
            rendered += 1
            perturbation.observation(world[step], step, rng)
        assert len(perturbation._taken) <= delay // replan * 2 + 3  # forgets what no look can need
    assert rendered <= 40 // replan + 1  # one hidden frame a look at most


def test_proprioception_and_words_can_be_of_now(
    draws: Callable[[int], Draws], look: Callable[..., Observation]
) -> None:
    perturbation, rng = ObservationDelay(delay=2, proprio=False), draws(0)
    assert perturbation.channels(CAMERAS) == {"images/agentview", "images/wrist"}
    perturbation.begin(rng, 1, CAMERAS, SPACE)
    for step in range(6):
        seen = perturbation.observation(look(step).replace(instruction=(f"words {step}",)), step, rng)
    assert (seen.steps[0], seen.instruction, seen.state) == (3, ("words 5",), ("state 5",))
    assert seen.proprio[0, 0] == 5 and np.array_equal(seen.images["wrist"], look(3).images["wrist"])


def test_a_policy_without_cameras_feels_late(draws: Callable[[int], Draws], look: Callable[..., Observation]) -> None:
    perturbation, rng = ObservationDelay(delay=1), draws(0)
    assert perturbation.channels(()) == {"proprio"}
    perturbation.begin(rng, 1, (), SPACE)
    felt = [float(perturbation.observation(look(s, cameras=()), s, rng).proprio[0, 0]) for s in range(4)]
    assert felt == [0, 0, 1, 2]
