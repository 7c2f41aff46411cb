"""`vlabench probe`: plays episodes and keeps what the policy made of every look, and would have made of it unperturbed.

The clean twin of a look is the observation of the same instant before any perturbation touched it: the same simulator
state, the pictures as they were drawn for the look, the task's own instruction. What perturbations did to earlier
actions, or to the scene, is part of that state and stays: under a condition that changes actions alone, looks are equal
to their twins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from vlabench import __version__, cards
from vlabench.adapters.base import TrainablePolicy
from vlabench.cards.conditions import named
from vlabench.cards.policy import PolicyCard
from vlabench.cards.suite import SuiteCard
from vlabench.episode.listening import Bools, EpisodeCollector
from vlabench.episode.played import Played
from vlabench.episode.player import Finished, Job
from vlabench.episode.pool import WorkerPool
from vlabench.episode.resources import default_time_limit, processes
from vlabench.errors import CardError, OptionError, StoreError, UnknownName, WorkerError
from vlabench.evaluation import plan
from vlabench.evaluation.plan import Plan, RunOptions
from vlabench.evaluation.run import MAX_ERRORS
from vlabench.records import provenance
from vlabench.types import Decision, EpisodeSpec, Floats, Identity, Observation, Outcome, won
from vlabench.util.arrays import reading_arrays, write_arrays
from vlabench.util.messages import shown
from vlabench.util.progress import Progress

SUFFIX = ".npz"
FIX = "vlabench probe --policy P --suite S --out FILE"
Floats32 = npt.NDArray[np.float32]
Floats16 = npt.NDArray[np.float16]
EPISODE = ("task", "condition", "index", "seed", "success", "state")
LOOK = ("looks", "embedding", "twin", "mean", "twin_mean", "shares")
STEP = ("asked", "executed")
"""The fields of a Trace, by what they have one entry for."""


@dataclass(frozen=True)
class Trace:
    """What a policy did and thought in one episode of L looks and S control steps.

    state: the digest of the final state. looks: int64 [L], their control steps. asked, executed: float64 [S, D], the
    actions as the policy chose them and as they reached the robot. embedding, twin: float32 [L, E], of the look and of
    its clean twin. mean, twin_mean: float32 [L, T, D], the mean actions of the policy's distribution at both, T up to
    its card's `replan`. shares: float16 [L, D, K], of the look's first action the probability of each of K bins
    over [−1, 1] units, 256 or as many as the policy has. The latter five are None for a policy that has no embedding;
    shares also in older files.
    """

    task: str
    condition: str
    index: int
    seed: int
    success: bool
    state: str
    looks: npt.NDArray[np.int64]
    asked: npt.NDArray[np.float64]
    executed: npt.NDArray[np.float64]
    embedding: Floats32 | None = None
    twin: Floats32 | None = None
    mean: Floats32 | None = None
    twin_mean: Floats32 | None = None
    shares: Floats16 | None = None

    @property
    def identity(self) -> Identity:
        """The same tuple as `EpisodeSpec.identity`."""
        return (self.task, self.condition, self.index, self.seed)


class Facts(BaseModel):
    """What a probe is of, and how it was made.

    card, suite: as they were named on the command line. policy: the name in records. conditions: name → digest. errors:
    episodes that were left out because they ended in one. made: see `provenance.facts`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    format: Literal[1] = 1
    card: str
    policy: str
    policy_digest: str
    assets: str
    suite: str
    simulator: str
    conditions: dict[str, str]
    errors: int
    made: dict[str, Any]


