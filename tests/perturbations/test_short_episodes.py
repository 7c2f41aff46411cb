"""Faults show in short episodes: of a policy that needs 60 steps at least 95 in 100 meet them, at every severity."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.perturbations.conftest import CAMERAS
from vlabench.perturbations._losses import SHORT, early_looks, in_a_row, scattered
from vlabench.perturbations.base import Perturbation, find_perturbation
from vlabench.seeding import Draws
from vlabench.simulators.libero.interface import SPACE
from vlabench.types import Observation

EPISODES = 200
FAULTS: Sequence[tuple[str, dict[str, Any]]] = [
    *(("gripper_fault", {"mode": mode}) for mode in ("late", "stuck", "flipped", "flicker")),
    *(("camera_loss", {"pattern": pattern}) for pattern in ("intermittent", "onset")),
    *((name, {}) for name in ("frame_drop", "observation_delay", "action_drop", "action_delay")),
]
GRID = [pytest.param(name, parameters, id="-".join([name, *parameters.values()])) for name, parameters in FAULTS]
PICTURE, PROPRIO = np.full((1, 2, 2, 3), 9, np.uint8), np.zeros((1, 8), np.float32)


def asked(step: int, closes: int) -> list[float]:
    """A policy that moves all the time, closes its gripper once and opens it at step 50."""
    return [(step + 1) / 1000] * 6 + [1.0 if closes <= step < 50 else -1.0]


def changed(perturbation: Perturbation, rng: Draws, replan: int, closes: int, steps: int = SHORT) -> Iterator[bool]:
    """At which looks, or at which steps for a perturbation of actions, what was received was not what there was."""
    perturbation.begin(rng, replan, CAMERAS, SPACE)
    for step in range(steps):
        if "action" in perturbation.channels(CAMERAS):
            wanted = asked(step, closes)
            yield perturbation.action(np.array(wanted), step, rng).tolist() != wanted
        elif step % replan == 0 or perturbation.wants_frame(step):
            obs = Observation.now(dict.fromkeys(CAMERAS, PICTURE), PROPRIO, ("",), step)
            got = perturbation.observation(obs, step, rng)
            if step % replan == 0:
                yield got.steps[0] != step or not all(image.any() for image in got.images.values())


@pytest.mark.parametrize("replan", [1, 8])
@pytest.mark.parametrize(("name", "parameters"), GRID)
def test_a_fault_acts_in_episodes_of_sixty_steps(
    name: str, parameters: dict[str, Any], replan: int, draws: Callable[[int], Draws]
) -> None:
    for severity in range(1, 6):
        fault = find_perturbation(name).at(severity, **parameters)
        acted = sum(any(changed(fault.fresh(), draws(index), replan, 20 + index % 21)) for index in range(EPISODES))
        assert acted >= 0.95 * EPISODES, (severity, acted)


SHARES = {"frame_drop": "p", "camera_loss": "share", "gripper_fault": "p"}


@pytest.mark.parametrize("replan", [1, 8])
@pytest.mark.parametrize("name", sorted(SHARES))
def test_the_share_is_the_severity_s(name: str, replan: int, draws: Callable[[int], Draws]) -> None:
    """In long episodes (here the longest of LIBERO) and, as near as eight looks can come to it, in short ones; of
    frame_drop after the first look, which is there to be seen again.
    """
    mode = {"mode": "flicker"} if name == "gripper_fault" else {}
    for severity in range(1, 6):
        fault = find_perturbation(name).at(severity, **mode)
        share = getattr(fault, SHARES[name])
        for steps, near, episodes in ((520, 0.02, 12), (SHORT, 0.06, 100)):
            found = [np.mean([*changed(fault.fresh(), draws(k), replan, 30, steps)][name == "frame_drop":])
                     for k in range(episodes)]
            assert abs(np.mean(found) - share) < near, (severity, steps, np.mean(found))


def test_the_shortest_episode_s_looks() -> None:
    assert [early_looks(replan) for replan in (1, 8, 16, 50, 100)] == [59, 7, 3, 1, 1]


@settings(max_examples=60, deadline=None)
@given(index=st.integers(0, 10**6), size=st.integers(1, 60), shares=st.lists(st.floats(0, 1), min_size=2, max_size=2),
       later=st.booleans())  # fmt: skip
def test_a_greater_share_hits_the_same_and_more(index: int, size: int, shares: list[float], later: bool) -> None:
    rng, (less, more) = Draws((0, "task", index, "stream")), sorted(shares)
    def anywhere(member: int, share: float) -> bool:
        return scattered(rng, member, share, size, 1 + index % size)

    def together(member: int, share: float) -> bool:
        return in_a_row(rng, member, share, size, later)

    for hit in (anywhere, together):
        mild, severe = ({n for n in range(4 * size) if hit(n, share)} for share in (less, more))
        assert mild <= severe
        for block in range(1, 4):
            hits = sum(n // size == block for n in mild)
            assert less * size - 1 <= hits <= less * size + 1
    early = 1 + index % size
    assert any(scattered(rng, n, less, size, early) for n in range(early)) == (less > 0)
    assert not any(scattered(rng, n, 0.0, size, early) or in_a_row(rng, n, 0.0, size) for n in range(2 * size))
