"""What a served policy does with servers as they should be and as they should not, of whatever protocol."""

from __future__ import annotations

import contextlib
import re
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from tests.adapters.wire.fakes import openpi, seeking, sockets
from tests.toy.toy import SPACE
from vlabench.adapters.openpi import Openpi
from vlabench.adapters.wire.arrays import Garbled, pack
from vlabench.adapters.wire.line import Limits, Lost
from vlabench.adapters.wire.shaping import Sends
from vlabench.errors import OptionError, ServerError, ServerGone
from vlabench.types import Observation

SENDS = Sends(pictures={"top": "top"}, size=16, state={"state": ["proprio"]})
QUICK = Limits(answer=10.0, patience=0.2)


def policy(url: str, limits: Limits = QUICK) -> Openpi:
    made = Openpi(url, SENDS, limits=limits)
    made.configure(SPACE)
    return made


def look(slots: int = 1, seed: int = 0) -> Observation:
    rng = np.random.default_rng(seed)
    return Observation.now({"top": rng.integers(0, 256, (slots, 16, 16, 3), dtype=np.uint8)},
                           rng.uniform(size=(slots, 8)).astype(np.float32), ["seek goal 0"] * slots, 0)


def still(observation: Any) -> dict[str, Any]:
    return {"actions": np.zeros((4, 3))}


def introduced(url: str, replan: int = 3) -> Any:
    return policy(url).introduce(("top",), 16, replan)


def test_each_row_is_answered_by_its_own_look() -> None:
    def mean(observation: Any) -> dict[str, Any]:
        assert observation["prompt"] == "seek goal 0"
        return {"actions": [[observation["top"].mean() / 255, observation["state"][0], 0]] * 2}

    obs = look(3)
    with sockets(openpi(mean)) as url:
        served = policy(url)
        served.reset([0, 1, 2], [])
        found = served.act(obs).actions
        waits = served.waits()
        served.close()
    np.testing.assert_allclose(found[:, 0, 0], obs.images["top"].mean((1, 2, 3)) / 255)
    np.testing.assert_allclose(found[:, 1, 1], obs.proprio[:, 0])
    assert found.shape == (3, 2, 3) and len(waits) == 3 and min(waits) > 0 and served.waits() == ()


def test_a_server_is_known_by_what_it_says_and_by_its_answer() -> None:
    with sockets(openpi(still, {"model": "a", "when": 1})) as url:
        first = introduced(url)
    assert first.facts == {"said": {"model": "a", "when": 1}, "answer": [[0, 0, 0]] * 4}
    said = iter(range(9))
    answers = iter(np.linspace(0, 1, 9))

    def handler(socket: Any) -> None:
        openpi(lambda obs: {"actions": np.full((4, 3), next(answers))}, {"model": "a", "when": next(said)})(socket)

    with sockets(handler) as url:
        assert introduced(url).facts == {"said": {"model": "a"}, "answer": None}  # it says and does another thing


def test_an_answer_that_varies_a_little_tells_servers_apart_but_is_no_name() -> None:
    """0.145 ± 0.0001 would be rounded one way today and the other way tomorrow."""
    answers = iter([0.1449, 0.1451, 0.145, 0.3])

    def varying(socket: Any) -> None:
        openpi(lambda obs: {"actions": np.full((4, 3), next(answers))}, {"model": "a"})(socket)

    with sockets(varying) as url:
        met = introduced(url)
        assert met.facts == {"said": {"model": "a"}, "answer": None} and met.answer is not None


@pytest.mark.parametrize(("reply", "words"), [
    ({"actions": np.zeros((4, 14))}, "actions are of shape [4, 14]; expected [T, 3]: right, down, nothing"),
    ({"actions": np.zeros((2, 3))}, "answers with 2 actions, but 3 are to be executed"),
    ({"actions": np.full((4, 3), np.nan)}, "numbers that are not finite"),
    ({"actions": np.full((4, 3), 1e4)}, "answers with 10000 for right, whose bounds are [-1, 1]"),
    ({"action": np.zeros((4, 3))}, "an answer whose actions are nothing"),
    ({"actions": "run"}, "an answer whose actions are a str"),
    ([1, 2], "an answer whose actions are nothing"),
    ("Traceback (most recent call last):\n  File \"x\"\nValueError: bad \x1b[31mlook\n",
     r"ValueError: bad \x1b[31mlook"),
    ("x" * 10_000, "it met an error: xxx"),
    (b"\xc1\x00", "not a message in msgpack (2 bytes)"),
    (b"\x91", "not a message in msgpack"),
])
def test_an_answer_that_will_not_do_is_refused_before_the_first_step(reply: Any, words: str) -> None:
    with sockets(openpi(lambda obs: reply)) as url, pytest.raises(ServerError) as caught:
        introduced(url)
    assert words in str(caught.value) and url in str(caught.value) and len(str(caught.value)) < 600


def raw(frames: Callable[[Any], None]) -> Callable[[Any], None]:
    """A server that says hello and, asked, writes on the bare socket."""
    def handler(socket: Any) -> None:
        socket.send(pack({}, "openpi"))
        socket.recv()
        frames(socket)
    return handler


def announced(socket: Any) -> None:
    socket.socket.sendall(b"\x82\x7f" + struct.pack(">Q", 4 * 2**30) + b"abc")
    time.sleep(0.1)


def streamed(socket: Any) -> None:
    socket.send(b"\0" * 2**19 for _ in range(2**13))  # 4 GiB in pieces, of which nobody takes more than three


def half(socket: Any) -> None:
    socket.socket.sendall(b"\x82\x7e\x10\x00abc")
    socket.socket.shutdown(2)


