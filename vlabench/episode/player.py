"""What travels between the pool and its workers, and what a worker holds: the policy and the scene that is open."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from vlabench.adapters.base import Actor, Policy, TrainablePolicy
from vlabench.episode.chain import variant_of
from vlabench.episode.listening import EpisodeCollector, EpisodeCollectors, Listener, Pulse
from vlabench.episode.loop import EpisodeError, phase, play
from vlabench.episode.played import Played
from vlabench.errors import ServerGone, VlabenchError, words_of
from vlabench.perturbations.base import Perturbation
from vlabench.simulators.base import Scene, Simulator, Variant, find_simulator
from vlabench.types import EpisodeSpec, Phase
from vlabench.util import weights
from vlabench.util.frames import last_own

LONGEST = 2000
"""Characters of an error's message that are kept: some libraries put whole arrays into theirs."""
Batch = tuple[EpisodeSpec, ...]
"""Episodes that are handed out together: played side by side, in one scene."""


class CollectorMaker(Protocol):
    """A class of EpisodeCollectors, or what makes one of such a class; picklable."""

    @property
    def asks_policy(self) -> bool:
        """Of what it makes."""

    def __call__(self, policy: Policy, replan: int, /) -> EpisodeCollector:
        """For one episode."""


@dataclass(frozen=True)
class Job:
    """What a worker needs to know before its first episode.

    chains: condition → stream name → perturbation. collector: made for every episode; its result comes back with
    Finished.
    batch: so many episodes are played side by side at most; by default as many as the simulator can.
    read: checksums of weights (`weights.known`), which a worker is not to compute again.
    """

    simulator: str
    assets: str
    actor: Actor
    chains: Mapping[str, Mapping[str, Perturbation]]
    collector: CollectorMaker | None = None
    batch: int | None = None
    read: Mapping[str, tuple[weights.Stamp, str]] = field(default_factory=dict)

    @property
    def hosted(self) -> bool:
        """Whether the policy lives in a process of its own, once."""
        return self.actor.hosted and not (self.collector and self.collector.asks_policy)

    def engine(self) -> Simulator:
        """The simulator, which is cheap to make."""
        return find_simulator(self.simulator)(self.assets)

    def side_by_side(self, engine: Simulator) -> int:
        """How many episodes a batch has at most."""
        return min(self.batch or engine.max_batch, engine.max_batch)

    def variant(self, spec: EpisodeSpec) -> Variant:
        """What the scene of an episode must be built with."""
        return variant_of(self.chains[spec.condition])

    def key(self, engine: Simulator, spec: EpisodeSpec) -> Hashable:
        """Episodes with equal keys can be played in one scene, side by side or one after the other."""
        return engine.batch_key(spec), self.variant(spec)


@dataclass(frozen=True)
class Renewal:
    """From now on: chains as in Job, and weights, a folder that `TrainablePolicy.load` takes; None where a host has
    been given them.
    """

    chains: Mapping[str, Mapping[str, Perturbation]]
    weights: Path | None


@dataclass(frozen=True)
class Ready:
    """The simulator and the policy are constructed, or a Renewal has been taken."""


@dataclass(frozen=True)
class StartFailed:
    """They could not be constructed, or the Renewal not be taken."""

    message: str


@dataclass(frozen=True)
class Finished:
    """An episode was played to its end. waits: seconds that the answers of the policy's server took; those of a batch
    are with the first of its episodes.
    """

    played: Played
    result: Any = None
    waits: tuple[float, ...] = ()


@dataclass(frozen=True)
class Failed:
    """An episode ended in an error; phase `open` means that its scene cannot be opened at all. gone: the policy's
    server is, so that no other episode will fare better.
    """

    phase: Phase
    error: str
    message: str
    gone: bool = False


