"""A run: plays what is missing of a plan with worker processes, records every episode, and audits the perturbations."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vlabench import __version__, cards
from vlabench.adapters.base import Actor
from vlabench.cards import lineage
from vlabench.cards.conditions import named
from vlabench.cards.policy import PolicyCard
from vlabench.cards.served import introduced
from vlabench.episode.machines import machines
from vlabench.episode.player import Finished, Job
from vlabench.episode.pool import Result, WorkerPool
from vlabench.episode.recording import ActionRecorder, Recording
from vlabench.episode.resources import default_time_limit, processes
from vlabench.errors import AuditError, OptionError, ServerGone, StoreError
from vlabench.evaluation import plan
from vlabench.evaluation.audit import ENOUGH, audit, check, unjudged
from vlabench.evaluation.meeting import recognise
from vlabench.evaluation.plan import Plan, RunOptions, check_parts
from vlabench.records import provenance, shards
from vlabench.records.store import Reading, Store, Writer
from vlabench.records.waits import Waits, note
from vlabench.simulators.base import Simulator
from vlabench.types import EpisodeRecord, Identity, Success, won
from vlabench.util.progress import Progress
from vlabench.util.text import counted

MAX_ERRORS = 0.05
"""Share of a plan's episodes that may end in errors before the exit status says that the run failed."""


def too_many(errors: int, episodes: int) -> bool:
    """Whether more than MAX_ERRORS of so many episodes, those in errors among them, ended in errors."""
    return errors > MAX_ERRORS * episodes


@dataclass(frozen=True)
class RunSummary:
    """How a run went. planned = held (on record before) + played (now) + what an interrupted run left over.

    again: those of the played that were on record before, without their actions. astray: those of them that did not
    end as on record. causes: `phase: class: message` → number of errors, most frequent first. records: of the plan's
    episodes, in its order, whenever they were played. waits: for the answers of the policy's server, if it has one;
    gone: what became of it, if that ended the run.
    """

    planned: int
    held: int
    successes: int
    failures: int
    errors: int
    causes: tuple[tuple[str, int], ...]
    seconds: float
    interrupted: bool
    records: tuple[EpisodeRecord, ...] = field(default=(), repr=False)
    again: int = 0
    astray: int = 0
    waits: Waits | None = None
    gone: str = ""

    @property
    def played(self) -> int:
        """Episodes played in this run."""
        return self.successes + self.failures + self.errors

    @property
    def too_many_errors(self) -> bool:
        """More than MAX_ERRORS of the plan ended in errors."""
        return too_many(self.errors, self.planned)

    @property
    def exit_code(self) -> int:
        """130 after Ctrl-C, that of a ServerGone, 1 with too many errors, else 0."""
        return 130 if self.interrupted else ServerGone.exit_code if self.gone else int(self.too_many_errors)

    def __str__(self) -> str:
        before = self.held + self.again
        held = f"{before:,} {'was' if before == 1 else 'were'} on record already"
        lines = [self.gone] if self.gone else []
        lines += [f"{counted(self.played, 'episode')} played in {self.seconds:.1f} s, {held}"]
        if self.again:
            lines.append(f"{self.again:,} of these {'was' if self.again == 1 else 'were'} played again, being on "
                         f"record without the actions")
        if self.astray:
            lines.append(f"{counted(self.astray, 'episode')} did not end as on record, so that the actions are not "
                         f"kept and the records stay\n  fix: --results NEW records all of them anew")
        if self.errors:
            share = 100 * self.errors / self.planned
            lines.append(f"{self.errors} of {self.planned} ended in errors ({share:.1f} %); they are no part of any "
                         f"rate, and the same command tries them again:")
            lines += [f"  {count} × {cause}" for cause, count in self.causes[:5]]
            if self.too_many_errors:
                lines.append(f"that is more than {100 * MAX_ERRORS:.0f} %: this run failed")
        if self.waits:
            lines.append(str(self.waits))
        if self.interrupted or self.gone:
            left, how = self.planned - self.held - self.played, "interrupted" if self.interrupted else "ended"
            lines.append(f"{how} with {counted(left, 'episode')} left; the same command plays on")
        return "\n".join(lines)


