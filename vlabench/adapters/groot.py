"""A policy behind GR00T's server (NVIDIA), of N1.5 or of N1.6 and later: msgpack over ZeroMQ."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from vlabench.adapters.wire.base import LIMITS, MOVES, SENDS, Served, ToMove, ToSend, Url, Within
from vlabench.adapters.wire.groot import GrootLine, Layout
from vlabench.adapters.wire.line import told
from vlabench.errors import OptionError, ServerError


class Groot(Served):
    """Asks it once a look."""

    protocol = GrootLine
    example = "tcp://localhost:5555"

    def __init__(self, url: Url = "", sends: ToSend = SENDS, moves: ToMove = MOVES, limits: Within = LIMITS,
                 layout: Annotated[Layout, Field(
                     description="How requests are laid out: for N1.6's and later's simulation wrapper, for their "
                                 "server without it, or for N1.5's.")] = "wrapped",
                 actions: Annotated[list[str], Field(
                     description="Keys of the reply's actions, in the order of the robot's numbers.")] = [],  # noqa: B006
                 ) -> None:
        if not actions:
            raise OptionError("options.actions names no key of the reply, such as \"action.x\"")
        super().__init__(url, sends, moves, limits)
        self._layout, self._actions = layout, tuple(actions)

    def line(self) -> GrootLine:
        return GrootLine(self.url, self.limits, self.sends, self._layout, self._actions)

    def hear(self, said: dict[str, Any]) -> Sequence[str]:
        """Raises ServerError if it wants a picture or a part of the state that it is not sent."""
        sent = {key.partition(".")[2] or key for key in (*self.sends.pictures.values(), *self.sends.state)}
        lacking = [name for kind in ("video", "state") for name in _names(said.get(kind))
                   if name.removeprefix(f"{kind}.") not in sent]
        if lacking:
            raise ServerError(f"it wants {', '.join(map(told, lacking))} too\n  fix: options.sends on the card")
        return ()


def _names(modality: Any) -> list[str]:
    """The keys of a modality, which may be told as a text in JSON."""
    if isinstance(modality, dict) and isinstance(modality.get("as_json"), str):
        try:
            modality = json.loads(modality["as_json"])
        except (ValueError, RecursionError):
            return []
    found = modality.get("modality_keys") if isinstance(modality, dict) else None
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []
