"""A worker process, both ends: `main` plays the episodes it is sent, `Worker` is the runner's handle on it.

A worker is a fresh interpreter (OpenGL contexts made after a fork deadlock; a crash must not take the runner along)
that talks over one pipe: it gets a Job, answers Ready, then answers every EpisodeSpec with Ended. It ends
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
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any

from vlabench import arithmetic, registry, weights
from vlabench.card_types import PolicyCard
from vlabench.episode import EpisodeError, Keeper, Played, play
from vlabench.errors import VlabenchError
from vlabench.files import Scratch
from vlabench.offspring import die_with
from vlabench.perturbations.base import Perturbation
from vlabench.simulators.base import Scene
from vlabench.types import EpisodeSpec, Phase, Task

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


@dataclass(frozen=True)
class Job:
    """What a worker needs to know before its first episode.

    chains: condition → stream name → perturbation. keeper: made for every episode; what it kept comes back with Done.
    read: checksums of weights (`weights.known`), which a worker is not to compute again.
    """

    simulator: str
    assets: str
    policy: PolicyCard
    chains: Mapping[str, Mapping[str, Perturbation]]
    keeper: type[Keeper] | None = None
    read: Mapping[str, tuple[weights.Stamp, str]] = field(default_factory=dict)


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
    """An episode ended in an error; phase `open` means that its task cannot be opened at all."""

    phase: Phase
    error: str
    message: str


@dataclass(frozen=True)
class Ended:
    """What became of an episode that was handed out."""

    spec: EpisodeSpec
    result: Done | Failed


Answer = Ready | Unready | Ended


class Stage:
    """What a worker holds: the policy, and the one scene that is open."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.simulator = registry.simulator(job.simulator)(job.assets)
        self.policy = job.policy.make()
        self._scene: Scene | None = None
        self._task: Task | None = None

    def play(self, spec: EpisodeSpec) -> Done | Failed:
        """Play an episode; opens its task's scene unless it is open already, or has just seen an error."""
        card = self.job.policy
        try:
            scene = self._open(spec.task)
        except Exception as error:
            self.close_scene()
            return Failed("open", type(error).__name__, told(error))
        keeper = self.job.keeper(self.policy, card.replan) if self.job.keeper else None
        try:
            (played,) = play(scene, self.policy, [spec], [self.job.chains[spec.condition]], replan=card.replan,
                             cameras=card.cameras, success=self.simulator.success,
                             listeners=[keeper] if keeper else [])
        except EpisodeError as error:
            self.close_scene()
            return Failed(error.phase, type(error.cause).__name__, told(error.cause))
        return Done(played, keeper.kept if keeper else None)

    def close_scene(self) -> None:
        """Let the open scene go; one that an error left in an unknown state may fail to close, and need not."""
        scene, self._scene, self._task = self._scene, None, None
        with contextlib.suppress(Exception):
            if scene is not None:
                scene.close()

    def _open(self, task: Task) -> Scene:
        if self._scene is None or task != self._task:
            self.close_scene()
            card = self.job.policy
            self._scene = self.simulator.open(task, 1, card.cameras, card.image_size, card.privileged)
            self._task = task
        return self._scene


def main(handle: int, parent: int) -> None:
    """The life of a worker process. handle: its end of the pipe. parent: the runner's process id."""
    die_with(parent)
    own = os.getpid()
    os.set_inheritable(handle, False)  # what the policy may start must not keep the pipe open
    faulthandler.enable()
    connection: Connection[Answer, EpisodeSpec | Job] = Connection(handle)
    with contextlib.suppress(EOFError, BrokenPipeError):  # the runner closed its end: no more work
        job = connection.recv()
        assert isinstance(job, Job)
        weights.believe(job.read)
        try:
            stage = Stage(job)
        except Exception as error:
            traceback.print_exc()
            connection.send(Unready(f"{type(error).__name__}: {told(error)}"))
            return
        _end_copies(own)
        connection.send(Ready())
        try:
            while True:
                spec = connection.recv()
                assert isinstance(spec, EpisodeSpec)
                result = stage.play(spec)
                _end_copies(own)
                connection.send(Ended(spec, result))
        finally:
            stage.close_scene()
            stage.policy.close()


def _end_copies(own: int) -> None:
    """End this process unless it is `own`: a copy that the policy forked off would answer for episodes, too."""
    if os.getpid() != own:
        os._exit(1)


class Worker:
    """The runner's handle on one worker process.

    ready: it answered Ready. task: the task it last played, whose scene it has open. spec: the episode in flight.
    finished: episodes it brought to an end. failures: errors in a row since. last_words: the end of what it printed,
    once it is killed.
    """

    def __init__(self, job: Job, time_limit: float) -> None:
        job.policy.check()  # here once: what was read goes along
        self.ready = False
        self.task: Task | None = None
        self.spec: EpisodeSpec | None = None
        self.finished = self.failures = 0
        self._took = 0.0
        self.last_words = ""
        self._log = tempfile.TemporaryFile()  # closed in kill()
        self._folder = Scratch("worker")
        ours, theirs = Pipe()
        self.connection: Connection[Job | EpisodeSpec, Answer] = ours
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

    def free(self) -> tuple[EpisodeSpec, float]:
        """The episode that it has just answered for, and the seconds that took; none is in flight from now on."""
        spec, self.spec = self.spec, None
        assert spec is not None
        return spec, self._took

    def give(self, spec: EpisodeSpec, time_limit: float) -> None:
        """Hand an episode out; the worker has `time_limit` seconds for it."""
        self.task, self.spec = spec.task, spec
        self._send(spec, time_limit)

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
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(grace)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self.connection.close()
        code = self._process.wait()
        if not self._log.closed:
            self._log.seek(max(0, self._log.seek(0, os.SEEK_END) - 4096))
            self.last_words = "\n".join(self._log.read().decode(errors="replace").splitlines()[-LAST_LINES:])
            self._log.close()
        self._folder.cleanup()  # a process that was killed could not clear away its temporary files
        return _death(code)

    def _send(self, message: Job | EpisodeSpec, time_limit: float) -> None:
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
    text = str(error)
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]} … ({len(text)} characters)"
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, VlabenchError) or not frames:
        return text
    return f"{text} [{Path(frames[-1].filename).name}:{frames[-1].lineno}]"
