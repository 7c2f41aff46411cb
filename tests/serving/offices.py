"""A policy in this very process behind a door, for clients in the same test."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tests.toy.toy import SPACE
from vlabench.adapters.base import Policy
from vlabench.adapters.wire.reverse import Reverse
from vlabench.adapters.wire.shaping import Moves, Sends
from vlabench.seeding import Draws
from vlabench.serving.doors import Door
from vlabench.serving.service import Offer, Service
from vlabench.types import Decision, Observation

SENDS = {"pictures": {"top": "top"}, "size": 16, "state": {"state": ["proprio"]}}
SAID = {"policy": "seeker", "digest": "0"}


class Direct:
    """A line to a policy, which other lines have, too."""

    def __init__(self, policy: Policy, lock: threading.Lock) -> None:
        self._policy, self._lock = policy, lock

    def fresh(self, obs: Observation, draws: Sequence[Draws]) -> Decision:
        with self._lock:
            self._policy.reset(obs.slots.tolist(), draws)
            return self._policy.act(obs)

    def act(self, obs: Observation) -> Decision:
        with self._lock:
            return self._policy.act(obs)

    def close(self) -> None:
        return None


@contextlib.contextmanager
def served(door: Callable[..., Door], make: Callable[[], Policy], *, sends: Any = SENDS, shared: bool = False,
           replan: int = 1, seed: int = 0, token: str = "", max_clients: int = 8,
           note: Callable[[str], None] = lambda text: None, **extra: Any) -> Iterator[tuple[str, Service]]:
    """Its address and what its clients share. shared: one policy for all lines; else each has its own."""
    reverse = Reverse(Sends.model_validate(sends), Moves(), ("top",), 16, SPACE)
    offer, one, lock = Offer(SAID, reverse, replan, seed, token, max_clients), make(), threading.Lock()
    service = Service(offer, lambda: Direct(one if shared else make(), lock), note=note)
    opened = door(service, "127.0.0.1", 0, **extra)
    try:
        yield opened.url, service
    finally:
        opened.close()
        service.close()
