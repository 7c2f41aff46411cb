"""A process of the pool's own, and the pool's handle on it: a fresh interpreter at the other end of a pipe.

Fresh, because OpenGL contexts made after a fork deadlock and because a crash must not take the pool along. On Linux it
ends with its parent, whatever that died of.
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
from collections.abc import Mapping
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from vlabench.adapters.base import Actor
from vlabench.episode.player import StartFailed, told
from vlabench.errors import WorkerError
from vlabench.util import kernels
from vlabench.util.files import Scratch
from vlabench.util.frames import print_traceback
from vlabench.util.processes import die_with, lone_package

ENVIRONMENT = {
    **{name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS",
                              "OPENCV_FOR_THREADS_NUM", "PYTHONUNBUFFERED")},
    "LP_NUM_THREADS": "0",  # Mesa draws in the thread that asks: handing over to another costs, most on busy cores
}
"""One thread per process: workers fill the cores, and the order in which threads add floats would change records."""
LAST_LINES = 30
"""Of a process's output, for the user."""
_BOOT = ("import importlib, json, sys; sys.path[:{}] = json.loads(sys.argv[4]); "
         "importlib.import_module(sys.argv[1]).main(int(sys.argv[2]), int(sys.argv[3]))")


Address = str | tuple[str, int]
"""Of a socket: a path, or a machine's address and a port."""


class Life(Protocol):
    """A process that was started, wherever it lives. connection: to it. lost: whether its machine went with it, which
    is known once it was ended.
    """

    connection: Connection[Any, Any]
    lost: bool

    @property
    def dead(self) -> bool:
        """Whether it has ended."""

    def door(self, home: Path) -> Address:
        """Where a socket of its can be reached. home: a folder of the pool's."""

    def end(self, grace: float) -> tuple[str, str]:
        """End it, and what it started, if it has not ended by itself in `grace` seconds: how it died, and the end of
        what it printed.
        """


class Machines(Protocol):
    """Where processes live."""

    def room(self) -> int | None:
        """How many workers they carry now; None for as many as were asked for."""

    def hosts(self, actor: Actor) -> int:
        """How many processes have the policy, if workers do not. Raises WorkerError if none can."""

    def start(self, module: str, kind: str, environment: Mapping[str, str], python: str = "", cpus: int = 1,
              gpus: int = 0) -> Life:
        """Start a process: see `Child`. cpus, gpus: what it is to have to itself, where that is kept account of."""


class Here:
    """This machine."""

    def room(self) -> None:
        """As many as were asked for."""

    def hosts(self, actor: Actor) -> int:
        """One."""
        return 1

    def start(self, module: str, kind: str, environment: Mapping[str, str], python: str = "", cpus: int = 1,
              gpus: int = 0) -> Life:
        """A process of this one's. Raises WorkerError if there is no memory, place or handle left for one."""
        try:
            return Process(module, kind, environment, python)
        except OSError as error:
            raise WorkerError(f"this machine can start no other process ({kind}): {error.strerror or error}\n"
                              f"  fix: fewer --workers, or what is short freed; the same command plays on") from error


HERE = Here()


