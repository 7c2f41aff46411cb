"""A worker process, both ends: `main` plays the episodes it is sent, `Worker` is the pool's handle on it.

A worker is a fresh interpreter (OpenGL contexts made after a fork deadlock; a crash must not take the pool along)
that talks over one pipe: it gets a Job, answers Ready, then answers every batch of EpisodeSpecs with Ended, before
which it says Alive now and then, and a Renewal with Ready. It ends when the pipe ends, and on Linux with its parent
whatever that died of.
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
from collections.abc import Callable, Hashable
from dataclasses import replace
from multiprocessing.connection import Connection, Pipe

from vlabench.episode.player import (
    Alive,
    Answer,
    Batch,
    Ended,
    EpisodePlayer,
    Failed,
    Job,
    Message,
    Ready,
    Renewal,
    StartFailed,
    told,
)
from vlabench.util import kernels, weights
from vlabench.util.files import Scratch
from vlabench.util.frames import print_traceback
from vlabench.util.processes import die_with

ENVIRONMENT = {
    **{name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS",
                              "OPENCV_FOR_THREADS_NUM", "PYTHONUNBUFFERED")},
    "LP_NUM_THREADS": "0",  # Mesa draws in the thread that asks: handing over to another costs, most on busy cores
}
"""One thread per worker: workers fill the cores, and the order in which threads add floats would change records."""
PULSE = 0.5
"""Seconds between two words that episodes get on, at least."""
LAST_LINES = 30
"""Of a worker's output, for the user."""
_BOOT = ("import json, sys; sys.path[:] = json.loads(sys.argv[3]); "
         "from vlabench.episode.worker import main; main(int(sys.argv[1]), int(sys.argv[2]))")


def main(handle: int, parent: int) -> None:
    """The life of a worker process. handle: its end of the pipe. parent: the pool's process id."""
    die_with(parent)
    own = os.getpid()
    os.set_inheritable(handle, False)  # what the policy may start must not keep the pipe open
    faulthandler.enable()
    connection: Connection[Answer, Message] = Connection(handle)
    with contextlib.suppress(EOFError, BrokenPipeError):  # the pool closed its end: no more work
        job = connection.recv()
        assert isinstance(job, Job)
        weights.believe(job.read)
        try:
            player = EpisodePlayer(job, _pulse(connection, own))
        except (Exception, SystemExit) as error:
            connection.send(_unready(error))
            return
        _end_copies(own)
        connection.send(Ready())
        try:
            while True:
                answer = _answer(player, connection.recv())
                _end_copies(own)
                _send(connection, answer)
                if isinstance(answer, StartFailed):
                    return
        finally:
            player.close_scene()
            player.policy.close()


def _answer(player: EpisodePlayer, message: Message) -> Answer:
    if not isinstance(message, Renewal):
        assert isinstance(message, tuple)
        return Ended(message, player.play(message))
    try:
        player.renew(message)
    except (Exception, SystemExit) as error:
        return _unready(error)
    return Ready()


def _send(connection: Connection[Answer, Message], answer: Answer) -> None:
    """What cannot be pickled is an error of the episodes that brought it home; nothing of it has been sent then."""
    try:
        connection.send(answer)
    except Exception as error:
        if isinstance(error, OSError) or not isinstance(answer, Ended):
            raise
        failed = Failed("collect", type(error).__name__, told(error))
        connection.send(Ended(answer.batch, (failed,) * len(answer.batch)))


def _pulse(connection: Connection[Answer, Message], own: int) -> Callable[[], None]:
    """To be called when episodes have got on; says so to the pool."""
    last = 0.0

    def beat() -> None:
        nonlocal last
        if time.monotonic() - last >= PULSE:
            _end_copies(own)
            last = time.monotonic()
            connection.send(Alive())

    return beat


def _unready(error: BaseException) -> StartFailed:
    print_traceback(error)
    return StartFailed(f"{type(error).__name__}: {told(error)}")


def _end_copies(own: int) -> None:
    """End this process unless it is `own`: a copy that the policy forked off would answer for episodes, too."""
    if os.getpid() != own:
        os._exit(1)


class Worker:
    """The pool's handle on one worker process.

    ready: it answered Ready. renewal: the last one that it was given. key: of the batch it last played, whose scene it
    has open. batch: the episodes in flight.
    finished: episodes it brought to an end. failures: errors in a row since. last_words: the end of what it printed,
    once it is killed.
    """

    def __init__(self, job: Job, time_limit: float) -> None:
        self.ready = False
        self.renewal: Renewal | None = None
        self.key: Hashable = None
        self.batch: Batch = ()
        self.finished = self.failures = 0
        self._took = 0.0
        self.last_words = ""
        self._log = tempfile.TemporaryFile()  # closed in kill()
        self._folder = Scratch("worker")
        ours, theirs = Pipe()
        self.connection: Connection[Message, Answer] = ours
        with theirs:
            # Its own session: Ctrl-C reaches the pool alone, and `kill` reaches whatever the worker started.
            self._process = subprocess.Popen(
                [sys.executable, "-c", _BOOT, str(theirs.fileno()), str(os.getpid()), json.dumps(sys.path)],
                pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log,
                env={**os.environ, **kernels.environment(), **ENVIRONMENT, "TMPDIR": str(self._folder.path)},
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
        """Hand episodes out; the worker may be silent for `time_limit` seconds until they are over."""
        self.key, self.batch = key, batch
        self._send(batch, time_limit)

    def renew(self, renewal: Renewal, time_limit: float) -> None:
        """Tell it by what to play from now on; it is not ready until it has answered."""
        self.ready, self.renewal = False, renewal
        self._send(renewal, time_limit)

    def take(self) -> Answer | None:
        """The answer or word that has arrived, or None if the worker died instead."""
        try:
            answer = self.connection.recv()
        except (EOFError, OSError):
            return None
        if isinstance(answer, Alive):
            self._heard = time.monotonic()
        else:
            self._took, self._busy = self.elapsed, False
        return answer

    @property
    def late(self) -> bool:
        """Whether it has been silent for longer than what it is doing may take."""
        return self._busy and time.monotonic() - self._heard > self.time_limit

    @property
    def idle(self) -> bool:
        """Whether it has nothing to do, so that nothing is to be heard from it."""
        return not self._busy

    @property
    def dead(self) -> bool:
        """Whether the process has ended."""
        return self._process.poll() is not None

    def close(self) -> None:
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

    def _send(self, message: Message, time_limit: float) -> None:
        self.time_limit, self._busy = time_limit, True
        self._since = self._heard = time.monotonic()
        with contextlib.suppress(ConnectionError):  # it died: `take` will say so
            self.connection.send(message)


def _death(code: int) -> str:
    if code >= 0:
        return f"ended with exit status {code}"
    name = next((known.name for known in signal.Signals if known == -code), f"signal {-code}")
    return f"was killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
