"""Rollouts: episodes that a policy plays for its own training, and what is kept of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
from typing_extensions import Self

from vlabench.cards.policy import PolicyCard
from vlabench.episode.listening import Bools, EpisodeCollector
from vlabench.episode.played import Played
from vlabench.episode.player import Finished, Job, Renewal
from vlabench.episode.pool import WorkerPool
from vlabench.episode.resources import default_time_limit
from vlabench.perturbations.base import Perturbation
from vlabench.types import Decision, EpisodeSpec, Floats, Image, Observation, Outcome, won
from vlabench.util.progress import Progress

Floats32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Assignment:
    """An episode to play, with the perturbations it gets; equal conditions of the specs mean equal perturbations."""

    spec: EpisodeSpec
    chain: Mapping[str, Perturbation]


@dataclass(frozen=True)
class Rollout:
    """One episode as learning needs it: L looks, at each of which a chunk of T actions of D numbers was sampled.

    pictures: camera → uint8 [L, H, W, 3], as the policy received them; so are proprio, float32 [L, P], and instruction.
    actions: float32 [L, T, D]. log_probs, means: float32 [L, T, D], of the distribution that the actions were drawn
    from. executed: int [L], how many actions of each chunk were carried out, from its first on. terms:
    what the simulator told after each of S steps (`Outcome.terms`), name → float64 [S, …]. realised: the perturbations
    as drawn. clean: the pictures without perturbations, where they were asked for, else none.
    """

    spec: EpisodeSpec
    pictures: Mapping[str, Image]
    proprio: Floats32
    instruction: str
    actions: Floats32
    log_probs: Floats32
    means: Floats32
    executed: npt.NDArray[np.int64]
    success: bool
    realised: Mapping[str, Any]
    terms: Mapping[str, Floats]
    clean: Mapping[str, Image] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.executed)

    @property
    def steps(self) -> int:
        """Control steps in all."""
        return int(self.executed.sum())

    @property
    def asked(self) -> Floats32:
        """The actions that were asked for at each step, [S, D]."""
        return np.concatenate([chunk[:count] for chunk, count in zip(self.actions, self.executed, strict=True)])


class RolloutCollector(EpisodeCollector):
    """Keeps a Rollout of an episode in which a TrainablePolicy samples its actions."""

    def on_start(self, specs: Sequence[EpisodeSpec]) -> None:
        (self._spec,) = specs
        self._looks: list[dict[str, Any]] = []
        self._executed: list[int] = []
        self._terms: dict[str, list[Floats]] = {}

    def on_look(self, step: int, received: Observation, decision: Decision, running: Bools) -> None:
        self._instruction, self._cameras = received.instruction[0], list(received.images)
        self._looks.append({**{f"pictures/{camera}": picture[0] for camera, picture in received.images.items()},
                            **{name: decision.extras[name][0] for name in ("log_probs", "means")},
                            "proprio": received.proprio[0], "actions": decision.actions[0]})
        self._executed.append(0)

    def on_step(self, step: int, asked: Floats, executed: Floats, outcome: Outcome, running: Bools) -> None:
        self._executed[-1] += 1
        for name, values in outcome.terms.items():
            self._terms.setdefault(name, []).append(values[0].copy())

    def on_end(self, played: Sequence[Played]) -> None:
        columns = {name: np.stack([look[name] for look in self._looks]) for name in self._looks[0]}
        pictures, clean = ({camera: columns.pop(f"{kind}/{camera}") for camera in self._cameras
                            if f"{kind}/{camera}" in columns} for kind in ("pictures", "clean"))
        self._rollout = Rollout(
            spec=self._spec, pictures=pictures, instruction=self._instruction, executed=np.array(self._executed),
            success=won(played[0]), realised=played[0].realised, clean=clean,
            terms={name: np.stack(values) for name, values in self._terms.items()},
            **{name: column.astype(np.float32) for name, column in columns.items()})

    @property
    def result(self) -> Rollout:
        """The rollout."""
        return self._rollout


class PairedCollector(RolloutCollector):
    """A RolloutCollector that keeps the pictures without perturbations, too."""

    def on_clean(self, step: int, clean: Observation) -> None:
        self._looks[-1] |= {f"clean/{camera}": clean.images[camera][0] for camera in self._cameras}


class Collector:
    """Workers that play assignments with one policy, whose weights may change from time to time; a context manager, at
    whose end no worker is left.

    candidates: all that `play` may be asked for, until `renew`. card: of a policy that samples. paired: whether
    pictures are kept without perturbations, too. Raises WorkerError if workers cannot start or die again and again; a
    single episode that fails, or takes its worker along, costs no more than itself.
    """

    def __init__(self, card: PolicyCard, simulator: str, assets: str, candidates: Sequence[Assignment], workers: int,
                 note: Callable[[str], None], paired: bool = False) -> None:
        self._note = note
        job = Job(simulator, assets, card.actor(), _chains(candidates), PairedCollector if paired else RolloutCollector)
        self._pool = WorkerPool(job, [], workers, default_time_limit, note)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._pool.__exit__(kind, error, trace)

    def renew(self, candidates: Sequence[Assignment], weights: Path) -> None:
        """Other candidates, and the weights to play them with: a folder of `TrainablePolicy.save`, which is to stay as
        it is until the renewal after the next, as a worker may come late.
        """
        self._pool.renew(Renewal(_chains(candidates), weights))

    def rest(self) -> None:
        """Let the workers go until the next `play`, which plays as if they had stayed."""
        self._pool.rest()

    def play(self, specs: Sequence[EpisodeSpec], progress: Progress) -> dict[EpisodeSpec, Rollout]:
        """The rollouts of these episodes, without those that ended in an error, in the order of `specs`."""
        found: dict[EpisodeSpec, Rollout] = {}
        self._pool.add(specs)
        progress.start(len(specs), 0)
        try:
            for result in self._pool.results():
                if not isinstance(result.answer, Finished):
                    self._note(f"{result.spec.task.key} {result.spec.index}: left out: {result.answer.error}: "
                               f"{result.answer.message}")
                    continue
                found[result.spec] = result.answer.result
                progress.count(result.spec.condition, result.answer.played)
        finally:
            progress.stop()
        return {spec: found[spec] for spec in specs if spec in found}


def _chains(candidates: Sequence[Assignment]) -> dict[str, Mapping[str, Perturbation]]:
    """Condition → its perturbations."""
    chains: dict[str, Mapping[str, Perturbation]] = {}
    for each in candidates:
        if chains.setdefault(each.spec.condition, each.chain) != each.chain:
            raise ValueError(f"two sets of perturbations are called {each.spec.condition!r}")
    return chains
