from __future__ import annotations

import io
import socket
import time

import pytest

from vlabench.util.timely import Timely


def test_what_comes_in_time_is_read_and_the_rest_is_not_waited_for() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, io.BufferedReader(Timely(ours, ours.makefile("rb"), time.monotonic() + 0.1)) as file:
        theirs.sendall(b"one\ntw")
        assert file.readline() == b"one\n"
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            file.readline()
        assert time.monotonic() - began < 1
        theirs.sendall(b"o\n")
        with pytest.raises(TimeoutError):  # however much is there
            file.read1(9)
