"""frame_drop against a replay of which looks were lost."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vlabench.perturbations.frame_drop import FrameDrop
from vlabench.seeding import Draws
from vlabench.simulators.libero.interface import SPACE
from vlabench.types import Observation

CAMERAS = ("agentview", "wrist")
Look = Callable[..., Observation]


def stamps(perturbation: FrameDrop, rng: Draws, look: Look, steps: int, replan: int, hidden: bool = False) -> list[int]:
    """The step at which each look's pictures were taken; asserts that pictures and proprioception agree with it."""
    perturbation.begin(rng, replan, CAMERAS, SPACE)
    taken = []
    for step in range(steps):
        if step % replan == 0:
            seen = perturbation.observation(look(step), step, rng)
            assert np.array_equal(seen.images["wrist"], look(seen.steps[0]).images["wrist"])
            assert seen.proprio[0, 0] == seen.steps[0]
            taken.append(seen.steps[0])
        elif hidden:
            assert perturbation.observation(look(step), step, rng).steps == step
    return taken


def test_a_lost_look_shows_the_last_one_again(draws: Callable[[int], Draws], look: Look) -> None:
    drop = FrameDrop(p=0.5)
    taken = stamps(drop, draws(0), look, 120, 3)
    lost = [stamp != 3 * n for n, stamp in enumerate(taken)]
    last = 0
    for n, gone in enumerate(lost):
        last = last if gone else 3 * n
        assert taken[n] == last
    assert drop.realised() == {"p": 0.5, "dropped": sum(lost)}
    assert 10 < sum(lost) < 30 and any(a and b for a, b in zip(lost, lost[1:], strict=False))


def test_frames_taken_for_others_are_no_looks(draws: Callable[[int], Draws], look: Look) -> None:
    assert stamps(FrameDrop(p=0.5), draws(0), look, 60, 4, hidden=True) == stamps(
        FrameDrop(p=0.5), draws(0), look, 60, 4)


def test_all_lost_leaves_the_first(draws: Callable[[int], Draws], look: Look) -> None:
    assert stamps(FrameDrop(p=1), draws(0), look, 20, 5) == [0, 0, 0, 0]


def test_rate_and_nesting(draws: Callable[[int], Draws], look: Look) -> None:
    lost = []
    for severity in range(1, 6):
        taken = stamps(FrameDrop.at(severity), draws(1), look, 400, 1)
        lost.append({step for step, stamp in enumerate(taken) if stamp != step})
        blocks = [sum(first <= step < first + 10 for step in lost[-1]) for first in range(1, 391, 10)]
        assert blocks == [severity] * 39
    assert lost[0] < lost[1] < lost[2] < lost[3] < lost[4]


def test_proprioception_can_still_arrive(draws: Callable[[int], Draws], look: Look) -> None:
    drop, rng = FrameDrop(p=1, proprio=False), draws(0)
    assert drop.channels(CAMERAS) == {"images/agentview", "images/wrist"}
    drop.begin(rng, 1, CAMERAS, SPACE)
    seen = [drop.observation(look(step), step, rng) for step in range(3)][-1]
    assert (seen.steps[0], seen.proprio[0, 0], seen.state) == (0, 2, ("state 2",))
