"""The pool's side of a policy that lives once: starts its host, gives it new weights, and another when it dies."""

from __future__ import annotations

import secrets
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from vlabench.adapters.base import Actor
from vlabench.episode import host
from vlabench.episode.child import HERE, Child, Machines
from vlabench.episode.player import Ready, Renewal, StartFailed
from vlabench.episode.proxy import Proxy
from vlabench.errors import WorkerError
from vlabench.types import ActionSpace
from vlabench.util import weights
from vlabench.util.files import Scratch

_LAST_BREATH = 2.0  # seconds for a host whose pipe has ended to end itself, so that its own exit status is seen


class Host(Child):
    """The handle on one such process. ready: it can be asked. renewal: the last one that it was given.
    address: where workers ask it.
    """

    def __init__(self, post: host.Post, home: Path, machines: Machines, time_limit: float) -> None:
        super().__init__(host.__name__, "policy", python=post.actor.python, machines=machines, cpus=0,
                         gpus=int(post.actor.gpu))
        self.ready = False
        self.renewal: Renewal | None = None
        self.address = self._life.door(home)
        self.send(replace(post, address=self.address), time_limit)

    def renew(self, renewal: Renewal, time_limit: float) -> None:
        """Let the policy take new weights; it is not ready until it has."""
        self.ready, self.renewal = False, renewal
        self.send(renewal, time_limit)


class Hosting:
    """Keeps a host for an actor. actor: who acts in workers in its stead; another one, when another host of a machine
    elsewhere has another address. time_limit: seconds to start in, or to take new weights.
    """

    def __init__(self, actor: Actor, space: ActionSpace, time_limit: float, machines: Machines = HERE) -> None:
        self._home, self._machines = Scratch("host"), machines
        self._post = host.Post(actor, space, str(self._home.path / "socket"), secrets.token_bytes(32))
        self.actor = replace(actor, make=partial(Proxy, self._post.address, self._post.key))
        self._host: Host | None = None
        self._time_limit = time_limit

    @property
    def ready(self) -> bool:
        """Whether workers may ask."""
        return self._host is not None and self._host.ready

    @property
    def connections(self) -> list[Connection[Any, Any]]:
        """On which something may be heard."""
        return [] if self._host is None else [self._host.connection]

    def mind(self, renewal: Renewal | None) -> str:
        """Start what is to be started, hear what has been said. What happened, and its last words, if a host was lost.

        Raises WorkerError if it cannot start, or cannot take new weights.
        """
        if self._host is None:
            self._host = Host(replace(self._post, read=weights.known()), self._home.path, self._machines,
                              self._time_limit)
            if self._host.address != self._post.address:
                self._post = replace(self._post, address=self._host.address)
                self.actor = replace(self.actor, make=partial(Proxy, self._post.address, self._post.key))
        what = "take new weights" if self._host.renewal else "start"
        if self._host.connection.poll():
            answer = self._host.receive()
            if answer is None:
                return self.lose(_LAST_BREATH)
            if isinstance(answer, StartFailed):
                raise WorkerError(f"the policy's process could not {what}: {answer.message}")
            self._host.answered()
            self._host.ready = isinstance(answer, Ready)
        elif self._host.late:
            self.rest()
            raise WorkerError(f"the policy's process could not {what} within {self._time_limit:g} s")
        if self._host.ready and self._host.renewal is not renewal and renewal is not None:
            self._host.renew(renewal, self._time_limit)
        return ""

    def lose(self, grace: float = 0.0) -> str:
        """End the host that there is; the next `mind` starts another. How it ended, and its last words."""
        if self._host is None:
            return ""
        gone, self._host = self._host, None
        how = gone.kill(grace)
        return how + (f"; its last words:\n{gone.last_words}" if gone.last_words else "")

    def close(self) -> None:
        """Tell the host that there is no more to do."""
        if self._host is not None:
            self._host.close()

    def rest(self, grace: float = 0.0) -> None:
        """Let the host go, and its memory; the next `mind` starts another."""
        self.lose(grace)

    def cleanup(self) -> None:
        """Remove what belongs to it."""
        self._home.cleanup()
