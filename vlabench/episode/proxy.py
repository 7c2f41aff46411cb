"""What stands in a worker for a policy that a host has."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from multiprocessing.connection import Client, Connection
from typing import Any

from vlabench.adapters.base import Policy
from vlabench.episode.child import Address
from vlabench.errors import VlabenchError
from vlabench.seeding import Draws
from vlabench.types import Decision, Observation

PATIENCE = 10.0
"""Seconds that a proxy tries to reach a host for."""


class Asked(VlabenchError):
    """An error of the policy, as the host tells it."""


class HostDied(VlabenchError):
    """The policy's process ended while it was asked, or before."""


class Proxy(Policy):
    """Stands in a worker for the policy that a host has."""

    def __init__(self, address: Address, key: bytes) -> None:
        self._address, self._key = address, key
        self._line: Connection[Any, Any] | None = None

    def reset(self, slots: Sequence[int], draws: Sequence[Draws]) -> None:
        """Passed on."""
        self._ask("reset", list(slots), list(draws))

    def act(self, obs: Observation) -> Decision:
        """The host's answer. Raises what the policy raised: an error of that name, with its words."""
        answer: Decision = self._ask("act", obs)
        return answer

    def fresh(self, obs: Observation, draws: Sequence[Draws]) -> Decision:
        """`reset` of the slots that `obs` is about, and `act`, in one go."""
        answer: Decision = self._asks(("reset", obs.slots.tolist(), list(draws)), ("act", obs))
        return answer

    def settle(self) -> None:
        """Passed on. Raises as `act` does."""
        self._ask("settle")

    def close(self) -> None:
        """Hang up."""
        if self._line is not None:
            self._line.close()

    def _ask(self, *what: Any) -> Any:
        return self._asks(what)

    def _asks(self, *messages: tuple[Any, ...]) -> Any:
        """The answer to the last one. Raises what the first of them met that met an error."""
        try:
            self._line = self._line or _reached(self._address, self._key)
            for message in messages:
                self._line.send(message)
            answers = [self._line.recv() for _ in messages]
        except (EOFError, OSError) as trouble:
            self._line = None
            raise HostDied(f"the process that holds the policy has ended ({type(trouble).__name__})") from None
        for error, answer in answers:
            if error:
                raise type(error, (Asked,), {})(answer)
        return answers[-1][1]


def _reached(address: Address, key: bytes) -> Connection[Any, Any]:
    """A line to a host, which may be about to begin. Raises OSError."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return at_once(Client(address, authkey=key))
        except (FileNotFoundError, ConnectionRefusedError):
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def at_once(line: Connection[Any, Any]) -> Connection[Any, Any]:
    """This line, which sends what it is given at once: between machines, TCP would wait for more of a short message."""
    with socket.socket(fileno=os.dup(line.fileno())) as end:
        if end.family == socket.AF_INET:
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return line
