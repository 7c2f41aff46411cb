"""A policy behind openpi's server, such as π0.5: msgpack over a WebSocket."""

from __future__ import annotations

from vlabench.adapters.wire.base import LIMITS, MOVES, SENDS, Served, Url
from vlabench.adapters.wire.line import Limits
from vlabench.adapters.wire.openpi import OpenpiLine
from vlabench.adapters.wire.shaping import Moves, Sends


class Openpi(Served):
    """Asks it once a look."""

    protocol = OpenpiLine
    example = "ws://localhost:8000"

    def __init__(self, url: Url = "", sends: Sends = SENDS, moves: Moves = MOVES, limits: Limits = LIMITS) -> None:
        super().__init__(url, sends, moves, limits)
