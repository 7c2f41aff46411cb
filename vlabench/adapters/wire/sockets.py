"""A WebSocket to a server, with limits on time and size; its trouble in our errors."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from vlabench.adapters.wire.arrays import Garbled
from vlabench.adapters.wire.line import UNWELCOME, Limits, Lost, refused, told
from vlabench.errors import MissingExtra

OPENING = 10.0
"""Seconds for a connection to be made, at most."""
CLOSING = 1.0
"""Seconds for a server to agree that it is over."""


class Socket:
    """Sends and receives messages. Raises Lost, and Garbled for what is no message or too large a one."""

    def __init__(self, url: str, limits: Limits, headers: dict[str, str]) -> None:
        try:
            from websockets.exceptions import InvalidURI, WebSocketException
            from websockets.sync.client import connect
        except ImportError as error:
            raise MissingExtra(error.name or "websockets", "remote", "a policy behind a server") from error
        self._limits = limits
        self._trouble: tuple[type[Exception], ...] = (WebSocketException, OSError, EOFError)
        self._stack = ExitStack()
        try:  # compression would let a small message become a large one
            self._socket: Any = self._stack.enter_context(connect(
                url, compression=None, max_size=limits.bytes, additional_headers=headers, open_timeout=OPENING,
                close_timeout=CLOSING, ping_interval=None, proxy=None))
        except InvalidURI as error:
            raise Garbled(f"{told(error)}: no address of a WebSocket") from None
        except TimeoutError:
            raise Lost(f"no answer within {OPENING:g} s") from None
        except self._trouble as error:
            if getattr(getattr(error, "response", None), "status_code", 0) in UNWELCOME:
                raise refused(limits) from None
            raise Lost(told(error)) from None

    def send(self, message: bytes) -> None:
        """One message."""
        try:
            self._socket.send(message)
        except self._trouble as error:
            raise self._lost(error) from None

    def receive(self, patience: float | None = None) -> bytes | str:
        """The next message. patience: seconds, by default those for an answer."""
        patience = patience or self._limits.answer
        try:
            message: bytes | str = self._socket.recv(timeout=patience)
        except TimeoutError:
            raise Lost(f"no answer within {patience:g} s") from None
        except self._trouble as error:
            raise self._lost(error) from None
        return message

    def close(self) -> None:
        """Hang up."""
        with ExitStack() as quiet:
            quiet.push(lambda kind, error, trace: isinstance(error, self._trouble))
            self._stack.close()

    def _lost(self, error: Exception) -> Lost | Garbled:
        sent = getattr(error, "sent", None)
        if sent is not None and sent.code == 1009:
            return Garbled(f"an answer of more than {self._limits.megabytes} MiB")
        return Lost(told(error))