@pytest.mark.parametrize(("frames", "kind", "words"), [
    (announced, Garbled, "an answer of more than 1 MiB"), (streamed, Garbled, "an answer of more than 1 MiB"),
    (half, Lost, "close frame|EOF|Error|reset"),
    (lambda socket: socket.close(1011, "out of memory"), Lost, "out of memory"),
    (lambda socket: time.sleep(0.5), Lost, "no answer within 0.3 s")])
def test_an_answer_that_never_ends_is_no_answer(frames: Any, kind: Any, words: str) -> None:
    with sockets(raw(frames)) as url:
        served = policy(url, Limits(answer=0.3 if "0.3 s" in words else 10.0, patience=0.2, megabytes=1))
        served.reset([0], [])
        with pytest.raises(kind, match=words) as caught:
            served.act(look())
        assert url in str(caught.value)
        with pytest.raises(Lost, match="lost before"):  # an answer that comes late is no answer to the next look
            served.act(look())
        served.close()


def test_who_is_not_there_or_speaks_otherwise_is_told_at_once() -> None:
    with sockets(openpi(still)) as url:
        pass
    with pytest.raises(ServerError, match="no policy to be asked at ws://.*refused\n  fix: start its server.*"
                                          "may speak another protocol: --policy openpi or vla-eval or openvla-rest"):
        introduced(url)
    with pytest.raises(OptionError, match="url 'host:1': such a server is at an address like ws://localhost:8000"):
        policy("host:1").reset([0], [])
    with sockets(lambda socket: socket.send("hello")) as url, pytest.raises(ServerError, match="met an error: hello"):
        introduced(url)
    with sockets(lambda socket: socket.send(pack([1], "openpi"))) as url, pytest.raises(ServerError, match="openpi's"):
        introduced(url)


def test_a_server_that_comes_back_is_asked_again_and_not_before_the_next_episode() -> None:
    with sockets(openpi(still, {"model": "a"})) as url:
        port = int(url.rpartition(":")[2])
        met = introduced(url)
        served = policy(url, Limits(answer=10.0, patience=10.0))
        served.expected = met
        served.reset([0], [])
        served.act(look())
    with pytest.raises(ServerError):
        served.act(look())
    later = threading.Timer(0.4, served.close)  # something to be done meanwhile
    later.start()
    back = threading.Event()

    def again() -> None:
        time.sleep(0.3)
        with sockets(openpi(still, {"model": "a"}), port):
            back.wait(5)

    thread = threading.Thread(target=again)
    thread.start()
    later.join()
    served.reset([0], [])
    assert served.act(look()).actions.shape == (1, 4, 3)
    served.close()
    back.set()
    thread.join()


@pytest.mark.parametrize(("answer", "metadata", "words"), [
    (still, {"model": "b"}, "it says another `model` of itself"),
    (lambda obs: {"actions": np.full((4, 3), 0.1)}, {"model": "a"}, "it answers the probe otherwise"),
    (lambda obs: {"actions": np.zeros((5, 3))}, {"model": "a"}, "it answers the probe otherwise")])
def test_a_server_that_comes_back_as_another_model_is_refused(answer: Any, metadata: Any, words: str) -> None:
    with sockets(openpi(still, {"model": "a"})) as url:
        met = introduced(url)
    with sockets(openpi(answer, metadata)) as url:
        served = policy(url)
        served.expected = met
        with pytest.raises(ServerGone, match=words):
            served.reset([0], [])


def test_last_bits_make_no_other_model() -> None:
    with sockets(openpi(still)) as url:
        met = introduced(url)
    with sockets(openpi(lambda obs: {"actions": np.full((4, 3), 1e-5)})) as url:
        served = policy(url)
        served.expected = met
        served.reset([0], [])
        served.close()
        assert introduced(url).facts == met.facts


def test_a_server_that_does_not_come_back_is_given_up() -> None:
    with sockets(openpi(seeking)) as url:
        pass
    began = time.monotonic()
    with pytest.raises(ServerGone, match="for 0.2 s: .*refused\n  fix: start its server again"):
        policy(url).reset([0], [])
    assert time.monotonic() - began < 2


def test_a_token_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = []

    def handler(socket: Any) -> None:
        heard.append(socket.request.headers.get("Authorization"))
        openpi(still)(socket)

    with sockets(handler) as url:
        with pytest.raises(OptionError, match="'MY_TOKEN' is not set"):
            policy(url, Limits(token="MY_TOKEN")).introduce(("top",), 16, 1)
        monkeypatch.setenv("MY_TOKEN", "s3cret")
        policy(url, Limits(token="MY_TOKEN")).introduce(("top",), 16, 1)
    assert heard == ["Api-Key s3cret"] * 2


@pytest.mark.parametrize("token", ["", "MY_TOKEN"])
def test_a_token_that_is_missing_or_wrong_is_told_at_once(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "s3cret")
    words = "401.*the token in MY_TOKEN is wrong" if token else "401.*asks for a token.*options.limits.token"
    with closed_door() as url:
        for ask in (lambda: policy(url, Limits(token=token)).introduce(("top",), 16, 1),
                    lambda: policy(url, Limits(token=token)).reset([0], [])):
            with pytest.raises(ServerError, match=re.compile(words, re.DOTALL)) as caught:
                ask()
            assert "start its server" not in str(caught.value) and not isinstance(caught.value, ServerGone)


@contextlib.contextmanager
def closed_door() -> Iterator[str]:
    """A WebSocket server that knows nobody; its address."""
    from websockets.sync.server import serve

    with serve(lambda socket: None, "127.0.0.1", 0,
               process_request=lambda socket, request: socket.respond(401, "no")) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join()
