from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import zmq

from tests.adapters.wire.test_base import look
from tests.toy.toy import SPACE
from vlabench.adapters.groot import Groot
from vlabench.adapters.wire.arrays import pack, unpack
from vlabench.adapters.wire.line import Limits
from vlabench.adapters.wire.shaping import Sends
from vlabench.errors import OptionError, ServerError, ServerGone

SENDS = Sends(pictures={"top": "video.image"}, size=16, state={"state.x": ["x"], "state.gripper": ["fingers"]},
              instruction="annotation.human.action.task_description")
QUICK = Limits(answer=10.0, patience=0.1, megabytes=1)
ACTIONS = ["action.right", "action.down", "action.gripper"]
MODALITIES = {"video": {"__ModalityConfig_class__": True,
                        "as_json": {"modality_keys": ["video.image"], "delta_indices": [0]}},
              "state": {"modality_keys": ["x", "gripper"]}}


@contextmanager
def server(answer: Callable[[Any], Any], modalities: Any = MODALITIES, heard: list[Any] | None = None) -> Iterator[str]:
    """answer: from the data of get_action to a reply, or to bytes that are sent as they are."""
    context = zmq.Context()
    socket = context.socket(zmq.REP)
    socket.linger = 0
    port = socket.bind_to_random_port("tcp://127.0.0.1")
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            if socket.poll(10):
                try:  # what is no request of a REQ socket is dropped on the way
                    request = unpack(socket.recv(zmq.NOBLOCK), "groot")
                except zmq.Again:
                    continue
                (heard if heard is not None else []).append(request)
                endpoint = request["endpoint"]
                reply = (modalities if endpoint == "get_modality_config" else {"status": "ok"} if endpoint == "reset"
                         else answer(request["data"]))
                if reply is not None:
                    socket.send(reply if isinstance(reply, bytes) else pack(reply, "groot"))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"tcp://127.0.0.1:{port}"
    finally:
        over.set()
        thread.join()
        context.destroy(linger=0)


def policy(url: str, **changes: Any) -> Groot:
    made = Groot(url, **{"sends": SENDS, "limits": QUICK, "actions": ACTIONS,
                         **changes})
    made.configure(SPACE)
    return made


def asked(url: str, **changes: Any) -> Any:
    served = policy(url, **changes)
    try:
        served.reset([0], [])
        return served.act(look()).actions
    finally:
        served.close()


def chunk(*lead: int) -> dict[str, Any]:
    rows = np.arange(4, dtype=np.float32) / 4
    return {key: rows.reshape(*lead, 4, 1) for key in ACTIONS}


def test_with_the_wrapper_keys_are_flat_and_carry_batch_and_time() -> None:
    heard: list[Any] = []

    def answer(data: Any) -> Any:
        seen = data["observation"]
        assert data["options"] is None and seen["video.image"].shape == (1, 1, 16, 16, 3)
        assert seen["state.gripper"].shape == (1, 1, 2) and seen["state.x"].dtype == np.float32
        assert seen["annotation.human.action.task_description"] == ["seek goal 0"]
        return [chunk(1), {"info": 1}]

    with server(answer, heard=heard) as url:
        assert asked(url)[0].tolist() == [[k / 4] * 3 for k in range(4)]
    assert [request["endpoint"] for request in heard] == ["get_modality_config", "reset", "get_action"]


def test_without_the_wrapper_there_are_tables() -> None:
    def answer(data: Any) -> Any:
        seen = data["observation"]
        assert set(seen) == {"video", "state", "language"} and set(seen["state"]) == {"x", "gripper"}
        assert seen["language"] == {"annotation.human.action.task_description": [["seek goal 0"]]}
        return [{key.removeprefix("action."): value for key, value in chunk(1).items()}, {}]

    with server(answer) as url:
        assert asked(url, layout="nested").shape == (1, 4, 3)


