"""What all clients share, whatever they speak: lines to the policy, who may come in, numbers; and a client's session.

A look's random numbers come from `--seed` and from the look with which the episode began, as the client sent it: played
again, an episode is the same whoever else is served, and in whatever order.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from vlabench.adapters.wire.reverse import Reverse
from vlabench.errors import VlabenchError
from vlabench.seeding import Draws
from vlabench.types import Decision, Floats, Observation
from vlabench.util.text import counted, safe, short

MESSAGE = 16 * 2**20
"""Bytes of a request at most; two pictures of 1,024 pixels a side take half of it, in base64 as well."""
IDLE = 3600.0
"""Seconds after which a client that asks nothing has to come again."""
STALLED = 30.0
"""Seconds that a request may take to arrive."""
RETURNING = 60.0
"""Seconds for which a look waits for a policy that is being loaded again."""
WORDS = 200
"""Characters of an error that a client is told."""


class Asked(Protocol):
    """A line to the policy, with slots of its own: `episode.proxy.Proxy`."""

    def fresh(self, obs: Observation, draws: Sequence[Draws]) -> Decision: ...
    def act(self, obs: Observation) -> Decision: ...
    def close(self) -> None: ...


class Unfit(VlabenchError):
    """The policy answers with what no client could use, or not at all."""


@dataclass(frozen=True)
class Offer:
    """What is served. said: what clients are told of it. replan: actions of a chunk that are executed where clients ask
    for single ones. token: what clients have to show; none for "".
    """

    said: Mapping[str, Any]
    reverse: Reverse
    replan: int
    seed: int = 0
    token: str = ""
    max_clients: int = 64


class Service:
    """line: makes a line to the policy. ready: whether the policy can be asked now. note: hears of errors."""

    def __init__(self, offer: Offer, line: Callable[[], Asked], ready: Callable[[], bool] = lambda: True,
                 note: Callable[[str], None] = lambda text: None) -> None:
        self.offer, self.ready = offer, ready
        self._make, self._note = line, note
        self._idle: list[Asked] = []
        self._lock = threading.Lock()
        self._last = ""
        self.tally = Tally()

    def welcome(self, shown: str) -> bool:
        """Whether a client may ask that shows this as its token."""
        return not self.offer.token or hmac.compare_digest(shown.encode(), self.offer.token.encode())

    def enter(self) -> bool:
        """A client comes in, unless there are as many as may be; it has to `leave` again."""
        with self._lock:
            if self.tally.clients >= self.offer.max_clients:
                return False
            self.tally.clients += 1
            return True

    def leave(self) -> None:
        """A client has gone."""
        with self._lock:
            self.tally.clients -= 1

    @property
    def full(self) -> str:
        """What a client is told that may not come in."""
        return f"{counted(self.offer.max_clients, 'client')} at once, no more"

    def session(self) -> Session:
        """For a client with a connection of its own."""
        return Session(self, self._make())

    @contextlib.contextmanager
    def borrowed(self) -> Iterator[Session]:
        """For one request of a client without."""
        with self._lock:
            line = self._idle.pop() if self._idle else None
        line = line or self._make()
        try:
            yield Session(self, line)
        finally:
            with self._lock:
                self._idle.append(line)

    def wait(self) -> None:
        """For a policy that can be asked. Raises Unfit if there is none for RETURNING."""
        until = time.monotonic() + RETURNING
        while not self.ready():
            if time.monotonic() > until:
                raise Unfit("the policy is being loaded")
            time.sleep(0.05)

    def told(self, error: Exception) -> str:
        """What a client is told of an error; it is counted, and noted once."""
        text = error_text(error)
        with self._lock:
            self.tally.errors += 1
            new, self._last = text != self._last, text
        if new:
            self._note(f"a client was told: {text}")
        return text

    def close(self) -> None:
        """Let go of the idle lines."""
        for line in self._idle:
            line.close()


class Session:
    """What one client asks, one thing after the other."""

    def __init__(self, service: Service, line: Asked) -> None:
        self._service, self._line, self._offer = service, line, service.offer
        self.begin()

    def begin(self) -> None:
        """An episode begins with the next look."""
        self._begun = False
        self._chunk: list[Floats] = []
        self._step = 0

    def chunk(self, request: Mapping[str, Any]) -> Floats:
        """The actions [T, D] at a look that stands alone: to the policy it is the first of an episode."""
        self.begin()
        return self._ask(request)

    def action(self, request: Mapping[str, Any]) -> Floats:
        """The next action [D] of the episode; the policy looks again where `replan` of the last chunk are executed."""
        if not self._chunk:
            self._chunk = list(self._ask(request)[:self._offer.replan])
        self._step += 1
        return self._chunk.pop(0)

    def close(self) -> None:
        """The client has gone."""
        self._line.close()

    def _ask(self, request: Mapping[str, Any]) -> Floats:
        began = time.perf_counter()
        obs = self._offer.reverse.observation(request).replace(steps=np.array([self._step]))
        self._service.wait()
        if self._begun:
            decision = self._line.act(obs)
        else:
            decision = self._line.fresh(obs, [Draws(("served", self._offer.seed, _digest(obs)))])
            self._begun = True
        found = np.asarray(decision.actions)
        size = self._offer.reverse.space.size
        if found.ndim != 3 or len(found) != 1 or not found.shape[1] or found.shape[2] != size:
            raise Unfit(f"the policy returned actions of shape {list(found.shape)}; expected [1, T, {size}]")
        reply = self._offer.reverse.reply(found[0], obs.proprio[0])
        self._service.tally.took(time.perf_counter() - began)
        return reply


class Tally:
    """clients: that are here. looks, errors: all. What has been answered of late, `line` tells."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clients = self.looks = self.errors = 0
        self._clock, self._lock = clock, threading.Lock()
        self._seconds: deque[float] = deque(maxlen=1000)
        self._told = (clock(), 0)

    def took(self, seconds: float) -> None:
        """A look has been answered."""
        with self._lock:
            self._seconds.append(seconds)
            self.looks += 1

    def line(self) -> str:
        """`3 clients, 25.1 looks/s, 1,024 looks, median 12.3 ms, 2 errors`: the rate since this was asked before."""
        (then, before), now = self._told, self._clock()
        self._told = now, self.looks
        rate = (self.looks - before) / max(now - then, 1e-9)
        return ", ".join([counted(self.clients, "client"), f"{rate:.1f} looks/s", self.total()])

    def total(self) -> str:
        """`1,024 looks, median 12.3 ms, 2 errors`: the median of the last thousand."""
        parts = [counted(self.looks, "look")]
        with self._lock:
            lately = list(self._seconds)
        if lately:
            parts.append(f"median {1000 * statistics.median(lately):.1f} ms")
        return ", ".join(parts + ([counted(self.errors, "error")] if self.errors else []))


def error_text(error: Exception) -> str:
    """An error's name and how its words begin, in one line."""
    words = " ".join(safe(str(error)).split())
    return short(words if isinstance(error, VlabenchError) and type(error).__module__.startswith("vlabench.adapters")
                 else f"{type(error).__name__}: {words}", WORDS)


def _digest(obs: Observation) -> str:
    found = hashlib.blake2b(digest_size=16)
    for camera, pictures in sorted(obs.images.items()):
        found.update(camera.encode() + b"\0" + pictures.tobytes())
    found.update(obs.proprio.tobytes() + obs.instruction[0].encode("utf-8", "surrogatepass"))
    return found.hexdigest()
