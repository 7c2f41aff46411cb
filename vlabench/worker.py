"""A worker process, both ends: `main` plays the episodes it is sent, `Worker` is the runner's handle on it.

A worker is a fresh interpreter (OpenGL contexts made after a fork deadlock; a crash must not take the runner along)
that talks over one pipe: it gets a Job, answers Ready, then answers every batch of EpisodeSpecs with Ended. It ends
when the pipe ends, and on Linux with its parent whatever that died of.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any

from vlabench import arithmetic, registry, weights
from vlabench.adapters.base import Actor
from vlabench.episode import EpisodeError, Played, play
from vlabench.errors import VlabenchError, words_of
from vlabench.files import Scratch
from vlabench.listening import Keeper, Keepers
from vlabench.offspring import die_with
from vlabench.perturbations.base import Perturbation
from vlabench.simulators.base import Scene, Simulator, Variant
from vlabench.slot import variant_of
from vlabench.types import EpisodeSpec, Phase

ENVIRONMENT = {
    **{name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS",
                              "OPENCV_FOR_THREADS_NUM", "PYTHONUNBUFFERED")},
    "LP_NUM_THREADS": "0",  # Mesa draws in the thread that asks: handing over to another costs, most on busy cores
}
"""One thread per worker: workers fill the cores, and the order in which threads add floats would change records."""
LAST_LINES = 15
"""Of a dead worker's output, for the user."""
LONGEST = 2000
"""Characters of an error's message that are kept: some libraries put whole arrays into theirs."""
_BOOT = ("import json, sys; sys.path[:] = json.loads(sys.argv[3]); "
         "from vlabench.worker import main; main(int(sys.argv[1]), int(sys.argv[2]))")


Batch = tuple[EpisodeSpec, ...]
"""Episodes that are handed out together: played side by side, in one scene."""


@dataclass(frozen=True)
class Job:
    """What a worker needs to know before its first episode.

    chains: condition → stream name → perturbation. keeper: made for every episode; what it kept comes back with Done.
    batch: so many episodes are played side by side at most; by default as many as the simulator can.
    read: checksums of weights (`weights.known`), which a worker is not to compute again.
    """

    simulator: str
    assets: str
    actor: Actor
    chains: Mapping[str, Mapping[str, Perturbation]]
    keeper: type[Keeper] | None = None
    batch: int | None = None
    read: Mapping[str, tuple[weights.Stamp, str]] = field(default_factory=dict)

    def engine(self) -> Simulator:
        """The simulator, which is cheap to make."""
        return registry.simulator(self.simulator)(self.assets)

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
class Ready:
    """The simulator and the policy are constructed."""


@dataclass(frozen=True)
class Unready:
    """They could not be constructed."""

    message: str


@dataclass(frozen=True)
class Done:
    """An episode was played to its end."""

    played: Played
    kept: Any = None


@dataclass(frozen=True)
class Failed:
    """An episode ended in an error; phase `open` means that its scene cannot be opened at all."""

    phase: Phase
    error: str
    message: str


@dataclass(frozen=True)
class Ended:
    """What became of a batch that was handed out, episode by episode."""

    batch: Batch
    results: tuple[Done | Failed, ...]


Answer = Ready | Unready | Ended


class Stage:
    """What a worker holds: the policy, and the one scene that is open."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.simulator = job.engine()
        self.policy = job.actor.make()
        self._scene: Scene | None = None
        self._key: Hashable = None

    def play(self, batch: Batch) -> tuple[Done | Failed, ...]:
        """Play episodes of one key side by side; opens their scene unless it is open, or has just seen an error.

        What an error in a batch was the fault of nobody can tell: its episodes are then played again, one by one.
        """
        actor = self.job.actor
        try:
            scene = self._open(batch[0])
        except (Exception, SystemExit) as error:
            self.close_scene()
            return (Failed("open", type(error).__name__, told(error)),) * len(batch)
        kind = self.job.keeper
        keepers = [kind(self.policy, actor.replan) for _ in batch] if kind else []
        try:
            played = play(scene, self.policy, batch, [self.job.chains[spec.condition] for spec in batch],
                          replan=actor.replan, cameras=actor.cameras, success=self.simulator.success,
                          listeners=[Keepers(keepers)] if keepers else [])
        except EpisodeError as error:
            self.close_scene()
            if len(batch) > 1:
                return tuple(result for spec in batch for result in self.play((spec,)))
            return (Failed(error.phase, type(error.cause).__name__, told(error.cause)),)
        return tuple(Done(each, keepers[b].kept if keepers else None) for b, each in enumerate(played))

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


def main(handle: int, parent: int) -> None:
    """The life of a worker process. handle: its end of the pipe. parent: the runner's process id."""
    die_with(parent)
    own = os.getpid()
    os.set_inheritable(handle, False)  # what the policy may start must not keep the pipe open
    faulthandler.enable()
    connection: Connection[Answer, Batch | Job] = Connection(handle)
    with contextlib.suppress(EOFError, BrokenPipeError):  # the runner closed its end: no more work
        job = connection.recv()
        assert isinstance(job, Job)
        weights.believe(job.read)
        try:
            stage = Stage(job)
        except (Exception, SystemExit) as error:
            traceback.print_exc()
            connection.send(Unready(f"{type(error).__name__}: {told(error)}"))
            return
        _end_copies(own)
        connection.send(Ready())
        try:
            while True:
                batch = connection.recv()
                assert isinstance(batch, tuple)
                results = stage.play(batch)
                _end_copies(own)
                connection.send(Ended(batch, results))
        finally:
            stage.close_scene()
            stage.policy.close()


