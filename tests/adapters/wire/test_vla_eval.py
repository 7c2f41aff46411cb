from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.adapters.wire.fakes import sockets
from tests.adapters.wire.test_base import look
from tests.toy.toy import SPACE
from vlabench.adapters.vla_eval import VlaEval
from vlabench.adapters.wire.arrays import Garbled, pack, unpack
from vlabench.adapters.wire.line import Limits
from vlabench.adapters.wire.shaping import Sends
from vlabench.adapters.wire.vla_eval import unmet
from vlabench.errors import ServerError

SENDS = Sends(pictures={"top": "agentview"}, size=16, state={"states": ["proprio"]}, instruction="task_description")
HELLO = {"harness_version": "0.8.0", "protocol_version": 1, "model_server": "Fake", "capabilities": {}}


def server(answer: Callable[[dict[str, Any]], Any], hello: Any = None, heard: list[Any] | None = None,
           late: int = 0) -> Callable[[Any], None]:
    """answer: from an observation's frame to (type, payload). late: by how much less the answers' seq is."""
    def handler(socket: Any) -> None:
        for message in socket:
            frame = unpack(message, "vla_eval")
            (heard if heard is not None else []).append((id(socket), frame["type"], frame["payload"]))
            assert set(frame) == {"type", "payload", "seq", "timestamp"}
            replies = {"hello": lambda frame: ("hello", {**HELLO, **(hello or {})}), "observation": answer}
            if frame["type"] in replies:
                kind, payload = replies[frame["type"]](frame)
                seq = frame["seq"] - (late if kind == "action" else 0)
                socket.send(pack({"type": kind, "payload": payload, "seq": seq, "timestamp": time.time()}, "vla_eval"))
    return handler


def zeros(frame: Any) -> Any:
    return "action", {"actions": np.zeros(3, np.float32)}


def policy(url: str, **changes: Any) -> VlaEval:
    made = VlaEval(url, **{"sends": SENDS, "limits": Limits(answer=10.0, patience=0.1), **changes})
    made.configure(SPACE)
    return made


def test_every_slot_has_a_session_whose_episodes_begin_and_end() -> None:
    heard: list[Any] = []

    def answer(frame: Any) -> Any:
        return "action", {"actions": [frame["payload"]["images"]["agentview"].mean() / 255, *frame["payload"]["states"]
                                      [:2].tolist()]}

    obs = look(2)
    with sockets(server(answer, heard=heard)) as url:
        served = policy(url)
        served.reset([0, 1], [])
        found = served.act(obs).actions
        served.act(obs)
        served.reset([1], [])
        served.act(obs)
        served.close()
        time.sleep(0.05)
    np.testing.assert_allclose(found[:, 0, 0], obs.images["top"].mean((1, 2, 3)) / 255, rtol=1e-6)
    np.testing.assert_allclose(found[:, 0, 1:], obs.proprio[:, :2])
    sessions = dict.fromkeys(session for session, *_ in heard)
    first, second = ([kind for each, kind, _ in heard if each == session] for session in sessions)
    assert first == ["hello", "episode_start", *["observation"] * 3, "episode_end"]
    assert second == ["hello", "episode_start", *["observation"] * 2, "episode_end", "episode_start", "observation",
                      "episode_end"]
    assert heard[2][2] == {"task": {"name": "seek goal 0"}} or heard[1][2] == {"task": {"name": "seek goal 0"}}


@pytest.mark.parametrize(("answer", "late", "kind", "words"), [
    (zeros, 1, Garbled, "action 2 in answer to 3; expected action 3"),
    (lambda frame: ("error", {"error": "predict: out of memory"}), 0, ServerError, "met an error: predict: out of m"),
    (lambda frame: ("hello", HELLO), 0, Garbled, "expected action 3"),
    (lambda frame: ("action", {}), 0, Garbled, "actions are nothing"),
    (lambda frame: ("action", []), 0, Garbled, "not of vla-eval's protocol")])
def test_an_answer_to_another_request_is_none(answer: Any, late: int, kind: Any, words: str) -> None:
    with sockets(server(answer, late=late)) as url:
        served = policy(url)
        served.reset([0], [])
        with pytest.raises(kind, match=words):
            served.act(look())
        served.close()


@pytest.mark.parametrize(("hello", "words"), [
    ({"protocol_version": 2}, "speaks version 2 of vla-eval's protocol"),
    ({"observation_params": {"send_wrist_image": True, "max_steps": 800}},
     "does not get here: send_wrist_image = True, max_steps = 800\n  fix: the card's cameras"),
    ({"action_spec": {"p": {"dims": 3}, "r": {"dims": 3}, "g": {"dims": 1}}}, "its actions have 7 numbers, .* here 3"),
])
def test_a_server_that_does_not_fit_is_refused(hello: Any, words: str) -> None:
    with sockets(server(zeros, hello)) as url, pytest.raises(ServerError, match=words):
        policy(url).introduce(("top",), 16, 1)


def test_what_does_not_matter_can_be_waived_and_what_is_too_much_is_noted() -> None:
    hello = {"observation_params": {"max_steps": 800, "env_seed": 0}, "action_spec": {"actions": {"dims": 0}}}
    with sockets(server(zeros, hello)) as url:
        met = policy(url, waive=["max_steps"]).introduce(("top",), 16, 1)
    assert met.notes == (f"the server at {url}: it does not ask for the state, which it is sent",)
    assert met.said["model_server"] == "Fake" and met.answer is not None


@pytest.mark.parametrize(("asked", "part"), [(True, "axis_angle"), (False, "axis_angle_short")])
def test_rotations_are_told_as_the_server_asks(asked: bool, part: str) -> None:
    served = policy("ws://nowhere", sends=Sends(state={"states": ["position", "axis_angle", "fingers"]}))
    served.hear({"observation_params": {"quat_no_antipodal": asked, "send_state": True}})
    assert served.sends.state == {"states": ["position", part, "fingers"]}


def test_each_request_is_met_or_not() -> None:
    asked = {"send_wrist_image": True, "send_state": True, "env_seed": 3, "seed": 7, "quat_no_antipodal": True,
             "absolute_action": True, "max_steps": 5, "num_steps_wait": 10, "new": [1]}
    assert unmet(asked, 2, True, True, ["new"]) == ["max_steps = 5"]
    assert unmet(asked, 1, False, False, []) == [
        "send_wrist_image = True", "send_state = True", "absolute_action = True", "max_steps = 5", "new = [1]"]
    assert unmet({"num_steps_wait": 0, "send_state": False}, 1, False, False, []) == ["num_steps_wait = 0"]
