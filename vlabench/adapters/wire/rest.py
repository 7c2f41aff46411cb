"""OpenVLA's and OpenVLA-OFT's protocol: JSON over HTTP, `POST /act`, arrays as json-numpy has them."""

from __future__ import annotations

import http.client
import io
import time
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from vlabench.adapters.wire.arrays import Array, Garbled, from_json, numbers, to_json
from vlabench.adapters.wire.line import UNWELCOME, Line, Lost, refused, told
from vlabench.adapters.wire.shaping import Look
from vlabench.adapters.wire.sockets import OPENING
from vlabench.errors import OptionError, ServerError
from vlabench.util.timely import Timely

_PIECE = 2**16  # bytes that are read at a time


class _Answer(http.client.HTTPResponse):
    """One that has to be there at a given moment, headers and all."""

    def __init__(self, line: Any, *given: Any, until: float, **named: Any) -> None:
        super().__init__(line, *given, **named)
        self.fp = io.BufferedReader(Timely(line, self.fp, until))


class RestLine(Line):
    """To `vla-scripts/deploy.py`. Each request is a connection of its own, so that another server may answer the next.
    """

    lasting = False

    def open(self) -> dict[str, Any]:
        """Nothing is said. Raises Lost where nobody listens."""
        connection = self._connection(OPENING)
        try:
            connection.connect()
        except OSError as error:
            raise Lost(told(error)) from None
        finally:
            connection.close()
        return {}

    def ask(self, look: Look) -> Array:
        body = {**look.pictures, **look.state, self.sends.instruction: look.instruction, **self.sends.extra}
        reply = from_json(self._post(to_json(self.wrapped(body))))
        if isinstance(reply, str):  # of the variant that wraps everything in a text once more
            reply = from_json(reply) if reply.lstrip()[:1] in ("{", "[") else {"error": reply}
        if isinstance(reply, dict) and "error" in reply:
            raise ServerError(f"it met an error: {told(reply['error'])}")
        if isinstance(reply, list) and reply and all(isinstance(each, np.ndarray) for each in reply):
            if len({each.shape for each in reply}) > 1:
                raise Garbled("a list of actions of different sizes")
            reply = np.stack(reply)
        return numbers(reply, "actions")

    def wrapped(self, body: dict[str, Any]) -> dict[str, Any]:
        """The request as the server takes it."""
        return body

    def close(self) -> None:
        return None

    def _connection(self, patience: float) -> http.client.HTTPConnection:
        parts = urlsplit(self.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        try:
            return kind(parts.hostname or "", parts.port, timeout=patience)
        except (ValueError, http.client.InvalidURL):
            raise OptionError(f"url {self.url!r} is no address") from None

    def _post(self, body: bytes) -> bytes:
        """What the server answers, within the limits. Raises Lost, Garbled, ServerError."""
        until = time.monotonic() + self.limits.answer
        connection = self._connection(self.limits.answer)
        headers = {"Content-Type": "application/json"}
        if secret := self.limits.secret:
            headers["Authorization"] = f"Bearer {secret}"
        path = urlsplit(self.url).path.rstrip("/")
        connection.response_class = partial(_Answer, until=until)  # type: ignore[assignment]
        try:
            connection.connect()
            connection.sock.settimeout(max(until - time.monotonic(), 0.001))
            connection.request("POST", path if path.endswith("/act") else f"{path}/act", body, headers)
            with connection.getresponse() as response:
                found = self._read(response)
        except TimeoutError:
            raise Lost(f"no answer within {self.limits.answer:g} s") from None
        except (OSError, http.client.HTTPException) as error:
            raise Lost(f"{type(error).__name__}: {told(error)}") from None
        finally:
            connection.close()
        if response.status in UNWELCOME:
            raise refused(self.limits)
        if response.status != 200:
            raise ServerError(f"it answers with status {response.status}: {told(found.decode(errors='replace'))}")
        return found

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        if (response.length or 0) > self.limits.bytes:
            raise Garbled(f"an answer of more than {self.limits.megabytes} MiB")
        expected, found = response.length, bytearray()
        while piece := response.read1(_PIECE):
            found += piece
            if len(found) > self.limits.bytes:
                raise Garbled(f"an answer of more than {self.limits.megabytes} MiB")
        if expected is not None and len(found) != expected:
            raise Lost(f"{len(found)} of {expected} bytes of an answer")
        return bytes(found)


class WrappedRestLine(RestLine):
    """To the variant of the server that takes and gives a text with the JSON in it."""

    def wrapped(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"encoded": to_json(body).decode()}