def _end_copies(own: int) -> None:
    """End this process unless it is `own`: a copy that the policy forked off would answer for episodes, too."""
    if os.getpid() != own:
        os._exit(1)


class Worker:
    """The runner's handle on one worker process.

    ready: it answered Ready. key: of the batch it last played, whose scene it has open. batch: the episodes in flight.
    finished: episodes it brought to an end. failures: errors in a row since. last_words: the end of what it printed,
    once it is killed.
    """

    def __init__(self, job: Job, time_limit: float) -> None:
        self.ready = False
        self.key: Hashable = None
        self.batch: Batch = ()
        self.finished = self.failures = 0
        self._took = 0.0
        self.last_words = ""
        self._log = tempfile.TemporaryFile()  # closed in kill()
        self._folder = Scratch("worker")
        ours, theirs = Pipe()
        self.connection: Connection[Job | Batch, Answer] = ours
        with theirs:
            # Its own session: Ctrl-C reaches the runner alone, and `kill` reaches whatever the worker started.
            self._process = subprocess.Popen(
                [sys.executable, "-c", _BOOT, str(theirs.fileno()), str(os.getpid()), json.dumps(sys.path)],
                pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log,
                env={**os.environ, **arithmetic.environment(), **ENVIRONMENT, "TMPDIR": str(self._folder.path)},
                start_new_session=True)
        self._send(replace(job, read=weights.known()), time_limit)

    @property
    def elapsed(self) -> float:
        """Seconds since it got its present work."""
        return time.monotonic() - self._since

    def free(self) -> tuple[Batch, float]:
        """The batch that it has just answered for, and the seconds that took; none is in flight from now on."""
        batch, self.batch = self.batch, ()
        return batch, self._took

    def give(self, key: Hashable, batch: Batch, time_limit: float) -> None:
        """Hand episodes out; the worker has `time_limit` seconds for all of them."""
        self.key, self.batch = key, batch
        self._send(batch, time_limit)

    def take(self) -> Answer | None:
        """The answer that has arrived, or None if the worker died instead of answering."""
        try:
            answer = self.connection.recv()
        except (EOFError, OSError):
            return None
        self._took, self._busy = self.elapsed, False
        return answer

    @property
    def late(self) -> bool:
        """Whether the time limit of what it is doing is over."""
        return self._busy and self.elapsed > self.time_limit

    @property
    def dead(self) -> bool:
        """Whether the process has ended."""
        return self._process.poll() is not None

    def dismiss(self) -> None:
        """Tell the worker that there is no more work; `kill` it afterwards."""
        self.connection.close()

    def kill(self, grace: float = 0.0) -> str:
        """End the worker, and what it started, if it has not ended by itself in `grace` seconds; says how it died."""
        try:
            own = _death(self._process.wait(grace))
        except subprocess.TimeoutExpired:
            own = "gave no answer and was stopped"  # our signal, not that of a system short of memory
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self.connection.close()
        self._process.wait()
        if not self._log.closed:
            self._log.seek(max(0, self._log.seek(0, os.SEEK_END) - 4096))
            self.last_words = "\n".join(self._log.read().decode(errors="replace").splitlines()[-LAST_LINES:])
            self._log.close()
        self._folder.cleanup()  # a process that was killed could not clear away its temporary files
        return own

    def _send(self, message: Job | Batch, time_limit: float) -> None:
        self.time_limit, self._since, self._busy = time_limit, time.monotonic(), True
        with contextlib.suppress(ConnectionError):  # it died: `take` will say so
            self.connection.send(message)


def _death(code: int) -> str:
    if code >= 0:
        return f"ended with exit status {code}"
    name = next((known.name for known in signal.Signals if known == -code), f"signal {-code}")
    return f"was killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")


def told(error: BaseException) -> str:
    """The message of an error, cut to LONGEST; unless it is one of ours, with the file and line that raised it."""
    text = words_of(error)
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]} … ({len(text)} characters)"
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, VlabenchError) or not frames:
        return text
    return f"{text} [{Path(frames[-1].filename).name}:{frames[-1].lineno}]".lstrip()
