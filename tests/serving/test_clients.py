"""Clients as they should not be: each is told, or hung up on, and the others are answered all the same."""

from __future__ import annotations

import http.client
import json
import socket as sockets
import threading
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest

from tests.serving.offices import SAID, SENDS, served
from tests.toy.toy import Seeker
from vlabench.adapters.base import Policy
from vlabench.adapters.wire.arrays import from_json, pack, to_json, unpack
from vlabench.serving.groot import GrootDoor
from vlabench.serving.rest import RestDoor
from vlabench.serving.service import MESSAGE, Service
from vlabench.serving.websocket import OpenpiDoor, VlaEvalDoor
from vlabench.types import Decision, Observation

RIGHT: dict[str, Any] = {"top": np.eye(16, dtype=np.uint8)[:, :, None].repeat(3, 2), "state": np.array([0.5, 0.5]),
                         "prompt": "seek 0"}
FLAT: dict[str, Any] = {"pictures": {"top": "video.top"}, "size": 16, "state": {"state.point": ["proprio"]},
                        "instruction": "task"}
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"top": None}, "under 'top' is nothing; expected a picture"),
    ({"top": np.zeros((16, 16, 3))}, "under 'top' is float64 [16, 16, 3]"),
    ({"top": np.zeros((2, 16, 16, 3), np.uint8)}, "uint8 [2, 16, 16, 3]"),
    ({"top": np.zeros((8, 16, 3), np.uint8)}, "of 16 to 1024 pixels a side"),
    ({"prompt": 3}, "no instruction under 'prompt'"),
    ({"prompt": "x" * 5000}, "an instruction of 5000 characters"),
    ({"state": "run"}, "under 'state' are no numbers"),
    ({"state": np.array([np.nan, 0])}, "under 'state' are numbers that are not finite"),
    ({"state": np.zeros((2, 2))}, "under 'state' are no numbers [N] of one robot"),
]


def connected(url: str, **options: Any) -> Any:
    from websockets.sync.client import connect

    return connect(url, compression=None, max_size=None, **options)


def asked(socket: Any, request: Any) -> Any:
    socket.send(request if isinstance(request, (str, bytes)) else pack(request, "openpi"))
    reply = socket.recv(timeout=10)
    return reply if isinstance(reply, str) else unpack(reply, "openpi")


def quiet(service: Service) -> None:
    """Every client has gone."""
    until = time.monotonic() + 5
    while service.tally.clients and time.monotonic() < until:
        time.sleep(0.005)
    assert service.tally.clients == 0


# openpi


@pytest.fixture
def websockets() -> None:
    pytest.importorskip("websockets")


@pytest.mark.usefixtures("websockets")
def test_what_is_wrong_with_a_look_is_told_as_text_and_ends_the_connection() -> None:
    from websockets.exceptions import ConnectionClosed

    notes: list[str] = []
    with served(OpenpiDoor, Seeker, note=notes.append) as (url, service):
        with connected(url) as good:
            assert unpack(good.recv(), "openpi") == SAID
            for request, words in [*(({**RIGHT, **change}, words) for change, words in WRONG),
                                   (b"\xc1garbage", "not a message in msgpack"), ("hello", "no observation of openpi"),
                                   ([1, 2], "no observation of openpi")]:
                with connected(url) as bad:
                    bad.recv()
                    reply = asked(bad, request)
                    assert words in reply and len(reply) <= 200 and "Traceback" not in reply
                    with pytest.raises(ConnectionClosed) as caught:
                        bad.recv(timeout=5)
                    assert caught.value.rcvd is not None and caught.value.rcvd.code == 1011
            assert asked(good, RIGHT)["actions"].shape == (4, 3)
        quiet(service)
        assert service.tally.errors == len(WRONG) + 3 and len(notes) == len(WRONG) + 2  # the same twice is noted once