def run(plan: Plan, policy: PolicyCard, engine: Simulator, store: Store, *, workers: int | None = None,
        record: bool = False, time_limit: float | None = None, host: bool | None = None,
        on: str | None = None, progress: Progress | None = None) -> RunSummary:
    """Play what `store` does not hold of `plan`, append a record an episode, then audit all records of the plan.

    engine: the simulator that the plan is of, on the store's asset pack. workers: see `processes`. record: keep the
    policy's actions too, beside the records; what is on record without them is played again for them, and its record
    stays. time_limit: seconds after which a worker is stopped whose episodes get no further, by default
    `default_time_limit`. host: as in `PolicyCard.actor`. on: a Ray cluster, as in `ray_workers.cluster`; by default the
    workers live on this machine. What was left out of the records on hand is told by `progress.note`.

    Ctrl-C stops the run cleanly, and so does a policy's server that does not come back, or as another model; the
    summary says so. Raises OptionError; StoreError, when a record cannot be written; WorkerError, when workers do not
    start or do not live; AuditError, when a condition did not do what it says. Whatever it raises, no worker is left
    and what was recorded stays.
    """
    processes(workers)
    if time_limit is not None and not time_limit > 0:
        raise OptionError(f"--time-limit {time_limit:g}: must be above 0 seconds")
    actor = actor_for(plan, policy, engine, host)
    versions = {"vlabench": __version__, **engine.versions(), **policy.versions()}
    progress = progress or Progress()
    job = Job(plan.tasks[0].simulator, store.assets, actor, {name: named(c) for name, c in plan.conditions.items()},
              ActionRecorder if record else None)
    with store.writer() as writer:
        reading = store.read(
            sorted({task.task_set for task in plan.tasks}), {n: c.digest for n, c in plan.conditions.items()},
            policy.digest)
        for sentence in [*reading.warnings(), *_aged(reading.records.values(), versions)]:
            progress.note(f"note: {sentence}")
        recognise(policy, writer, store.folder)
        lineage.keep_beside(policy, store.root)
        todo = plan.todo(_recorded(plan, reading, store) if record else reading.held)
        book = _Book(plan, policy, store, writer, versions, reading, progress)
        if plan.shard:
            shards.note(writer, plan.shard, policy.digest, len(todo))
        interrupted, gone = False, ""
        if todo:
            with machines(on, workers, job, policy, host) as (where, size):
                began = provenance.facts(versions)
                writer.note_run({**began, "episodes": len(todo), "workers": size})
                progress.start(len(plan.specs), len(plan.specs) - len(todo), plan.success)
                try:
                    _play(WorkerPool(job, todo, min(size, len(todo)), (lambda _: time_limit) if time_limit else
                                     default_time_limit, progress.note, "vlabench run --time-limit", where), book)
                except KeyboardInterrupt:
                    interrupted = True
                except ServerGone as error:
                    gone = str(error)
                finally:
                    progress.stop()
                    if waits := Waits.of(book.waits):
                        note(writer, began["started"], policy.digest, waits)
            if plan.shard:
                shards.note(writer, plan.shard, policy.digest, len(todo) - book.played)
    if not interrupted and not gone:
        check(audit(book.records.values(), plan.conditions, policy.cameras))
        for sentence in unjudged(book.records.values(), plan.conditions, policy.cameras):
            progress.note(f"note: {sentence}")
    return book.summary(len(plan.specs) - len(todo), interrupted, gone)


def actor_for(plan: Plan, policy: PolicyCard, engine: Simulator, host: bool | None = None) -> Actor:
    """Who acts in workers, if policy, plan and simulator fit each other. Raises VlabenchError for what does not."""
    engine.check(policy.cameras)
    actor = policy.actor(host)
    for condition in plan.conditions.values():
        check_parts(condition, policy.cameras, engine.action_space)
    return actor


def _play(workers: WorkerPool, book: _Book) -> None:
    """Everything, as it ends; of what ended together when it is interrupted, all is kept."""
    with workers as pool:
        try:
            for result in pool.results():
                book.enter(result)
        except (KeyboardInterrupt, AuditError):
            for result in pool.ended:
                book.write(result)
            raise


def _recorded(plan: Plan, reading: Reading, store: Store) -> frozenset[Identity]:
    """The episodes on record whose actions were kept, too: those of the record, not of an earlier version's."""
    kept = set()
    held = reading.held
    for spec in plan.specs:
        if spec.identity in held:
            with contextlib.suppress(StoreError):
                recording = Recording.load(store.recording(spec.identity))
                kept |= {spec.identity} if recording.state == reading.records[spec.identity].state else set()
    return frozenset(kept)


def _aged(records: Iterable[EpisodeRecord], now: Mapping[str, str]) -> list[str]:
    """A sentence for each version that records were played with and that is another one now."""
    then = Counter((name, version) for record in records for name, version in record.versions.items()
                   if now.get(name, version) != version)
    return [f"{counted(count, 'record')} on hand made with {name} {version}, now {now[name]}: an episode "
            f"may end otherwise with it; --results DIR plays all of them anew"
            for (name, version), count in sorted(then.items())]