@dataclass(frozen=True)
class Probe:
    """The traces of one policy on a suite, in the order of the plan."""

    facts: Facts
    traces: tuple[Trace, ...]

    @property
    def looks_inside(self) -> bool:
        """Whether the policy has an embedding."""
        return self.traces[0].embedding is not None

    def only(self, identities: Sequence[Identity]) -> tuple[Trace, ...]:
        """These traces, in this order."""
        found = {trace.identity: trace for trace in self.traces}
        return tuple(found[identity] for identity in identities)

    def save(self, path: Path) -> None:
        """Write an .npz, whole or not at all. Raises StoreError."""
        content: dict[str, Any] = {name: np.array([getattr(trace, name) for trace in self.traces]) for name in EPISODE}
        for group in (LOOK, STEP):
            content[f"count/{group[0]}"] = np.array([len(getattr(trace, group[0])) for trace in self.traces])
            for name in group:
                if getattr(self.traces[0], name) is not None:
                    content[name] = np.concatenate([getattr(trace, name) for trace in self.traces])
        write_arrays(path, {"facts": self.facts.model_dump_json(), **content}, "probe")

    @classmethod
    def load(cls, path: Path) -> Probe:
        """Read what `save` wrote. Raises StoreError for a file that is absent, damaged or something else."""
        with reading_arrays(path, "probe", FIX) as stored:
            facts = Facts.model_validate_json(stored["facts"].item())
            columns: dict[str, Sequence[Any]] = {name: stored[name].tolist() for name in EPISODE}
            for group in (LOOK, STEP):
                ends = np.cumsum(stored[f"count/{group[0]}"])[:-1]
                columns |= {name: np.split(stored[name], ends) for name in group if name in stored}
            count = len(columns["task"])
            traces = tuple(Trace(**{name: column[i] for name, column in columns.items()}) for i in range(count))
        return cls(facts, traces)


class ProbeCollector(EpisodeCollector):
    """Keeps the Trace of an episode."""

    asks_policy = True

    def on_start(self, specs: Sequence[EpisodeSpec]) -> None:
        (self._spec,) = specs
        self._looks: list[dict[str, Any]] = []
        self._steps: list[tuple[Floats, Floats]] = []

    def on_look(self, step: int, received: Observation, decision: Decision, running: Bools) -> None:
        self._looks.append({"looks": step, **self._made_of(received, "embedding", "mean", "shares")})

    def on_clean(self, step: int, clean: Observation) -> None:
        self._looks[-1].update(self._made_of(clean, "twin", "twin_mean"))

    def on_step(self, step: int, asked: Floats, executed: Floats, outcome: Outcome, running: Bools) -> None:
        self._steps.append((asked[0].copy(), executed[0].copy()))

    def on_end(self, played: Sequence[Played]) -> None:
        task, condition, index, seed = self._spec.identity
        asked, executed = (np.array(actions, dtype=np.float64) for actions in zip(*self._steps, strict=True))
        columns = {name: np.stack([look[name] for look in self._looks]) for name in self._looks[0]}
        self._trace = Trace(task=task, condition=condition, index=index, seed=seed, success=won(played[0]),
                            state=played[0].state, asked=asked, executed=executed, **columns)

    @property
    def result(self) -> Trace:
        """The trace."""
        return self._trace

    def _made_of(self, obs: Observation, embedding: str, mean: str, shares: str = "") -> dict[str, npt.NDArray[Any]]:
        """What the policy makes of an observation; asking changes nothing in it: neither method draws or keeps."""
        if not isinstance(self.policy, TrainablePolicy):
            return {}
        import torch

        from vlabench.models import binning

        with torch.inference_mode():
            made = self.policy.embedding(obs)
            acts = self.policy.distribution(obs, embedding=made)
            found = {embedding: made[0].float().cpu().numpy(),
                     mean: acts.mean[0, : self.replan].float().cpu().numpy()}
            if shares:
                unit = torch.tensor(self.policy.space.unit, dtype=acts.mean.dtype, device=acts.mean.device)
                found[shares] = binning.shares(acts, unit)[0, 0].half().cpu().numpy()
            return found


@dataclass(frozen=True)
class Probed:
    """How a probing went. failed: `task condition index: message` of each episode that ended in an error."""

    probe: Probe
    failed: tuple[str, ...]
    seconds: float

    @property
    def exit_code(self) -> int:
        """1 with more than MAX_ERRORS of the episodes in errors, else 0."""
        return int(len(self.failed) > MAX_ERRORS * (len(self.failed) + len(self.probe.traces)))


