"""`vlabench serve`: a policy in a process of its own, a door for its clients, and a line of numbers while it runs."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from multiprocessing import connection
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from vlabench import __version__
from vlabench.adapters.base import find_adapter
from vlabench.adapters.wire.reverse import Reverse
from vlabench.adapters.wire.shaping import Moves, Sends
from vlabench.cards import load_policy
from vlabench.cards.find import check_simulator, simulators_for
from vlabench.cards.policy import PolicyCard
from vlabench.episode.hosting import Hosting
from vlabench.errors import OptionError, UnknownName, WorkerError
from vlabench.serving.doors import Door
from vlabench.serving.groot import GrootDoor
from vlabench.serving.rest import RestDoor
from vlabench.serving.service import Offer, Service
from vlabench.serving.websocket import OpenpiDoor, VlaEvalDoor
from vlabench.simulators.base import find_simulator
from vlabench.types import ActionSpace

START_LIMIT = 900.0
"""Seconds that the policy may take to load."""
LOSSES = 3
"""So many times in a row, with no look answered in between, may its process end."""
EVERY = 10.0
"""Seconds between two lines of numbers where the output is no terminal."""
_BEAT = 0.5


@dataclass(frozen=True)
class Protocol:
    """clients: their card, by default. adapter: what such cards have. tokens: whether it knows any."""

    clients: str
    adapter: str
    port: int
    door: Callable[..., Door]
    tokens: bool = True


PROTOCOLS = {
    "openpi": Protocol("openpi", "openpi", 8000, OpenpiDoor),
    "vla-eval": Protocol("vla-eval", "vla_eval", 8000, VlaEvalDoor, tokens=False),
    "openvla": Protocol("openvla-rest", "openvla_rest", 8000, RestDoor),
    "openvla-oft": Protocol("openvla-oft-rest", "openvla_oft_rest", 8777, partial(RestDoor, chunks=True)),
    "groot": Protocol("groot", "groot", 5555, GrootDoor),
}


class Serving:
    """A policy that is served. url: where. service: what its clients share."""

    def __init__(self, hosting: Hosting, service: Service, door: Door, note: Callable[[str], None]) -> None:
        self.url, self.service = door.url, service
        self._hosting, self._note = hosting, note
        self._losses, self._looks = 0, 0

    def mind(self, patience: float) -> None:
        """Keep the policy alive for about so many seconds. Raises WorkerError if it does not stay alive."""
        connection.wait(self._hosting.connections, patience)
        if lost := self._hosting.mind(None):
            self._note(f"the policy's process {lost}")
            self._losses = 1 if self.service.tally.looks > self._looks else self._losses + 1
            self._looks = self.service.tally.looks
            if self._losses >= LOSSES:
                raise WorkerError(f"the policy's process ended {self._losses} times; the last one {lost}")
            self._hosting.mind(None)


@contextlib.contextmanager
def serving(policy: str, protocol: str, *, clients: str | None = None, host: str = "127.0.0.1",
            port: int | None = None, token: str = "", seed: int = 0, max_clients: int = 64,
            note: Callable[[str], None] = lambda text: None) -> Iterator[Serving]:
    """Serves a policy (a name, or the path of a card) while the context lasts; somebody has to `mind` it.

    clients: the card of who asks; by default the protocol's own. port: by default the usual one; 0 for a free one.
    token: "" for none. note: hears what a user should know. Raises VlabenchError for what does not fit.
    """
    if protocol not in PROTOCOLS:
        raise UnknownName("protocol", protocol, PROTOCOLS, where="--protocol")
    spoken = PROTOCOLS[protocol]
    if token and not spoken.tokens:
        raise OptionError(f"--token-env: {protocol}'s protocol has no place for a token\n  fix: leave it out, and let "
                          f"--host be 127.0.0.1; clients elsewhere come by an SSH tunnel")
    if max_clients < 1:
        raise OptionError(f"--max-clients {max_clients}: at least 1")
    if not 0 <= (port or 0) < 2**16:
        raise OptionError(f"--port {port}: must be in 0 … {2**16 - 1}")
    card = _servable(load_policy(policy))
    asking = load_policy(clients or spoken.clients)
    offer, space, extra = offered(card, asking, spoken.adapter, seed, token, max_clients)
    hosting = Hosting(card.actor(host=True), space, START_LIMIT)
    try:
        while not hosting.ready:
            if lost := hosting.mind(None):
                raise WorkerError(f"the policy's process could not start: {lost}")
            connection.wait(hosting.connections, _BEAT)
        service = Service(offer, hosting.actor.make, lambda: hosting.ready, note)  # type: ignore[arg-type]
        door = spoken.door(service, host, spoken.port if port is None else port, **extra)
        try:
            yield Serving(hosting, service, door, note)
        finally:
            door.close()
            service.close()
    finally:
        hosting.close()
        hosting.rest(2.0)
        hosting.cleanup()


def offered(card: PolicyCard, asking: PolicyCard, adapter: str, seed: int = 0, token: str = "",
            max_clients: int = 64) -> tuple[Offer, ActionSpace, dict[str, Any]]:
    """What of a policy's card clients of the card `asking` are offered; what actions mean; what else the door needs.

    adapter: that the clients' card has to have. Raises OptionError, UnsupportedError for what does not fit.
    """
    if asking.kind is not find_adapter(adapter):
        raise OptionError(f"--clients {asking.name}: its adapter is {asking.adapter!r}, not {adapter!r}\n"
                          f"  fix: another card, or another --protocol")
    name = asking.simulator or simulators_for(card)[0]
    engine = find_simulator(name)
    check_simulator(card, name, engine, fix=f"--clients CARD, of clients that play {card.simulator}")
    options, space = asking.resolved_options, engine.action_space
    sends, moves = Sends.model_validate(options["sends"]), Moves.model_validate(options["moves"])
    sends.check(asking.cameras)
    said = {"policy": card.name, "digest": card.digest, "vlabench": __version__}
    reverse = Reverse(sends, moves, card.cameras, card.image_size, space)
    extra: dict[str, Any] = {key: options[key] for key in ("layout", "actions") if key in options}
    return Offer(said, reverse, card.replan, seed, token, max_clients), space, extra


def _servable(card: PolicyCard) -> PolicyCard:
    """Raises OptionError for a policy that cannot be served."""
    if card.privileged:
        raise OptionError(f"policy {card.name!r} reads the simulator's state, which clients do not send\n"
                          f"  fix: --policy P, one that sees what they see")
    if card.served:
        raise OptionError(f"policy {card.name!r} is behind a server already\n  fix: let clients ask that one")
    return card


def watch(served: Serving, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
    """Mind a policy, and show how it is asked, until KeyboardInterrupt. Raises WorkerError."""
    tally = served.service.tally
    if console.is_terminal:
        with Live(Text(""), console=console, auto_refresh=False, transient=True) as live:
            while True:
                served.mind(_BEAT)
                live.update(Text(tally.line()), refresh=True)
    told, before = clock(), (tally.clients, tally.looks, tally.errors)
    while True:
        served.mind(_BEAT)
        if clock() - told >= EVERY and before != (tally.clients, tally.looks, tally.errors):
            told, before = clock(), (tally.clients, tally.looks, tally.errors)
            console.print(tally.line(), markup=False, highlight=False)