def test_n15_takes_the_observation_itself() -> None:
    heard: list[Any] = []

    def answer(seen: Any) -> Any:
        assert seen["video.image"].shape == (1, 16, 16, 3) and seen["state.gripper"].shape == (1, 2)
        return {"action.right": np.arange(4.0), "action.down": np.arange(4.0)[:, None], "action.gripper": np.zeros(4)}

    with server(answer, heard=heard) as url:
        assert asked(url, layout="n1.5")[0, 3].tolist() == [3, 3, 0]
    assert "reset" not in [request["endpoint"] for request in heard]


@pytest.mark.parametrize(("reply", "words"), [
    ({"error": "Traceback\nRuntimeError: CUDA"}, "met an error: RuntimeError: CUDA"), ([], "expected actions by name"),
    ({"action.left": np.zeros(4)}, "without 'action.right', but with action.left"), (b"\xc1", "not a message in msgp"),
    ({**chunk(1), "action.down": np.zeros((1, 3, 1))}, r"different lengths: \[4, 3, 4\]"),
    (None, "no answer within 0.3 s"),
    ({key: np.zeros((0, 4, 1)) for key in ACTIONS}, "without 'action.right'"), (5, "not of GR00T's protocol"),
    (b"\0" * 2**21, "no answer within 0.3 s, or one of more than 1 MiB")])
def test_what_is_no_action_is_refused(reply: Any, words: str) -> None:
    limits = QUICK.model_copy(update={"answer": 0.3}) if "no answer" in words else QUICK
    with server(lambda data: reply) as url, pytest.raises(ServerError, match=words):
        asked(url, limits=limits)


@pytest.mark.parametrize("told", [lambda config: config, lambda config: {"as_json": config},
                                  lambda config: {"__ModalityConfig_class__": True, "as_json": json.dumps(config)}])
def test_a_server_that_wants_more_than_it_is_sent_is_refused(told: Callable[[Any], Any]) -> None:
    """Servers of N1.6 and later tell as a table what those of N1.5 tell as a text."""
    for config, words in (({"modality_keys": ["image", "wrist_image"]}, "wants wrist_image too"),
                          ({"modality_keys": ["image"], "delta_indices": [-1, 0]}, "wants the video of 2 moments")):
        with server(lambda data: [chunk(1), {}], {**MODALITIES, "video": told(config)}) as url:
            with pytest.raises(ServerError, match=words):
                policy(url).introduce(("top",), 16, 4)


def test_what_is_missing_is_said() -> None:
    with pytest.raises(OptionError, match="names no key"):
        Groot("tcp://localhost:5555")
    with server(lambda data: None) as url:
        pass
    with pytest.raises(ServerError, match=f"no policy to be asked at {url}: no answer within 0.2 s"):
        policy(url, limits=QUICK.model_copy(update={"answer": 0.2})).introduce(("top",), 16, 4)


def test_a_token_goes_with_every_request(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Any] = []
    monkeypatch.setenv("GROOT_TOKEN", "s3cret")
    with server(lambda data: [chunk(1), {}], heard=heard) as url:
        asked(url, limits=Limits(token="GROOT_TOKEN"))
    assert {request["api_token"] for request in heard} == {"s3cret"}
    assert "kill" not in {request["endpoint"] for request in heard}


def test_a_server_that_asks_for_a_token_says_so() -> None:
    with server(lambda data: {"error": "Unauthorized: Invalid API token"}) as url:
        with pytest.raises(ServerError, match="asks for a token\n  fix: options.limits.token"):
            asked(url)


def test_another_model_at_an_episodes_end_is_noticed() -> None:
    """ZeroMQ connects anew by itself, so that nothing else tells."""
    sizes = [0.0]
    with server(lambda data: {key: np.full((1, 4, 1), sizes[-1], np.float32) for key in ACTIONS}) as url:
        served = policy(url)
        served.expected = served.introduce(("top",), 16, 1)
        served.reset([0], [])
        served.act(look())
        served.settle()
        sizes.append(0.5)
        with pytest.raises(ServerGone, match="answers the probe otherwise"):
            served.settle()
        served.close()
