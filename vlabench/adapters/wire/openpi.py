"""openpi's protocol: msgpack over a WebSocket; the server speaks first, then answers one observation at a time."""

from __future__ import annotations

from typing import Any

from vlabench.adapters.wire.arrays import Array, Garbled, numbers, pack, plain, unpack
from vlabench.adapters.wire.line import Line, told
from vlabench.adapters.wire.shaping import Look
from vlabench.adapters.wire.sockets import OPENING, Socket
from vlabench.errors import ServerError


class OpenpiLine(Line):
    """To a server of openpi's `scripts/serve_policy.py`, or one like it."""

    _socket: Socket | None = None

    def open(self) -> dict[str, Any]:
        """Its metadata."""
        secret = self.limits.secret
        self._socket = Socket(self.url, self.limits, {"Authorization": f"Api-Key {secret}"} if secret else {})
        said = plain(self._message(self._socket.receive(OPENING)))
        if not isinstance(said, dict):
            raise Garbled("it does not begin with its metadata: is it openpi's protocol that it speaks?")
        return said

    def ask(self, look: Look) -> Array:
        assert self._socket is not None
        self._socket.send(pack({**look.pictures, **look.state, self.sends.instruction: look.instruction,
                                **self.sends.extra}, "openpi"))
        reply = self._message(self._socket.receive())
        found = reply.get("actions") if isinstance(reply, dict) else None
        return numbers(found, "actions")

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()

    @staticmethod
    def _message(message: bytes | str) -> Any:
        if isinstance(message, str):
            raise ServerError(f"it met an error: {told(message)}")
        return unpack(message, "openpi")
