"""A policy behind a model server of vla-eval's (AllenAI): framed messages in msgpack over a WebSocket."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from vlabench.adapters.wire.base import LIMITS, MOVES, SENDS, Served, ToMove, ToSend, Url, Within
from vlabench.adapters.wire.line import told
from vlabench.adapters.wire.vla_eval import VlaEvalLine, unmet
from vlabench.errors import ServerError

WITHOUT = "axis_angle_short"
"""How vla-eval's harness tells rotations to a server that does not ask for `quat_no_antipodal`."""


class VlaEval(Served):
    """Asks it once a look, in a session for each slot; heeds what the server asks of its harness, or refuses it."""

    protocol = VlaEvalLine
    example = "ws://localhost:8000"

    def __init__(self, url: Url = "", sends: ToSend = SENDS, moves: ToMove = MOVES, limits: Within = LIMITS,
                 waive: Annotated[list[str], Field(
                     description="Of the server's `observation_params`, those that are not met here and do not matter, "
                                 "such as max_steps.")] = []) -> None:  # noqa: B006  # it is only read
        super().__init__(url, sends, moves, limits)
        self._waived, self._asked_for = tuple(waive), self.sends

    def hear(self, said: dict[str, Any]) -> Sequence[str]:
        """Raises ServerError for requests that cannot be met, and for specifications that do not fit."""
        params, wanted = (found if isinstance(found := said.get(key), dict) else {}
                          for key in ("observation_params", "observation_spec"))
        sends = self.sends = self._asked_for
        lacking = unmet(params, len(sends.pictures), bool(sends.state), self.moves.absolute, self._waived)
        if lacking:
            raise ServerError(f"it asks for what it does not get here: {', '.join(lacking)}\n  fix: the card's "
                              f"cameras, options.sends and options.moves; or options.waive, for what does not matter")
        size = _size(said.get("action_spec"))
        if size not in (None, self.space.size):
            raise ServerError(f"its actions have {size} numbers, the robot's here {self.space.size}")
        if "state" in wanted and not sends.state:
            raise ServerError("it wants the robot's state\n  fix: options.sends.state on the card")
        if not params.get("quat_no_antipodal"):
            state = {key: [WITHOUT if part == "axis_angle" else part for part in parts]
                     for key, parts in sends.state.items()}
            self.sends = sends.model_copy(update={"state": state})
        unused = [f"it does not ask for {what}, which it is sent" for what, sent, key in (
            ("a second picture", len(sends.pictures) > 1, "send_wrist_image"),
            ("the state", bool(sends.state), "send_state")) if sent and not params.get(key)]
        return [f"the server at {told(self.url)}: {text}" for text in unused]


def _size(spec: Any) -> int | None:
    """D, of a specification that says of every part of an action how many numbers it has."""
    parts = [part.get("dims") for part in spec.values() if isinstance(part, dict)] if isinstance(spec, dict) else []
    dims = [each for each in parts if isinstance(each, int) and each > 0]
    return sum(dims) if dims and len(dims) == len(parts) else None