def probe(policy_name: str, suite_name: str, out: Path, *, assets: str | None = None, options: RunOptions | None = None,
          workers: int | None = None, progress: Progress | None = None) -> Probed:
    """Play a suite's episodes with a policy and write their traces to `out`, an .npz.

    The options are those of `evaluation.run.evaluate`; no record is read or written. Raises what cards and plan raise,
    OptionError, StoreError, WorkerError; Ctrl-C passes through. Nothing is written then.
    """
    check_target(out)
    workers, progress = processes(workers), progress or Progress()
    suite, policy = cards.load_suite(suite_name), cards.load_policy(policy_name)
    engine = suite.engine(assets or policy.assets[0])
    planned = plan.make(suite, policy, engine, options)
    engine.check(policy.cameras)
    policy.check()
    for condition in planned.conditions.values():
        for perturbation in condition.perturbations:
            perturbation.check(policy.cameras, engine.action_space)
    for warning in planned.warnings:
        progress.note(f"note: {warning}")
    made = provenance.facts({"vlabench": __version__, **engine.versions(), **policy.versions()})
    traces, failed = _play(planned, policy, suite.simulator, engine.assets, workers, progress)
    if not traces:
        raise WorkerError(f"no episode came to its end; the first: {failed[0]}")
    facts = Facts(
        card=policy_name, policy=policy.name, policy_digest=policy.digest, assets=engine.assets, suite=suite_name,
        simulator=suite.simulator, conditions={name: each.digest for name, each in planned.conditions.items()},
        errors=len(failed), made=made)
    found = Probe(facts, tuple(traces[spec.identity] for spec in planned.specs if spec.identity in traces))
    found.save(out)
    return Probed(found, tuple(failed), progress.clock() - progress.began)


def _play(planned: Plan, policy: PolicyCard, simulator: str, assets: str, workers: int,
          progress: Progress) -> tuple[dict[Identity, Trace], list[str]]:
    """The traces of a plan, and what is to be said of the episodes that have none."""
    chains = {name: named(each) for name, each in planned.conditions.items()}
    job = Job(simulator, assets, policy.actor(), chains, ProbeCollector)
    traces: dict[Identity, Trace] = {}
    failed: list[str] = []
    progress.start(len(planned.specs), 0)
    try:
        size = min(workers, len(planned.specs))
        with WorkerPool(job, planned.specs, size, default_time_limit, progress.note) as pool:
            for result in pool.results():
                if isinstance(result.answer, Finished):
                    traces[result.spec.identity] = result.answer.result
                    progress.count(result.spec.condition, result.answer.played)
                else:
                    where = " ".join(map(str, result.spec.identity[:3]))
                    failed.append(f"{where}: {result.answer.error}: {result.answer.message}")
                    progress.note(f"left out: {failed[-1]}")
    finally:
        progress.stop()
    return traces, failed


def check_target(out: Path) -> None:
    """Raises OptionError for a file of another kind, or in a folder that is not there: to be asked before the work."""
    if out.suffix != SUFFIX:
        raise OptionError(f"--out {out}: a probe is written as {SUFFIX}\n  fix: --out {out.with_suffix(SUFFIX)}")
    if not out.absolute().parent.is_dir():
        raise OptionError(f"--out {out}: there is no folder {out.absolute().parent}")


def load_current(path: Path) -> tuple[Probe, list[str]]:
    """The probe of a file that fits today's cards, and a sentence for each card that is not here to be compared.

    Raises StoreError for a file that cannot be read, or whose policy or conditions have become others since.
    """
    found, notes = Probe.load(path), list[str]()
    facts = found.facts
    again = f"make it again; it was made by: {facts.made.get('command', FIX)}"
    try:
        policy = cards.load_policy(facts.card, foreign=True)
    except UnknownName:
        notes.append(f"{shown(path)}: no policy {facts.card!r} is here to compare its digest with")
    except CardError as error:
        notes.append(f"{shown(path)}: its policy's digest is not compared: {error}")
    else:
        _check_same(path, f"policy {facts.policy!r}", facts.policy_digest, policy.digest, policy.path, again)
    try:
        suite = cards.load_suite(facts.suite)
    except UnknownName:
        notes.append(f"{shown(path)}: no suite {facts.suite!r} is here to compare its conditions with")
    else:
        for name, digest in facts.conditions.items():
            _check_same(path, f"condition {name!r}", digest, _digest_in(suite, name), suite.path, again)
    return found, notes


def _digest_in(suite: SuiteCard, condition: str) -> str:
    return suite.conditions[condition].digest if condition in suite.conditions else ""


def _check_same(path: Path, what: str, then: str, now: str, card: Path, again: str) -> None:
    if then != now:
        has = f"has the digest {now[:8]}" if now else "has none of that name"
        raise StoreError(f"{shown(path)}: made with {what} of digest {then[:8]}, but {shown(card)} now {has}\n"
                         f"  fix: {again}")