class Process:
    """A life on this machine."""

    lost = False

    @property
    def pid(self) -> int:
        """Its number on this machine."""
        return self._process.pid

    def __init__(self, module: str, kind: str, environment: Mapping[str, str], python: str = "") -> None:
        self._words = ""
        with contextlib.ExitStack() as half:  # what there is of it goes if the rest cannot be had
            self._log = half.enter_context(tempfile.TemporaryFile())  # closed in end()
            self._folder = Scratch(kind)
            half.callback(self._folder.cleanup)
            path = sys.path if not python else [str(lone_package(self._folder.path))]
            boot = _BOOT.format(1 if python else "")  # the first is the current folder
            ours, theirs = Pipe()
            self.connection: Connection[Any, Any] = half.enter_context(ours)
            with theirs:
                # Its own session: Ctrl-C reaches the pool alone, and `end` reaches whatever the process started.
                self._process = subprocess.Popen(
                    [python or sys.executable, "-c", boot, module, str(theirs.fileno()), str(os.getpid()),
                     json.dumps(path)],
                    pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log,
                    env={**os.environ, **kernels.environment(), **ENVIRONMENT, **environment,
                         "TMPDIR": str(self._folder.path)},
                    start_new_session=True)
            half.pop_all()

    @property
    def dead(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def door(self, home: Path) -> Address:
        """A socket in the folder."""
        return str(home / "socket")

    def end(self, grace: float) -> tuple[str, str]:
        """See `Life`."""
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
            self._words = "\n".join(self._log.read().decode(errors="replace").splitlines()[-LAST_LINES:])
            self._log.close()
        self._folder.cleanup()  # a process that was killed could not clear away its temporary files
        return own, self._words


class Child:
    """The handle. module: the one whose `main(handle, parent)` is its life; kind: what its temporary files are called;
    environment: what else its variables are. python: of another environment, which gets this package's own code and has
    all else itself; "" for this one. machines, cpus, gpus: where it lives, and what it has there to itself.

    connection: to it. last_words: the end of what it printed, once it is killed.
    """

    def __init__(self, module: str, kind: str, environment: Mapping[str, str] = MappingProxyType({}),
                 python: str = "", machines: Machines = HERE, cpus: int = 1, gpus: int = 0) -> None:
        self.last_words = ""
        self._busy = False
        self._took = 0.0
        self._since = self.heard = time.monotonic()
        self._life = machines.start(module, kind, environment, python, cpus, gpus)
        self.connection = self._life.connection

    @property
    def elapsed(self) -> float:
        """Seconds since it got its present work."""
        return time.monotonic() - self._since

    @property
    def late(self) -> bool:
        """Whether it has been silent for longer than what it is doing may take."""
        return self._busy and time.monotonic() - self.heard > self.time_limit

    @property
    def idle(self) -> bool:
        """Whether it has nothing to do, so that nothing is to be heard from it."""
        return not self._busy

    @property
    def dead(self) -> bool:
        """Whether the process has ended."""
        return self._life.dead

    @property
    def lost(self) -> bool:
        """Whether its machine went with it; known once it is killed."""
        return self._life.lost

    def send(self, message: object, time_limit: float) -> None:
        """Give it something to do; it may be silent for `time_limit` seconds until it has answered."""
        self.time_limit, self._busy = time_limit, True
        self._since = self.heard = time.monotonic()
        with contextlib.suppress(ConnectionError):  # it died: `receive` will say so
            self.connection.send(message)

    def receive(self) -> Any:
        """What has arrived, or None if it died instead."""
        with contextlib.suppress(EOFError, OSError):
            return self.connection.recv()

    def answered(self) -> None:
        """What it had to do is done."""
        self._took, self._busy = self.elapsed, False

    def close(self) -> None:
        """Tell it that there is no more work; `kill` it afterwards."""
        self.connection.close()

    def kill(self, grace: float = 0.0) -> str:
        """End it, and what it started, if it has not ended by itself in `grace` seconds; says how it died."""
        how, self.last_words = self._life.end(grace)
        return how


def _death(code: int) -> str:
    if code >= 0:
        return f"ended with exit status {code}"
    name = next((known.name for known in signal.Signals if known == -code), f"signal {-code}")
    return f"was killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")


def parent_of(handle: int, parent: int) -> Connection[Any, Any]:
    """The other end of the pipe: the first thing that a child's `main` asks for, with the arguments that it was given.
    """
    die_with(parent)
    os.set_inheritable(handle, False)  # what is started from here must not keep the pipe open
    faulthandler.enable()
    return Connection(handle)


def unready(error: BaseException) -> StartFailed:
    """What a child answers that cannot do what it was started for; its output has the traceback."""
    print_traceback(error)
    return StartFailed(f"{type(error).__name__}: {told(error)}")
