"""Looks at a moving scene, and the random numbers of an episode, for the tests of perturbations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.speed.perturbations import scene_picture
from vlabench.perturbations.base import Perturbation
from vlabench.seeding import Draws
from vlabench.simulators.libero.interface import SPACE
from vlabench.types import Image, Observation

CAMERAS = ("agentview", "wrist")


def ticked(made: Perturbation, stage: Any, notes: list[Any], rng: Draws, last: int = 39) -> list[Any]:
    """What a perturbation does in mid-episode, at whichever of `last` steps, to a stage that keeps notes of it."""
    made.begin(rng, 1, ("top",), SPACE)
    for step in range(1, last + 1):
        before = len(notes)
        made.tick(stage, step, rng)
        assert (len(notes) > before) == made.may_move(step)
    return notes


@pytest.fixture
def draws() -> Callable[[int], Draws]:
    """Index of an episode → its random numbers."""

    def of(index: int) -> Draws:
        return Draws((0, "libero_spatial/3", index, "test"))

    return of


@pytest.fixture
def picture() -> Image:
    """uint8 [256, 256, 3], about as busy as a rendering."""
    return scene_picture(256)


@pytest.fixture
def look() -> Callable[..., Observation]:
    """(step, height, width, cameras) → what a scene that moves shows and feels like; write-protected."""
    base = scene_picture(256)

    def at(step: int, height: int = 64, width: int = 64, cameras: tuple[str, ...] = CAMERAS) -> Observation:
        images = {}
        for number, camera in enumerate(cameras):
            image = np.roll(base, (3 * step, 5 * step + 40 * number), axis=(0, 1))[:height, :width]
            images[camera] = np.ascontiguousarray(image)[np.newaxis]
            images[camera].flags.writeable = False
        proprio = np.full((1, 8), step, np.float32)
        proprio.flags.writeable = False
        return Observation.now(images, proprio, ("put the bowl on the plate",), step, state=(f"state {step}",))

    return at
