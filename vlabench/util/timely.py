"""A socket's bytes until a given moment: a limit for the whole of what comes, in however small pieces."""

from __future__ import annotations

import io
import socket
import time
from typing import Any


class Timely(io.RawIOBase):
    """The bytes of a socket; to be read through an io.BufferedReader. file: of its `makefile`. until: the moment, of
    `time.monotonic`, after which reading raises TimeoutError.
    """

    def __init__(self, line: socket.socket, file: Any, until: float) -> None:
        self._line, self._file, self.until = line, file, until

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._line.settimeout(left)
        found: int | None = self._file.raw.readinto(buffer)
        return found

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()
