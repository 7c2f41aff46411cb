from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from tests.adapters.wire.fakes import http_server
from tests.adapters.wire.test_base import look
from tests.toy.toy import SPACE
from vlabench.adapters.openvla_oft_rest import OpenvlaOftRest
from vlabench.adapters.openvla_rest import OpenvlaRest
from vlabench.adapters.wire.arrays import from_json, to_json
from vlabench.adapters.wire.line import Limits
from vlabench.adapters.wire.shaping import Sends
from vlabench.errors import OptionError, ServerError, ServerGone

SENDS = Sends(pictures={"top": "image"}, size=16, instruction="instruction", extra={"unnorm_key": "toy"})


def policy(url: str, **changes: Any) -> OpenvlaRest:
    made = OpenvlaRest(url, **{"sends": SENDS, "limits": Limits(answer=10.0, patience=0.1, megabytes=1), **changes})
    made.configure(SPACE)
    return made


def asked(url: str, **changes: Any) -> Any:
    served = policy(url, **changes)
    served.reset([0], [])
    return served.act(look()).actions


@pytest.mark.parametrize("encoded", [False, True])
def test_one_action_is_asked_for_by_openvlas_words(encoded: bool) -> None:
    def answer(body: bytes) -> tuple[int, bytes]:
        request = from_json(from_json(body)["encoded"] if encoded else body)
        assert set(request) == {"image", "instruction", "unnorm_key"} and request["unnorm_key"] == "toy"
        reply = to_json(np.array([request["image"].mean() / 255, 0.25, 0.0]))
        return 200, to_json(reply.decode()) if encoded else reply

    with http_server(answer) as url:
        found = asked(f"{url}/act" if encoded else url, encoded=encoded)
    np.testing.assert_allclose(found, [[[look().images["top"].mean() / 255, 0.25, 0]]])


def test_a_chunk_comes_as_a_list_of_actions() -> None:
    with http_server(lambda body: (200, to_json([np.array([0.1, 0.2, k]) for k in range(8)]))) as url:
        made = OpenvlaOftRest(url, SENDS)
        made.configure(SPACE)
        made.reset([0], [])
        assert made.act(look()).actions[0, :, 2].tolist() == [*range(8)]


@pytest.mark.parametrize(("status", "body", "words"), [
    (200, b'{"error": "Traceback\\n  File\\nKeyError: image"}', "met an error: KeyError: image"),
    (200, b'"error"', "met an error: error"), (200, b"[]", "actions are a list|actions are nothing|actions are an arr"),
    (200, b"<html>", "not a message in JSON"), (500, b"Internal Server Error", "status 500: Internal Server Error"),
    (404, b'{"detail": "Not Found"}', "status 404"),
    (401, b"{}", "401.*asks for a token"), (200, b"[1, NaN, 2]", "not a message in JSON"),
    (200, b"[" * 10**5, "not a message in JSON"), (200, b" " * 2**21, "more than 1 MiB"),
    (200, to_json([np.zeros(3), np.zeros(2)]), "different sizes"), (200, to_json(np.zeros(7)), r"shape \[1, 7\]")])
def test_what_is_no_action_is_refused(status: int, body: bytes, words: str) -> None:
    with http_server(lambda request: (status, body)) as url, pytest.raises(ServerError, match=words) as caught:
        asked(url)
    assert len(str(caught.value)) < 500


@contextmanager
def bare(reply: bytes, pause: float = 0.0, piece: bytes = b"1\r\na\r\n") -> Iterator[str]:
    """Whoever calls is sent this, again and again, until they hang up."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        def serve() -> None:
            while True:
                try:
                    caller, _ = door.accept()
                except OSError:
                    return
                with caller:
                    try:
                        caller.settimeout(0.5)
                        if caller.recv(2**16):
                            caller.sendall(reply)
                            for _ in range(4096 if pause >= 0 else 0):
                                caller.sendall(b"10000\r\n" + b"a" * 2**16 + b"\r\n" if not pause else piece)
                                time.sleep(pause)
                            caller.shutdown(socket.SHUT_WR)
                            while caller.recv(2**16):  # what is left unread when it closes would reset the connection
                                pass
                    except OSError:
                        continue

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{door.getsockname()[1]}"
        finally:
            door.shutdown(socket.SHUT_RDWR)
            thread.join()


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(("reply", "pause", "words"), [
    (b"HTTP/1.1 200 OK\r\nContent-Length: 4294967296\r\n\r\n", 0.0, "more than 1 MiB"), (CHUNKED, 0.0, "more than 1 M"),
    (CHUNKED, 0.01, "no answer within 0.3 s"), (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n[1", -1, "of 99|Incomp"),
    (b"SSH-2.0-OpenSSH\r\n", -1, "BadStatusLine")])
def test_an_answer_that_never_ends_is_no_answer(reply: bytes, pause: float, words: str) -> None:
    limits = Limits(answer=0.3 if "0.3 s" in words else 10.0, patience=0.1, megabytes=1)
    with bare(reply, pause) as url, pytest.raises(ServerError, match=words):
        asked(url, limits=limits)


@pytest.mark.parametrize("line", [b"X-A: b\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_the_limit_is_one_for_the_whole_answer_its_headers_too(line: bytes) -> None:
    """Each line comes well within it."""
    began = time.monotonic()
    with bare(b"HTTP/1.1 200 OK\r\n" if b"X" in line else line, 0.05, line) as url:
        with pytest.raises(ServerError, match="no answer within 0.2 s"):
            asked(url, limits=Limits(answer=0.2, patience=0.1))
    assert time.monotonic() - began < 2


@contextmanager
def met() -> Iterator[tuple[OpenvlaRest, list[Any]]]:
    """A policy that is in an episode, having looked once, and its server's answers, of which the last one counts."""
    answers = [np.zeros(3)]
    with http_server(lambda body: (200, to_json(answers[-1]))) as url:
        served = policy(url)
        served.expected = served.introduce(("top",), 16, 1)
        served.reset([0], [])
        served.act(look())
        yield served, answers


def test_every_episode_asks_whether_it_is_still_the_same_model() -> None:
    with met() as (served, answers):
        answers.append(np.full(3, 0.5))
        with pytest.raises(ServerGone, match="answers the probe otherwise"):
            served.reset([0], [])


def test_an_episode_counts_only_if_its_model_is_there_at_its_end() -> None:
    with met() as (served, answers):
        served.settle()
        waits = served.waits()
        answers.append(np.full(3, 0.5))
        assert served.act(look()).actions.max() == 0.5  # of another model, at the same address
        with pytest.raises(ServerGone, match="answers the probe otherwise"):
            served.settle()
    assert len(waits) == 1  # that of the look, and none of a probe


def test_addresses_are_those_of_http() -> None:
    with pytest.raises(OptionError, match="at an address like http://localhost:8000"):
        policy("ws://localhost:8000").reset([0], [])
    with pytest.raises(OptionError, match="no address"):
        policy("http://localhost:port").introduce(("top",), 16, 1)
