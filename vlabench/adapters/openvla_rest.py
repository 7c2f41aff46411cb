"""A policy behind OpenVLA's server (`vla-scripts/deploy.py`): JSON over HTTP, one action an answer."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from vlabench.adapters.wire.base import LIMITS, MOVES, SENDS, Served, ToMove, ToSend, Url, Within
from vlabench.adapters.wire.line import Line
from vlabench.adapters.wire.rest import RestLine, WrappedRestLine


class OpenvlaRest(Served):
    """Asks it once a look."""

    protocol = RestLine
    example = "http://localhost:8000"

    def __init__(self, url: Url = "", sends: ToSend = SENDS, moves: ToMove = MOVES, limits: Within = LIMITS,
                 encoded: Annotated[bool, Field(
                     description="Whether requests are wrapped once more, as {\"encoded\": …}.")] = False) -> None:
        super().__init__(url, sends, moves, limits)
        self._encoded = encoded

    def line(self) -> Line:
        return (WrappedRestLine if self._encoded else RestLine)(self.url, self.limits, self.sends)
