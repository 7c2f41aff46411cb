"""The view of one world that scene perturbations act on: its capabilities, a method each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vlabench.simulators.base import Scene
from vlabench.simulators.maniskill.interface import SPACE
from vlabench.simulators.maniskill.world import World
from vlabench.types import EpisodeSpec, Floats, Observation, Outcome


class Slot(Scene):
    """One world of a scene. What is changed in it ends with its episode: the next one has a world of its own."""

    action_space = SPACE

    def __init__(self, world: World) -> None:
        self.world = world

    def place(self, episodes: Sequence[EpisodeSpec]) -> None:
        raise TypeError("a single world of a scene is placed by the scene")

    def observe(self) -> Observation:
        raise TypeError("a single world of a scene is observed by the scene")

    def step(self, actions: Floats) -> Outcome:
        raise TypeError("a single world of a scene is stepped by the scene")

    def state_digest(self) -> tuple[str, ...]:
        """Of this world."""
        return (self.world.digest(),)

    def save(self) -> Any:
        """Nothing outlives an episode."""
        return None