@dataclass(frozen=True)
class Ended:
    """What became of a batch that was handed out, episode by episode: all are Finished, or all Failed with one error.

    Which of several episodes an error was the fault of nobody can tell; played one by one they show it.
    """

    batch: Batch
    results: tuple[Finished | Failed, ...]

    @property
    def error(self) -> Failed | None:
        """The error that they all ended in, if they did."""
        return next((result for result in self.results if isinstance(result, Failed)), None)


@dataclass(frozen=True)
class Alive:
    """The episodes in flight have got on since the last word."""


Answer = Ready | StartFailed | Ended | Alive
Message = Job | Batch | Renewal


class EpisodePlayer:
    """What a worker holds: the policy, and the one scene that is open. beat: called when episodes have got on."""

    def __init__(self, job: Job, beat: Callable[[], None] | None = None) -> None:
        self.job = job
        self._listeners: list[Listener] = [Pulse(beat)] if beat else []
        self.simulator = job.engine()
        self.policy = job.actor.make()
        self.policy.configure(self.simulator.action_space)
        self._scene: Scene | None = None
        self._key: Hashable = None

    def play(self, batch: Batch) -> tuple[Finished | Failed, ...]:
        """Play episodes of one key side by side; opens their scene unless it is open, or has just seen an error.

        The results are those of `Ended`.
        """
        try:
            with phase("open"):
                scene = self._open(batch[0])
            return self._played(scene, batch)
        except EpisodeError as error:
            self.close_scene()
            return (Failed(error.phase, type(error.cause).__name__, told(error.cause),
                           isinstance(error.cause, ServerGone)),) * len(batch)

    def _played(self, scene: Scene, batch: Batch) -> tuple[Finished, ...]:
        actor, kind = self.job.actor, self.job.collector
        with phase("collect"):
            collectors = [kind(self.policy, actor.replan) for _ in batch] if kind else []
        played = play(scene, self.policy, batch, [self.job.chains[spec.condition] for spec in batch],
                      replan=actor.replan, cameras=actor.cameras, success=self.simulator.success,
                      listeners=[*self._listeners, *([EpisodeCollectors(collectors)] if collectors else [])])
        with phase("act"):
            self.policy.settle()
        with phase("collect"):
            waits = tuple(self.policy.waits())
            return tuple(Finished(each, collectors[b].result if collectors else None, () if b else waits)
                         for b, each in enumerate(played))

    def renew(self, renewal: Renewal) -> None:
        """Play by it."""
        self.job = replace(self.job, chains=renewal.chains)
        if not self.job.actor.hosted:  # else the host takes the weights
            load(self.policy, renewal.weights)

    def close_scene(self) -> None:
        """Let the open scene go; one that an error left in an unknown state may fail to close, and need not."""
        scene, self._scene, self._key = self._scene, None, None
        with contextlib.suppress(Exception):
            if scene is not None:
                scene.close()

    def _open(self, spec: EpisodeSpec) -> Scene:
        key = self.job.key(self.simulator, spec)
        if self._scene is None or key != self._key:
            self.close_scene()
            actor = self.job.actor
            self._scene = self.simulator.open(
                spec.task, batch=self.job.side_by_side(self.simulator), variant=self.job.variant(spec),
                cameras=actor.cameras, image_size=actor.image_size, privileged=actor.privileged)
            self._key = key
        return self._scene


def load(policy: Policy, weights: Path | None) -> None:
    """Let a policy take new weights. Raises TypeError for one that cannot."""
    assert weights is not None
    if not isinstance(policy, TrainablePolicy):
        raise TypeError(f"{type(policy).__name__} is no policy that takes new weights")
    policy.load(weights)


def told(error: BaseException) -> str:
    """The message of an error, cut to LONGEST; unless it is one of ours, with the file and line where the user's own
    code raised it or called what did.
    """
    text = words_of(error)
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]} … ({len(text)} characters)"
    frame = last_own(error)
    if isinstance(error, VlabenchError) or frame is None:
        return text
    return f"{text} [{Path(frame.filename).name}:{frame.lineno}]".lstrip()
