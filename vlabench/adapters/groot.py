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
        """Raises ServerError if it wants a picture or a part of the state that it is not sent, or some of the past."""
        sent = {key.partition(".")[2] or key for key in (*self.sends.pictures.values(), *self.sends.state)}
        wanted = {kind: _modality(said.get(kind)) for kind in ("video", "state")}
        lacking = [name for kind, (names, _) in wanted.items() for name in names
                   if name.removeprefix(f"{kind}.") not in sent]
        if lacking:
            raise ServerError(f"it wants {', '.join(map(told, lacking))} too\n  fix: options.sends on the card")
        for kind, (_, moments) in wanted.items():
            if moments > 1:
                raise ServerError(f"it wants the {kind} of {moments} moments at each look; here it gets that of one")
        return ()


def _modality(config: Any) -> tuple[list[str], int]:
    """The keys of a modality, and of how many moments it is; N1.5 tells it as a text in JSON, later ones as a table."""
    found = config.get("as_json", config) if isinstance(config, dict) else {}
    if isinstance(found, str):
        try:
            found = json.loads(found)
        except (ValueError, RecursionError):
            found = {}
    names, moments = (found.get(key) if isinstance(found, dict) else None for key in ("modality_keys", "delta_indices"))
    return ([name for name in names if isinstance(name, str)] if isinstance(names, list) else [],
            len(moments) if isinstance(moments, list) else 1)
