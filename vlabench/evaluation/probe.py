"""`vlabench probe`: plays episodes and keeps what the policy made of every look, and would have made without noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vlabench import __version__, cards
from vlabench.adapters.base import Actor, TrainablePolicy
from vlabench.cards.conditions import named
from vlabench.episode.listening import Bools, EpisodeCollector
from vlabench.episode.played import Played
from vlabench.episode.player import Finished, Job
from vlabench.episode.pool import WorkerPool
from vlabench.episode.resources import default_time_limit, processes
from vlabench.errors import OptionError, WorkerError
from vlabench.evaluation import plan
from vlabench.evaluation.plan import Plan, RunOptions
from vlabench.evaluation.run import actor_for, too_many
from vlabench.records import provenance
from vlabench.records.probes import Facts, Probe, Trace, check_target
from vlabench.types import Decision, EpisodeSpec, Floats, Identity, Observation, Outcome, won
from vlabench.util.messages import shown
from vlabench.util.progress import Progress
from vlabench.util.text import counted

SAVED_EVERY = 60.0
"""Seconds of playing that a probe may lose."""


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
    """How a probing went. failed: `task condition index: message` of each episode that ended in an error. held: how
    many the file had before.
    """

    probe: Probe
    failed: tuple[str, ...]
    seconds: float
    held: int = 0

    @property
    def exit_code(self) -> int:
        """1 with too many of the episodes in errors, else 0."""
        return int(too_many(len(self.failed), len(self.failed) + len(self.probe.traces)))


def probe(policy_name: str, suite_name: str, out: Path, *, assets: str | None = None, options: RunOptions | None = None,
          workers: int | None = None, progress: Progress | None = None) -> Probed:
    """Play a suite's episodes with a policy and write their traces to `out`, an .npz.

    The options are those of `evaluation.run.evaluate`; no record is read or written. What is in the file already is not
    played again. What was played is written once a minute, and whatever ends the work: Ctrl-C, which passes through, or
    an error.

    Raises what cards and plan raise, OptionError, also for a file that this probing does not go on from, StoreError,
    WorkerError.
    """
    check_target(out)
    workers, progress = processes(workers), progress or Progress()
    suite, policy = cards.load_suite(suite_name), cards.load_policy(policy_name)
    engine = suite.engine(assets or policy.assets[0])
    planned = plan.make(suite, policy, engine, options)
    actor = actor_for(planned, policy, engine)
    for warning in planned.warnings:
        progress.note(f"note: {warning}")
    facts = Facts(
        card=policy_name, policy=policy.name, policy_digest=policy.digest, assets=engine.assets, suite=suite_name,
        simulator=suite.simulator, conditions={name: each.digest for name, each in planned.conditions.items()},
        errors=0, made=provenance.facts({"vlabench": __version__, **engine.versions(), **policy.versions()}))
    traces = _held(out, facts, {spec.identity for spec in planned.specs})
    held = len(traces)
    failed: list[str] = []

    def found() -> Probe:
        return Probe(facts.model_copy(update={"errors": len(failed)}),
                     tuple(traces[spec.identity] for spec in planned.specs if spec.identity in traces))

    try:
        _play(planned, actor, facts, workers, progress, traces, failed, lambda: found().save(out))
    finally:
        if len(traces) > held:
            found().save(out)
            if left := len(planned.specs) - len(traces) - len(failed):
                progress.note(f"{shown(out)} holds {counted(len(traces), 'episode')} of {len(planned.specs):,}, "
                              f"{left:,} left; the same command plays on")
    if not traces:
        raise WorkerError(f"no episode came to its end; the first: {failed[0]}")
    return Probed(found(), tuple(failed), progress.clock() - progress.began, held)


def _held(out: Path, facts: Facts, planned: set[Identity]) -> dict[Identity, Trace]:
    """What the file has of these episodes. Raises StoreError for a file that is no probe, OptionError for one of other
    episodes, or of others than these would be.
    """
    if not out.exists():
        return {}
    found = Probe.load(out)
    then, now = _terms(found.facts, facts.conditions), _terms(facts, found.facts.conditions)
    others = [name for name in now if now[name] != then[name]]
    if not others and not {trace.identity for trace in found.traces} <= planned:
        others = ["other episodes, too"]
    if others:
        raise OptionError(f"--out {shown(out)}: this file holds a probe of {' and '.join(others)}\n"
                          f"  fix: another --out, or remove it; it was made by: {found.facts.made.get('command')}")
    return {trace.identity: trace for trace in found.traces}


def _terms(facts: Facts, common: Mapping[str, str]) -> dict[str, object]:
    """What must be the same for two probes to be one, with the conditions that the other has, too."""
    meant = {name: digest for name, digest in facts.conditions.items() if name in common}
    return {"another policy": (facts.policy, facts.policy_digest), "another pack": (facts.simulator, facts.assets),
            "conditions that meant something else": meant,
            "other versions of packages": facts.made.get("versions")}


def _play(planned: Plan, actor: Actor, facts: Facts, workers: int, progress: Progress,
          traces: dict[Identity, Trace], failed: list[str], save: Callable[[], None]) -> None:
    """Put the traces of a plan to those there are, and to `failed` what is to be said of episodes that have none.

    save: called every SAVED_EVERY seconds, for what no handler sees: a full disk at the end, a killed process.
    """
    todo = [spec for spec in planned.specs if spec.identity not in traces]
    if not todo:
        return
    chains = {name: named(each) for name, each in planned.conditions.items()}
    job = Job(facts.simulator, facts.assets, actor, chains, ProbeCollector)
    progress.start(len(planned.specs), len(traces))
    saved, kept = progress.clock(), len(traces)
    try:
        with WorkerPool(job, todo, min(workers, len(todo)), default_time_limit, progress.note) as pool:
            for result in pool.results():
                if isinstance(result.answer, Finished):
                    traces[result.spec.identity] = result.answer.result
                    progress.count(result.spec.condition, result.answer.played)
                else:
                    where = " ".join(map(str, result.spec.identity[:3]))
                    failed.append(f"{where}: {result.answer.error}: {result.answer.message}")
                    progress.note(f"left out: {failed[-1]}")
                if len(traces) > kept and progress.clock() - saved > SAVED_EVERY:
                    save()
                    saved, kept = progress.clock(), len(traces)
    finally:
        progress.stop()