@pytest.mark.usefixtures("websockets")
def test_too_much_and_half_a_frame_cost_nobody_else_anything() -> None:
    from websockets.exceptions import ConnectionClosed

    with served(OpenpiDoor, Seeker) as (url, service), connected(url) as good:
        good.recv()
        with connected(url) as large:
            large.recv()
            with pytest.raises(ConnectionClosed):
                large.send(b"\0" * (MESSAGE + 1))
                large.recv(timeout=10)
        with connected(url) as half:
            half.recv()
            half.socket.sendall(b"\x82\xfe\x10\x00\0\0\0\0abc")
            half.socket.shutdown(sockets.SHUT_RDWR)
        with sockets.create_connection((urlsplit(url).hostname, urlsplit(url).port)) as other:
            other.sendall(b"\x16\x03\x01 something else\r\n\r\n")
            other.recv(100)
        assert asked(good, RIGHT)["actions"].shape == (4, 3)
        good.close()
        quiet(service)


class Slow(Policy):
    """Answers when it is told to."""

    def __init__(self, go: threading.Event, asked: threading.Event) -> None:
        self.go, self.asked = go, asked

    def act(self, obs: Observation) -> Decision:
        self.asked.set()
        assert self.go.wait(10)
        return Decision(np.zeros((len(obs.proprio), 2, 3)))


@pytest.mark.usefixtures("websockets")
def test_a_client_that_hangs_up_while_it_is_waited_for_is_forgotten() -> None:
    go, begun = threading.Event(), threading.Event()
    with served(OpenpiDoor, partial(Slow, go, begun)) as (url, service):
        with connected(url) as gone:
            gone.recv()
            gone.send(pack(RIGHT, "openpi"))
            assert begun.wait(5)
            gone.socket.shutdown(sockets.SHUT_RDWR)
        go.set()
        quiet(service)
        with connected(url) as good:
            good.recv()
            assert asked(good, RIGHT)["actions"].shape == (2, 3)


