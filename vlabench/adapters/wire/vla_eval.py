"""vla-eval's protocol, version 1: frames in msgpack over a WebSocket, each with a number that its answer repeats."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from vlabench import __version__
from vlabench.adapters.wire.arrays import Array, Garbled, numbers, pack, plain, unpack
from vlabench.adapters.wire.line import Line, told
from vlabench.adapters.wire.shaping import Look
from vlabench.adapters.wire.sockets import OPENING, Socket
from vlabench.errors import ServerError

VERSION = 1
FRAME = ("type", "payload", "seq", "timestamp")
"""What every message has."""


class VlaEvalLine(Line):
    """To a model server of vla-eval's. The server keeps the chunk of an episode, so each has a line of its own."""

    sessions = True
    _socket: Socket | None = None
    _seq = 0

    def open(self) -> dict[str, Any]:
        """Its hello."""
        self._socket = Socket(self.url, self.limits, {})
        self._send("hello", {"harness_version": f"vlabench {__version__}", "protocol_version": VERSION})
        said = plain(self._answer("hello", OPENING))
        if said.get("protocol_version") != VERSION:
            raise Garbled(f"it speaks version {said.get('protocol_version')!r} of vla-eval's protocol, not {VERSION}")
        return dict(said)

    def begin(self, instruction: str) -> None:
        self._send("episode_start", {"task": {"name": instruction}})

    def end(self) -> None:
        self._send("episode_end", {})

    def ask(self, look: Look) -> Array:
        self._send("observation", {"images": look.pictures, self.sends.instruction: look.instruction, **look.state,
                                   **self.sends.extra})
        return numbers(self._answer("action").get("actions"), "actions")

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()

    def _send(self, kind: str, payload: Mapping[str, Any]) -> None:
        assert self._socket is not None
        self._seq += 1
        self._socket.send(pack(dict(zip(FRAME, (kind, payload, self._seq, time.time()), strict=True)), "vla_eval"))

    def _answer(self, kind: str, patience: float | None = None) -> dict[str, Any]:
        """The payload of the next message, which has to be of this kind and to the last one that was sent."""
        assert self._socket is not None
        message = self._socket.receive(patience)
        found = None if isinstance(message, str) else unpack(message, "vla_eval")
        if not isinstance(found, dict) or not isinstance(found.get("payload"), dict) or set(FRAME) - set(found):
            raise Garbled("a message that is not of vla-eval's protocol")
        if found["type"] == "error":
            raise ServerError(f"it met an error: {told(found['payload'].get('error'))}")
        if found["type"] != kind or found["seq"] != self._seq:
            raise Garbled(f"{told(found['type'])} {told(found['seq'])} in answer to {self._seq}; expected {kind} "
                          f"{self._seq}")
        payload: dict[str, Any] = found["payload"]
        return payload


def unmet(params: Mapping[str, Any], pictures: int, state: bool, absolute: bool, waived: Sequence[str]) -> list[str]:
    """Which of a server's `observation_params` cannot be met, a sentence each. pictures, state: what it is sent.
    absolute: what its actions are taken for. waived: names that do not matter.

    A seed chooses nothing here: start states are the published ones. How rotations are told, the caller sees to.
    """
    met: dict[str, Callable[[Any], bool]] = {
        "send_wrist_image": lambda value: pictures > 1 or not value, "send_state": lambda value: state or not value,
        "absolute_action": lambda value: bool(value) == absolute, "num_steps_wait": lambda value: bool(value == 10),
        "quat_no_antipodal": lambda value: True, "env_seed": lambda value: True, "seed": lambda value: True,
    }
    return [f"{told(name)} = {told(value)}" for name, value in params.items()
            if name not in waived and not (name in met and met[name](value))]
