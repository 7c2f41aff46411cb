"""Who hears what happens in the loop: listeners of a batch, and collectors, each of one episode."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from vlabench.types import Decision, EpisodeSpec, Floats, Observation, Outcome

if TYPE_CHECKING:
    from vlabench.adapters.base import Policy
    from vlabench.episode.played import Played
    from vlabench.simulators.base import Scene

Bools = npt.NDArray[np.bool_]
_ONE = np.ones(1, dtype=bool)


class Listener:
    """Hears what happens in the loop; every method may be left alone. It may keep the arrays it gets, not change them.

    every_frame: render at every step, the last included, and call `on_frame`; costs what rendering costs.
    asks_scene: it is handed the scene, from which it may have more drawn at a look.
    """

    every_frame = False
    asks_scene = False

    def on_scene(self, scene: Scene) -> None:
        """The scene that the episodes begin in now, if `asks_scene`; to look at, not to change. Precedes `on_start`."""

    def on_start(self, specs: Sequence[EpisodeSpec]) -> None:
        """The episodes have been reset and perturbed."""

    def on_look(self, step: int, received: Observation, decision: Decision, running: Bools) -> None:
        """The policy got this observation and answered with actions [B, T, D]; `running` [B]: not yet finished."""

    def on_clean(self, step: int, clean: Observation) -> None:
        """What the policy would have got at this look without any perturbation; follows `on_look`."""

    def on_step(self, step: int, asked: Floats, executed: Floats, outcome: Outcome, running: Bools) -> None:
        """A control step: actions [B, D] as the policy asked and as they reached the robot; `running` before it."""

    def on_frame(self, step: int, clean: Observation) -> None:
        """The unperturbed pictures of a step, if `every_frame`; at a look it follows `on_look`."""

    def on_end(self, played: Sequence[Played]) -> None:
        """The episodes are over."""


class Pulse(Listener):
    """Calls `beat` whenever the episodes have got on: reset, looked, or made a step."""

    def __init__(self, beat: Callable[[], None]) -> None:
        self._beat = beat

    def on_start(self, specs: Sequence[EpisodeSpec]) -> None:
        self._beat()

    def on_look(self, step: int, received: Observation, decision: Decision, running: Bools) -> None:
        self._beat()

    def on_step(self, step: int, asked: Floats, executed: Floats, outcome: Outcome, running: Bools) -> None:
        self._beat()


class EpisodeCollector(Listener, ABC):
    """A listener that brings something home from an episode: made anew for each, in the process that plays it.

    policy: the one that acts. replan: how many of its actions are executed from one look to the next. asks_policy:
    whether it asks the policy for more than actions, so that every worker needs one of its own.
    """

    asks_policy: ClassVar[bool] = False

    def __init__(self, policy: Policy, replan: int) -> None:
        self.policy, self.replan = policy, replan

    @property
    @abstractmethod
    def result(self) -> Any:
        """What to bring home, picklable; asked for after the episode."""


class EpisodeCollectors(Listener):
    """Each collector hears of its own copy alone, as if it were alone in the batch (B = 1), and only until it ends."""

    def __init__(self, collectors: Sequence[EpisodeCollector]) -> None:
        self._collectors = collectors
        self.every_frame = any(collector.every_frame for collector in collectors)
        self.asks_scene = any(collector.asks_scene for collector in collectors)
        self._looking = self._stepped = np.ones(len(collectors), dtype=bool)

    def on_scene(self, scene: Scene) -> None:
        """Each gets the view of its own copy."""
        for b, collector in enumerate(self._collectors):
            if collector.asks_scene:
                collector.on_scene(scene.slot(b))

    def on_start(self, specs: Sequence[EpisodeSpec]) -> None:
        self._tell(self._stepped, lambda collector, b: collector.on_start(specs[b : b + 1]))

    def on_look(self, step: int, received: Observation, decision: Decision, running: Bools) -> None:
        self._looking = running
        self._tell(running, lambda collector, b: collector.on_look(step, received.slot(b), decision.slot(b), _ONE))

    def on_clean(self, step: int, clean: Observation) -> None:
        self._tell(self._looking, lambda collector, b: collector.on_clean(step, clean.slot(b)))

    def on_step(self, step: int, asked: Floats, executed: Floats, outcome: Outcome, running: Bools) -> None:
        self._stepped = running
        self._tell(running, lambda collector, b: collector.on_step(
            step, asked[b : b + 1], executed[b : b + 1], outcome.slot(b), _ONE))

    def on_frame(self, step: int, clean: Observation) -> None:
        """The last frame of an episode follows its last step."""
        self._tell(self._stepped, lambda collector, b: collector.on_frame(step, clean.slot(b)))

    def on_end(self, played: Sequence[Played]) -> None:
        self._tell(np.ones_like(self._stepped), lambda collector, b: collector.on_end(played[b : b + 1]))

    def _tell(self, copies: Bools, what: Callable[[EpisodeCollector, int], None]) -> None:
        for b in np.flatnonzero(copies):
            what(self._collectors[int(b)], int(b))
