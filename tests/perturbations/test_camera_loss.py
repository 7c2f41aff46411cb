"""camera_loss: which camera, when, and what is there instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from vlabench.perturbations.camera_loss import CameraLoss
from vlabench.seeding import Draws
from vlabench.simulators.libero.interface import SPACE
from vlabench.types import Observation

CAMERAS = ("agentview", "wrist")
Look = Callable[..., Observation]


def black(rng: Draws, look: Look, steps: int, cameras: tuple[str, ...] = CAMERAS, **parameters: Any) -> list[bool]:
    """At which steps the last camera was black; asserts that it is whole elsewhere."""
    perturbation = CameraLoss(**parameters)
    perturbation.begin(rng, 1, cameras, SPACE)
    gone = []
    for step in range(steps):
        obs = look(step, cameras=cameras)
        image = perturbation.observation(obs, step, rng).images[cameras[-1]]
        gone.append(not image.any())
        assert gone[-1] or np.array_equal(image, obs.images[cameras[-1]])
    return gone


def test_default_is_the_last_camera() -> None:
    assert CameraLoss().channels(CAMERAS) == {"images/wrist"}
    assert CameraLoss().channels(("agentview",)) == {"images/agentview"}
    assert CameraLoss(cameras=CAMERAS).channels(CAMERAS) == {"images/agentview", "images/wrist"}


def test_each_window_loses_its_share_in_one_stretch_and_severities_are_nested(
    draws: Callable[[int], Draws], look: Look
) -> None:
    lost = []
    for share in (0.1, 0.25, 0.5, 0.75, 1.0):
        gone = np.array(black(draws(0), look, 600, share=share, window=20)).reshape(-1, 20)
        assert (gone.sum(axis=1) == 20 * share).all()
        starts = gone & ~np.pad(gone, ((0, 0), (1, 0)))[:, :-1]
        assert (starts.sum(axis=1) == 1).all() and len(set(np.flatnonzero(starts) % 20)) > 1 or share == 1
        lost.append(set(np.flatnonzero(gone)))
    assert lost[0] < lost[1] < lost[2] < lost[3] < lost[4] == set(range(600))


def test_a_window_is_the_nearest_number_of_whole_looks(draws: Callable[[int], Draws], look: Look) -> None:
    """60 steps are eight looks of 8 steps: of each eight, two are lost, one after the other."""
    perturbation, rng = CameraLoss(share=0.25), draws(0)
    perturbation.begin(rng, 8, CAMERAS, SPACE)
    gone = np.array([perturbation.lost(step, rng) for step in range(6400)]).reshape(-1, 8, 8)
    assert (gone.all(axis=2) == gone.any(axis=2)).all() and (gone[:, :, 0].sum(axis=1) == 2).all()


def test_a_camera_that_freezes_has_seen_something_before(draws: Callable[[int], Draws]) -> None:
    for index in range(40):
        frozen = CameraLoss(share=0.1, fill="frozen")
        frozen.begin(draws(index), 8, CAMERAS, SPACE)
        gone = [frozen.lost(step, draws(index)) for step in range(0, 60, 8)]
        assert not gone[0] and any(gone)


@pytest.mark.parametrize("index", range(5))
def test_from_the_drawn_step_to_the_end(index: int, draws: Callable[[int], Draws], look: Look) -> None:
    gone = black(draws(index), look, 40, pattern="onset", latest=30)
    onset = gone.index(True)
    assert onset <= 30 and gone == [False] * onset + [True] * (40 - onset)


def test_from_the_start(draws: Callable[[int], Draws], look: Look) -> None:
    for parameters in ({"share": 1.0}, {"pattern": "onset", "latest": 0}):
        assert all(black(draws(0), look, 10, **parameters))
        made = CameraLoss.model_validate(parameters)
        assert made.certain and made.from_start
        assert not made.model_copy(update={"fill": "frozen"}).from_start


def test_frozen_at_the_last_picture(draws: Callable[[int], Draws], look: Look) -> None:
    rng, perturbation = draws(3), CameraLoss(pattern="onset", latest=12, fill="frozen")
    perturbation.begin(rng, 1, CAMERAS, SPACE)
    seen = [perturbation.observation(look(step), step, rng).images["wrist"] for step in range(20)]
    realised = perturbation.realised()
    onset = realised["onset"]
    assert realised == {"cameras": ["wrist"], "lost": 20 - onset, "looks": 20, "onset": onset}
    for step, image in enumerate(seen):
        last = step if step < onset else max(onset - 1, 0)
        assert np.array_equal(image, look(last).images["wrist"])