UPGRADE = (b"GET / HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
           b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")


@pytest.mark.usefixtures("websockets")
def test_of_a_hundred_clients_as_many_come_in_as_may() -> None:
    with served(OpenpiDoor, Seeker, max_clients=60) as (url, service):
        with ExitStack() as stack:
            clients = [stack.enter_context(sockets.create_connection((urlsplit(url).hostname, urlsplit(url).port)))
                       for _ in range(100)]
            for client in clients:
                client.sendall(UPGRADE)
            first = []
            for client in clients:
                found = b""
                while len(found.partition(b"\r\n\r\n")[2]) < 4:
                    found += client.recv(4096)
                first.append(found.partition(b"\r\n\r\n")[2])
            greeted = [frame for frame in first if frame[0] == 0x82]
            refused = [frame for frame in first if frame[0] == 0x88]
            assert (len(greeted), len(refused)) == (60, 40)
            assert all(frame[2:4] == (1013).to_bytes(2, "big") for frame in refused)
            assert b"60 clients at once, no more" in refused[0] and service.tally.clients == 60
        quiet(service)
        with connected(url) as late:
            assert unpack(late.recv(), "openpi") == SAID


@pytest.mark.usefixtures("websockets")
def test_without_the_token_nobody_comes_in() -> None:
    from websockets.exceptions import InvalidStatus

    with served(OpenpiDoor, Seeker, token="sesame") as (url, _):
        for headers in ({}, {"Authorization": "Api-Key sesam"}, {"Authorization": "sesame"}):
            with pytest.raises(InvalidStatus) as caught:
                connected(url, additional_headers=headers)
            assert caught.value.response.status_code == 401
        with connected(url, additional_headers={"Authorization": "Api-Key sesame"}) as good:
            assert unpack(good.recv(), "openpi") == SAID
        with urllib.request.urlopen(url.replace("ws:", "http:") + "/healthz", timeout=5) as health:
            assert json.load(health) == {"status": "ok"}


class Odd(Policy):
    """Answers for a robot of other numbers."""

    def act(self, obs: Observation) -> Decision:
        return Decision(np.zeros((1, 2, 9)))


@pytest.mark.usefixtures("websockets")
@pytest.mark.parametrize(("policy", "words"), [
    (Odd, "Unfit: the policy returned actions of shape [1, 2, 9]; expected [1, T, 3]"),
    (partial(Slow, None, None), "AttributeError: 'NoneType' object has no attribute 'set'"),  # type: ignore[arg-type]
])
def test_the_policys_own_trouble_is_told_in_a_line(policy: Callable[[], Policy], words: str) -> None:
    with served(OpenpiDoor, policy) as (url, _), connected(url) as client:
        client.recv()
        assert asked(client, RIGHT) == words


# vla-eval


def frame(kind: str, payload: Any, seq: int) -> bytes:
    return pack({"type": kind, "payload": payload, "seq": seq, "timestamp": 0.0}, "vla_eval")


class Counting(Policy):
    """Says with every action which look of its episode it is of, which step that was, and its place in the chunk."""

    def __init__(self) -> None:
        self.looks = 0

    def reset(self, slots: Any, draws: Any) -> None:
        self.looks = 0

    def act(self, obs: Observation) -> Decision:
        self.looks += 1
        return Decision(np.array([[[self.looks, obs.steps[0], place] for place in range(5)]], dtype=float))


@pytest.mark.usefixtures("websockets")
def test_an_episode_begins_with_a_chunk_of_its_own_and_an_error_leaves_nothing_behind() -> None:
    sends = {**SENDS, "instruction": "prompt"}
    look = {"images": {"top": RIGHT["top"]}, "state": RIGHT["state"], "prompt": "go"}
    with served(VlaEvalDoor, Counting, sends=sends, replan=3) as (url, _), connected(url) as client:
        def said(kind: str, payload: Any, seq: int) -> Any:
            client.send(frame(kind, payload, seq))
            reply = unpack(client.recv(timeout=5), "vla_eval")
            assert reply["seq"] == seq
            return reply["payload"]

        hello = said("hello", {"harness_version": "x", "protocol_version": 1}, 1)
        assert hello["protocol_version"] == 1 and hello["metadata"] == SAID
        assert hello["observation_params"] == {"send_state": True}
        assert [said("observation", look, n)["actions"].tolist() for n in (2, 3, 4, 5)] == [
            [1, 0, 0], [1, 0, 1], [1, 0, 2], [2, 3, 0]]
        client.send(frame("episode_start", {"task": {"name": "go"}}, 6))
        assert said("observation", look, 7)["actions"].tolist() == [1, 0, 0]
        assert said("observation", {"images": {}}, 8)["actions"].tolist() == [1, 0, 1]  # at which it does not look
        client.send(frame("episode_start", {}, 9))
        assert "observation_failed: under 'top' is nothing" in said("observation", {"images": {}}, 10)["error"]
        assert said("observation", look, 11)["actions"].tolist() == [1, 0, 0]


@pytest.mark.usefixtures("websockets")
@pytest.mark.parametrize("message", [b"\xc1", "text", pack([1], "vla_eval"), pack({"type": "hello"}, "vla_eval"),
                                     frame("hello", [], 1), frame("dance", {}, 1)])
def test_what_is_no_frame_ends_the_connection(message: bytes | str) -> None:
    from websockets.exceptions import ConnectionClosed

    with served(VlaEvalDoor, Seeker) as (url, service), connected(url) as client:
        client.send(message)
        with pytest.raises(ConnectionClosed) as caught:
            client.recv(timeout=5)
        assert caught.value.rcvd is not None and caught.value.rcvd.code == 1007
        quiet(service)


# REST


def posted(url: str, body: bytes, path: str = "/act", **headers: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(urlsplit(url).hostname or "", urlsplit(url).port, timeout=10)
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        return answer.status, from_json(answer.read())
    finally:
        connection.close()


def test_rest_tells_errors_as_its_servers_do() -> None:
    with served(RestDoor, Seeker) as (url, service):
        for request, words in [*((to_json({**RIGHT, **change}), words) for change, words in WRONG),
                               (b"\0garbage", "not a message in JSON"), (b"[1]", "a message that is no table"),
                               (b'{"top": {"__numpy__": "AAAA", "dtype": "O", "shape": [1]}}', "no numbers")]:
            status, answer = posted(url, request)
            assert status == 200 and answer.startswith("error: ") and words in answer
        assert posted(url, to_json(RIGHT))[1].shape == (3,)
        status, answer = posted(url, to_json({"encoded": to_json({"top": 1}).decode()}))
        assert status == 200 and "error: under 'top' is a int" in answer
        assert service.tally.errors == len(WRONG) + 4
        quiet(service)


def test_rest_refuses_by_status() -> None:
    with served(RestDoor, Seeker, token="sesame", max_clients=2) as (url, service):
        bearer = {"Authorization": "Bearer sesame"}
        for headers, path, status in (({}, "/act", 401), (bearer, "/kill", 404),
                                      ({**bearer, "Content-Length": str(MESSAGE + 1)}, "/act", 413),
                                      ({**bearer, "Content-Length": "many"}, "/act", 411)):
            assert posted(url, b"{}", path, **headers)[0] == status
            quiet(service)  # one that has its answer may be a client for a moment longer
        with urllib.request.urlopen(f"{url}/health", timeout=5) as health:
            assert json.load(health) == {"status": "ok"}
        quiet(service)
        address = (urlsplit(url).hostname, urlsplit(url).port)
        with sockets.create_connection(address) as one, sockets.create_connection(address) as other:
            for each in (one, other):
                each.sendall(b"POST /act HTTP/1.1\r\nAuthorization: Bearer sesame\r\nContent-Length: 50\r\n\r\n{")
            until = time.monotonic() + 5
            while service.tally.clients < 2 and time.monotonic() < until:
                time.sleep(0.005)
            assert posted(url, b"{}", **bearer) == (503, {"error": "2 clients at once, no more"})
        quiet(service)
        assert posted(url, to_json(RIGHT), **bearer)[1].shape == (3,)


def test_half_a_request_is_waited_for_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vlabench.serving.rest.STALLED", 0.05)
    with served(RestDoor, Seeker) as (url, service):
        with sockets.create_connection((urlsplit(url).hostname, urlsplit(url).port)) as half:
            half.sendall(b"POST /act HTTP/1.1\r\nContent-Length: 50\r\n\r\n{")
            half.settimeout(5)
            assert half.recv(10) == b""
        quiet(service)


# GR00T


def test_groot_answers_what_it_should_and_refuses_the_rest() -> None:
    zmq: Any = pytest.importorskip("zmq")
    seen = {"video": {"top": RIGHT["top"][None, None]}, "state": {"point": RIGHT["state"][None, None]},
            "language": {"task": [["seek 0"]]}}
    context = zmq.Context()
    with served(GrootDoor, Seeker, sends=FLAT, token="sesame", layout="nested",
                actions=["action.right", "action.down", "action.nothing"]) as (url, service):
        socket = context.socket(zmq.REQ)
        socket.setsockopt(zmq.LINGER, 0)
        socket.connect(url)

        def said(endpoint: Any, data: Any = None, token: Any = "sesame") -> Any:
            message = {"endpoint": endpoint, "data": data, "api_token": token}
            socket.send(endpoint if isinstance(endpoint, bytes) else pack(message, "groot"))
            assert socket.poll(5000)
            return unpack(socket.recv(), "groot")

        actions, info = said("get_action", {"observation": seen, "options": None})
        assert {key: value.shape for key, value in actions.items()} == {
            "right": (1, 4, 1), "down": (1, 4, 1), "nothing": (1, 4, 1)} and info == {}
        assert said("ping")["status"] == "ok" and said("reset") == {}
        said_of = said("get_modality_config")
        assert said_of["metadata"] == SAID and said_of["video"]["as_json"] == {
            "delta_indices": [0], "modality_keys": ["top"]}
        for token in ("", "sesam", 3, None):
            assert said("ping", None, token) == {"error": "Unauthorized: Invalid API token"}
        assert "no endpoint 'kill'" in said("kill")["error"] and "no request of GR00T" in said(b"\x01")["error"]
        assert "not a message in msgpack" in said(b"\xc1")["error"]
        assert "without an observation" in said("get_action", [1])["error"]
        two = {**seen, "video": {"top": RIGHT["top"][None, None].repeat(2, 0)}}
        assert "uint8 [2, 1, 16, 16, 3]" in said("get_action", {"observation": two})["error"]
        quiet(service)
        large = context.socket(zmq.REQ)
        large.setsockopt(zmq.LINGER, 0)
        large.connect(url)
        large.send(b"\0" * (MESSAGE + 1))
        assert not large.poll(100) and said("ping")["status"] == "ok"
        for each in (large, socket):
            each.close()
    context.term()
