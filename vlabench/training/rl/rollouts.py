"""Rollouts: episodes that a policy plays for its own training, and what is kept of them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from typing_extensions import Self

from vlabench.adapters.base import Policy
from vlabench.cards.policy import PolicyCard
from vlabench.episode.listening import Bools, EpisodeCollector
from vlabench.episode.machines import machines
from vlabench.episode.played import Played
from vlabench.episode.player import Finished, Job, Renewal
from vlabench.episode.pool import WorkerPool
from vlabench.episode.resources import default_time_limit
from vlabench.perturbations.base import Perturbation
from vlabench.simulators.base import Scene
from vlabench.training.rl.views import Views
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
    as drawn. clean: the pictures without perturbations, where they were asked for, else none; views: so are other views
    of the looks, name → pictures.
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
    views: Mapping[str, Mapping[str, Image]] = field(default_factory=dict)

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
    """Keeps a Rollout of an episode in which a TrainablePolicy samples its actions.

    paired: also the pictures without perturbations. views: also other views of the looks.
    """

    def __init__(self, policy: Policy, replan: int, paired: bool = False, views: Views | None = None) -> None:
        super().__init__(policy, replan)
        self._paired, self._views = paired, views
        self.asks_scene = views is not None

    def on_scene(self, scene: Scene) -> None:
        self._scene = scene

    def on_start(self, specs: Sequence[EpisodeSpec]) -> None:
        (self._spec,) = specs
        self._looks: list[dict[str, Mapping[str, Any]]] = []
        self._executed: list[int] = []
        self._terms: dict[str, list[Floats]] = {}

    def on_look(self, step: int, received: Observation, decision: Decision, running: Bools) -> None:
        self._instruction = received.instruction[0]
        self._looks.append({
            _TOLD: {"proprio": received.proprio[0], "actions": decision.actions[0],
                    **{name: decision.extras[name][0] for name in ("log_probs", "means")}},
            _SEEN: {camera: pictures[0] for camera, pictures in received.images.items()}})
        self._executed.append(0)

    def on_clean(self, step: int, clean: Observation) -> None:
        pictures = {camera: of_all[0] for camera, of_all in clean.images.items()}
        if self._paired:
            self._looks[-1][_CLEAN] = pictures
        if self._views is not None:
            self._looks[-1] |= self._views.of(self._scene, pictures, self._spec, step)

    def on_step(self, step: int, asked: Floats, executed: Floats, outcome: Outcome, running: Bools) -> None:
        self._executed[-1] += 1
        for name, values in outcome.terms.items():
            self._terms.setdefault(name, []).append(values[0].copy())

    def on_end(self, played: Sequence[Played]) -> None:
        kept = {kind: {name: np.stack([look[kind][name] for look in self._looks]) for name in first}
                for kind, first in self._looks[0].items()}
        told = {name: column.astype(np.float32) for name, column in kept.pop(_TOLD).items()}
        self._rollout = Rollout(
            spec=self._spec, pictures=kept.pop(_SEEN), instruction=self._instruction, executed=np.array(self._executed),
            success=won(played[0]), realised=played[0].realised, clean=kept.pop(_CLEAN, {}), views=kept,
            terms={name: np.stack(values) for name, values in self._terms.items()}, **told)

    @property
    def result(self) -> Rollout:
        """The rollout."""
        return self._rollout


_TOLD, _SEEN, _CLEAN = "told", "seen", "clean"
"""What a collector keeps of a look, beside views by their names."""


@dataclass(frozen=True)
class Collecting:
    """Makes a RolloutCollector for every episode, in the process that plays it."""

    paired: bool
    views: Views | None
    asks_policy: ClassVar[bool] = False

    def __call__(self, policy: Policy, replan: int) -> RolloutCollector:
        return RolloutCollector(policy, replan, self.paired, self.views)


class Collector:
    """Workers that play assignments with one policy, whose weights may change from time to time; a context manager, at
    whose end no worker is left.

    candidates: all that `play` may be asked for, until `renew`. card: of a policy that samples. workers, on: as in
    `machines`. paired: whether pictures are kept without perturbations, too. views: other views that are kept. Raises
    WorkerError if workers cannot start or die again and again; a single episode that fails, or takes its worker along,
    costs no more than itself.
    """

    def __init__(self, card: PolicyCard, simulator: str, assets: str, candidates: Sequence[Assignment],
                 workers: int | None, note: Callable[[str], None], paired: bool = False, views: Views | None = None,
                 on: str | None = None) -> None:
        self._card, self._workers, self._note, self._on = card, workers, note, on
        self._job = Job(simulator, assets, card.actor(), _chains(candidates), Collecting(paired, views))

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            where, size = stack.enter_context(machines(self._on, self._workers, self._job, self._card))
            self._pool = stack.enter_context(WorkerPool(self._job, [], size, default_time_limit, self._note,
                                                        machines=where))
            self._ends = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._ends.__exit__(kind, error, trace)

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
