"""Clients that say nothing, or take their time: others come in all the same."""

from __future__ import annotations

import socket as sockets
import threading
import time
import urllib.request
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.serving.offices import served
from tests.toy.toy import Seeker
from vlabench.serving.rest import RestDoor
from vlabench.serving.websocket import OpenpiDoor


def healthy(url: str) -> bool:
    with urllib.request.urlopen(url.replace("ws:", "http:") + "/health", timeout=5) as health:
        return bool(health.status == 200)


@pytest.mark.long  # it counts threads, which a busy machine starts and ends late
@pytest.mark.parametrize("door", [RestDoor, OpenpiDoor])
@pytest.mark.parametrize("begun", [b"", b"POST /act HTTP/1.1\r\n"])
def test_who_says_nothing_keeps_nobody_out_and_is_not_waited_for_by_ever_more_threads(
        door: Any, begun: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("websockets")
    monkeypatch.setattr("vlabench.serving.doors.SPARE", 3)
    with served(door, Seeker, max_clients=2) as (url, service), ExitStack() as stack:
        before = set(threading.enumerate())
        for _ in range(30):
            silent = stack.enter_context(sockets.create_connection((urlsplit(url).hostname, urlsplit(url).port)))
            silent.sendall(begun)
        until = time.monotonic() + 5
        most = 2 * (2 + 3 + 1)  # two threads for each that has a seat, and for one that goes
        while len(set(threading.enumerate()) - before) > most and time.monotonic() < until:
            time.sleep(0.01)
        assert len(set(threading.enumerate()) - before) <= most and service.tally.clients == 0
        assert healthy(url)


def test_the_headers_of_a_request_have_one_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vlabench.serving.rest.STALLED", 0.3)
    with served(RestDoor, Seeker) as (url, _):
        with sockets.create_connection((urlsplit(url).hostname, urlsplit(url).port)) as slow:
            began = time.monotonic()
            with pytest.raises(OSError):
                slow.sendall(b"POST /act HTTP/1.1\r\n")
                while time.monotonic() < began + 3:
                    slow.sendall(b"X: y\r\n")
                    time.sleep(0.05)
        assert time.monotonic() - began < 2
