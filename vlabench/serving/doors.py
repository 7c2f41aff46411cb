"""Where clients come in: a door listens at an address, in threads of its own, until it is closed."""

from __future__ import annotations

import contextlib
import socket as sockets
import threading
from abc import ABC, abstractmethod

from vlabench.errors import OptionError
from vlabench.serving.service import Service

SPARE = 64
"""Connections that may be silent beside those of clients."""


class Lobby:
    """Connections that have not yet asked for anything: where there are more than SPARE beside as many as there may be
    clients, the oldest has to go. So there is always room for whoever comes, and who says nothing keeps nobody out.
    """

    def __init__(self, clients: int) -> None:
        self._seats, self._lock = clients + SPARE, threading.Lock()
        self._waiting: dict[sockets.socket, None] = {}

    def enter(self, line: sockets.socket) -> None:
        """It has to ask for something, and then to `leave`."""
        with self._lock:
            self._waiting[line] = None
            oldest = next(iter(self._waiting)) if len(self._waiting) > self._seats else None
            if oldest is not None:
                del self._waiting[oldest]
        if oldest is not None:
            with contextlib.suppress(OSError):
                oldest.shutdown(sockets.SHUT_RDWR)

    def leave(self, line: sockets.socket) -> None:
        """It has asked, or gone."""
        with self._lock:
            self._waiting.pop(line, None)


class Door(ABC):
    """Opened by its constructor. Raises OptionError for an address that is not to be had, MissingExtra."""

    url: str

    @abstractmethod
    def __init__(self, service: Service, host: str, port: int) -> None:
        """port: 0 for any that is free."""

    @abstractmethod
    def close(self) -> None:
        """Nobody is answered any more."""


def taken(host: str, port: int, error: Exception) -> OptionError:
    """Of an address that cannot be listened at."""
    return OptionError(f"nothing can listen at {host}, port {port}: {getattr(error, 'strerror', None) or error}\n"
                       f"  fix: another --port, or --host")


def at(host: str, port: int) -> str:
    """`127.0.0.1:8000`, for a URL."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def start(name: str, work: object) -> threading.Thread:
    """A thread that ends with the process."""
    assert callable(work)
    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    return thread
