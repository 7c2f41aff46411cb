"""A policy behind openpi's server, such as π0.5: msgpack over a WebSocket."""

from __future__ import annotations

from vlabench.adapters.wire.base import LIMITS, MOVES, SENDS, Served, ToMove, ToSend, Url, Within
from vlabench.adapters.wire.openpi import OpenpiLine


class Openpi(Served):
    """Asks it once a look."""

    protocol = OpenpiLine
    example = "ws://localhost:8000"

    def __init__(self, url: Url = "", sends: ToSend = SENDS, moves: ToMove = MOVES, limits: Within = LIMITS) -> None:
        super().__init__(url, sends, moves, limits)