class _Book:
    """Makes records out of results and sees to it that they are written, shown and audited."""

    def __init__(self, plan: Plan, policy: PolicyCard, store: Store, writer: Writer, versions: Mapping[str, str],
                 reading: Reading, progress: Progress) -> None:
        self.records = dict(reading.records)
        self._before = {identity: reading.records[identity] for identity in reading.held}
        self._astray: set[Identity] = set()
        self._plan, self._policy, self._store, self._writer = plan, policy, store, writer
        self._versions, self._progress = versions, progress
        self._new: dict[str, list[EpisodeRecord]] = {}
        self._written: set[Identity] = set()
        self.waits: list[float] = []

    @property
    def played(self) -> int:
        """Episodes, so far."""
        return len(self._written)

    def enter(self, result: Result) -> None:
        """Put a result on record. Raises StoreError, and AuditError for a condition that plainly does not work."""
        self.write(result)
        fresh = self._new[result.spec.condition]
        sound = [r for r in fresh if r.status != "error"]
        if fresh[-1].status != "error" and len(sound) == ENOUGH:
            conditions = {result.spec.condition: self._plan.conditions[result.spec.condition]}
            check([fault for fault in audit(sound, conditions, self._policy.cameras) if fault.always])

    def write(self, result: Result) -> None:
        """Put a result on record, unless it is there already: then its actions alone, if it ended as recorded.

        Raises StoreError.
        """
        record = self._record(result)
        if record.identity in self._written:
            return
        before = self._before.get(record.identity)
        if isinstance(result.answer, Finished):
            self.waits += result.answer.waits
        if isinstance(result.answer, Finished) and result.answer.result is not None:
            if before is not None and _end(before) != _end(record):
                self._astray.add(record.identity)
            else:
                result.answer.result.save(self._store.recording(record.identity))
        if before is None:
            self._writer.append(record)
            self.records[record.identity] = record
        self._written.add(record.identity)
        self._progress.count(record.condition, record)
        self._new.setdefault(record.condition, []).append(record)

    def summary(self, held: int, interrupted: bool, gone: str = "") -> RunSummary:
        """How it went so far."""
        fresh = [record for records in self._new.values() for record in records]
        errors = sum(record.status == "error" for record in fresh)
        successes = sum(won(record, self._plan.success) for record in fresh)
        causes = Counter(f"{r.phase}: {r.error}: {r.message}" for r in fresh if r.status == "error")
        return RunSummary(len(self._plan.specs), held, successes, len(fresh) - successes - errors, errors,
                          tuple(causes.most_common()), self._progress.clock() - self._progress.began, interrupted,
                          self._plan.records(self.records), len(self._written & self._before.keys()),
                          len(self._astray), Waits.of(self.waits), gone)

    def _record(self, result: Result) -> EpisodeRecord:
        spec, answer = result.spec, result.answer
        known: dict[str, Any] = {
            "policy": self._store.policy, "assets": self._store.assets, "policy_digest": self._policy.digest,
            "condition_digest": self._plan.conditions[spec.condition].digest, "versions": self._versions,
            "finished": provenance.now()}
        if isinstance(answer, Finished):
            return answer.played.record(**known)
        return EpisodeRecord(
            task=spec.task.key, condition=spec.condition, index=spec.index, seed=spec.seed, status="error",
            success_once=False, success_at_end=False, steps=0, seconds=result.seconds, instruction="", realised={},
            changed={}, changed_first=(), frame={}, state="", phase=answer.phase, error=answer.error,
            message=answer.message, **known)


def _end(record: EpisodeRecord) -> tuple[str, str, int]:
    return record.status, record.state, record.steps


@dataclass(frozen=True)
class Evaluation:
    """folder: where the records lie. policy: who played. counts: the success that the suite counts (`types.won`)."""

    summary: RunSummary
    folder: Path
    policy: PolicyCard
    counts: Success | None = None

    @property
    def records(self) -> tuple[EpisodeRecord, ...]:
        """Of the whole plan, in its order, whenever they were played."""
        return self.summary.records


def evaluate(policy_name: str, suite_name: str, results: str | Path, *, assets: str | None = None,
             options: RunOptions | None = None, workers: int | None = None, record: bool = False,
             time_limit: float | None = None, host: bool | None = None, on: str | None = None, url: str | None = None,
             name: str | None = None, progress: Progress | None = None) -> Evaluation:
    """Play what is missing of a suite with a policy and read the records of all of it.

    assets: by default the first pack on the policy's card. url, name: where the policy's server is, and what the policy
    is called, as in `cards.served`. A shard has a folder of its own in `results`. The other options are those of `run`.
    What the user should know goes to `progress.note`. Raises what cards, plan and run raise: a VlabenchError for
    whatever a user can fix.
    """
    progress = progress or Progress()
    suite, policy = cards.load_suite(suite_name), cards.load_policy(policy_name)
    engine = suite.engine(assets or policy.assets[0])
    planned = plan.make(suite, policy, engine, options)
    lineage.seen(policy)  # what tables mark; a card that names what is unknown is refused before anything is played
    for warning in planned.warnings:
        progress.note(f"note: {warning}")
    policy = introduced(policy, engine.action_space, url, name, lambda text: progress.note(f"note: {text}"))
    shard = planned.shard
    store = Store(Path(results) / shard.folder if shard else Path(results), policy.name, engine.assets)
    summary = run(planned, policy, engine, store, workers=workers, record=record, time_limit=time_limit, host=host,
                  on=on, progress=progress)
    return Evaluation(summary, store.folder, policy, planned.success)
