"""GR00T's protocol: msgpack over ZeroMQ, a request and its reply, arrays as .npy files; of N1.5 and of N1.6 and later.

Keys are flat, as those of its simulation wrapper: `video.image`, `state.x`, `action.gripper`. Of a server without the
wrapper they are in tables: `video` → `image`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from vlabench.adapters.wire.arrays import Array, Garbled, pack, plain, unpack
from vlabench.adapters.wire.line import Limits, Line, Lost, refused, told
from vlabench.adapters.wire.shaping import Look, Sends
from vlabench.errors import MissingExtra, OptionError, ServerError

Layout = Literal["wrapped", "nested", "n1.5"]


class GrootLine(Line):
    """To `run_gr00t_server.py` or `inference_service.py`. ZeroMQ connects anew by itself: another server may answer the
    next request. actions: keys of the reply, in the order of our numbers.
    """

    lasting = False
    _context: Any = None
    _socket: Any = None

    def __init__(self, url: str, limits: Limits, sends: Sends, layout: Layout, actions: Sequence[str]) -> None:
        super().__init__(url, limits, sends)
        self._layout, self._actions = layout, actions

    def open(self) -> dict[str, Any]:
        """Its modalities."""
        try:
            import zmq
        except ImportError as error:
            raise MissingExtra(error.name or "zmq", "remote", "a policy behind GR00T's server") from error
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.REQ)
        for option, value in ((zmq.LINGER, 0), (zmq.MAXMSGSIZE, self.limits.bytes)):
            self._socket.setsockopt(option, value)
        try:
            self._socket.connect(self.url)
        except zmq.ZMQError as error:
            raise OptionError(f"url {self.url!r}: {told(error)}") from None
        said = plain(self._request("get_modality_config", patience=min(10.0, self.limits.answer)))
        return said if isinstance(said, dict) else {}

    def begin(self, instruction: str) -> None:
        if self._layout != "n1.5":
            self._request("reset", {"options": None})

    def ask(self, look: Look) -> Array:
        batched = {key: picture[None] if self._layout == "n1.5" else picture[None, None]
                   for key, picture in look.pictures.items()}
        states = {key: value[None] if self._layout == "n1.5" else value[None, None]
                  for key, value in look.state.items()}
        seen: dict[str, Any] = {**batched, **states, self.sends.instruction: [look.instruction], **self.sends.extra}
        if self._layout == "nested":
            seen = _nested({**seen, self.sends.instruction: [[look.instruction]]})
        data = seen if self._layout == "n1.5" else {"observation": seen, "options": None}
        reply = self._request("get_action", data)
        return self._chunk(reply[0] if isinstance(reply, list) and reply else reply)

    def close(self) -> None:
        if self._context is not None:
            self._context.destroy(linger=0)

    def _chunk(self, reply: Any) -> Array:
        """The named actions beside each other, [T, D]."""
        if not isinstance(reply, dict):
            raise Garbled(f"an answer that is a {type(reply).__name__}; expected actions by name")
        parts = []
        for key in self._actions:
            found = reply.get(key, reply.get(key.removeprefix("action.")))
            if not isinstance(found, np.ndarray) or found.dtype.kind not in "iuf" or not 1 <= found.ndim <= 3 \
                    or not found.size:
                raise Garbled(f"an answer without {key!r}, but with {told(', '.join(map(str, reply)) or 'nothing')}\n"
                              f"  fix: options.actions on the card")
            if found.ndim == 3 or (found.ndim == 2 and self._layout != "n1.5"):
                found = found[0]  # of the only row that was asked for
            parts.append(found.reshape(len(found), -1))
        if len({len(part) for part in parts}) != 1:
            raise Garbled(f"actions of different lengths: {[len(part) for part in parts]}")
        return np.concatenate(parts, axis=1)

    def _request(self, endpoint: str, data: Any = None, patience: float | None = None) -> Any:
        import zmq

        patience = patience or self.limits.answer
        secret = self.limits.secret
        request = {"endpoint": endpoint, **({} if data is None else {"data": data}),
                   **({"api_token": secret} if secret else {})}
        try:
            self._socket.send(pack(request, "groot"))
            if not self._socket.poll(1000 * patience):
                raise Lost(f"no answer within {patience:g} s, or one of more than {self.limits.megabytes} MiB")
            message = self._socket.recv()
            whole = not self._socket.getsockopt(zmq.RCVMORE)
        except zmq.ZMQError as error:
            raise Lost(told(error)) from None
        reply = unpack(message, "groot") if whole else None
        if not isinstance(reply, (dict, list)):
            raise Garbled("an answer that is not of GR00T's protocol")
        if isinstance(reply, dict) and str(reply.get("error")).startswith("Unauthorized"):
            raise refused(self.limits)
        if isinstance(reply, dict) and "error" in reply:
            raise ServerError(f"it met an error: {told(reply['error'])}")
        return reply


def _nested(seen: dict[str, Any]) -> dict[str, Any]:
    """`video.image` → `video` → `image`; what has no kind before a dot is of language."""
    found: dict[str, Any] = {}
    for key, value in seen.items():
        kind, dot, name = key.partition(".")
        known = dot and kind in ("video", "state")
        found.setdefault(kind if known else "language", {})[name if known else key] = value
    return found
