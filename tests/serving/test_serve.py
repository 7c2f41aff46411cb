"""The whole: a policy in its own process, who may be served to whom, a death, batches, and the command line."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from tests.adapters.wire.test_shaping import SPACE as LIBERO
from tests.places import ROOT
from tests.serving.offices import SENDS
from tests.toy.toy import Seeker
from vlabench.adapters.openvla_oft_rest import OpenvlaOftRest
from vlabench.adapters.wire.shaping import probe
from vlabench.cards import load_policy
from vlabench.cli.app import app
from vlabench.errors import OptionError, ServerError, UnknownName, UnsupportedError, WorkerError
from vlabench.serving.serve import PROTOCOLS, Serving, offered, serving, watch
from vlabench.serving.service import Tally
from vlabench.types import Decision, Observation

pytestmark = pytest.mark.usefixtures("toy_plugin")
CLIENTS = """
title = "Who asks"
source = "made for tests"
adapter = "openvla_oft_rest"
assets = ["plain"]
cameras = ["top", "side"]
image_size = 16
replan = 3
[options.sends]
pictures = { top = "top", side = "side" }
size = 16
state = { state = ["proprio"] }
"""


@pytest.fixture
def clients(tmp_path: Path) -> str:
    (tmp_path / "clients.toml").write_text(CLIENTS)
    return str(tmp_path / "clients.toml")


@contextmanager
def minded(**options: Any) -> Iterator[Serving]:
    """A policy that is served and minded, as `watch` does."""
    with serving(port=0, **options) as served:
        over = threading.Event()

        def mind() -> None:
            while not over.is_set():
                served.mind(0.02)

        thread = threading.Thread(target=mind)
        thread.start()
        try:
            yield served
        finally:
            over.set()
            thread.join()


def look(value: float) -> Observation:
    pictures = np.eye(16, dtype=np.uint8)[None, :, :, None].repeat(3, 3) * 255
    return Observation.now({"top": pictures, "side": pictures}, np.full((1, 2), value, np.float32), ["seek goal 0"], 0)


def test_a_policy_in_its_own_process_is_asked_and_comes_back_when_it_dies(clients: str) -> None:
    notes: list[str] = []
    sends: Any = {**SENDS, "pictures": {"top": "top", "side": "side"}, "instruction": "prompt"}
    with minded(policy="toy-seeker", protocol="openvla-oft", clients=clients, note=notes.append) as served:
        policy = OpenvlaOftRest(served.url, sends)
        policy.configure(served.service.offer.reverse.space)
        policy.reset([0], [])
        first = policy.act(look(0.25)).actions
        assert first.shape == (1, 4, 3) and not np.array_equal(policy.act(look(0.5)).actions, first)
        (pid,) = [int(pid) for pid in Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()
                  if "vlabench.episode.host" in Path(f"/proc/{pid}/cmdline").read_text()]
        os.kill(pid, signal.SIGKILL)
        try:  # by way of the line that it had, unless it is noticed before
            policy.act(look(0.25))
        except ServerError as error:
            assert "HostDied: the process that holds the policy has ended" in str(error)
        policy.reset([0], [])
        np.testing.assert_array_equal(policy.act(look(0.25)).actions, first)  # sampled, from the same look
    assert any("was killed by SIGKILL" in note for note in notes) and served.service.tally.errors <= 1
    with pytest.raises(OSError):
        http.client.HTTPConnection(served.url.partition("//")[2], timeout=2).connect()


@pytest.mark.parametrize(("options", "kind", "words"), [
    ({"policy": "expert"}, OptionError, "reads the simulator's state, which clients do not send"),
    ({"policy": "openpi"}, OptionError, "is behind a server already"),
    ({"policy": "maniskill-still"}, UnsupportedError, "fix: --clients CARD, of clients that play maniskill"),
    ({"protocol": "opempi"}, UnknownName, "did you mean 'openpi'"),
    ({"protocol": "openvla"}, OptionError, "looks through wrist, of which these clients send no picture"),
    ({"protocol": "vla-eval", "token": "sesame"}, OptionError, "vla-eval's protocol has no place for a token"),
    ({"clients": "groot"}, OptionError, "--clients groot: its adapter is 'groot', not 'openpi'"),
    ({"port": 2**16}, OptionError, "0 … 65535"), ({"max_clients": 0}, OptionError, "at least 1"),
])
def test_what_cannot_be_served_is_said_at_once(options: Any, kind: Any, words: str) -> None:
    with pytest.raises(kind, match=words), serving(**{"policy": "nano-sft", "protocol": "openpi", **options}):
        raise AssertionError("it is served")


def test_a_token_that_is_not_set_is_no_token() -> None:
    ran = CliRunner().invoke(app, ["serve", "--policy", "still", "--protocol", "openpi", "--token-env", "NO_SUCH"])
    assert ran.exit_code == 2 and "--token-env NO_SUCH: this environment variable is not set" in ran.output


def test_numbers_are_told_in_a_line() -> None:
    now = [10.0]
    tally = Tally(lambda: now[0])
    assert tally.line() == "0 clients, 0.0 looks/s, 0 looks"
    tally.clients, tally.errors = 3, 2
    for milliseconds in (1, 5, 9):
        tally.took(milliseconds / 1000)
    now[0] = 12
    assert tally.line() == "3 clients, 1.5 looks/s, 3 looks, median 5.0 ms, 2 errors"
    assert tally.line().startswith("3 clients, 0.0 looks/s, 3 looks")


class Stub:
    """Is asked in every beat, and interrupted after some."""

    def __init__(self) -> None:
        self.service = self
        self.tally, self.beats = Tally(), 0

    def mind(self, patience: float) -> None:
        self.beats += 1
        self.tally.took(0.001)
        if self.beats > 5:
            raise KeyboardInterrupt


def test_without_a_terminal_lines_are_few(capsys: pytest.CaptureFixture[str]) -> None:
    times = iter(range(0, 100, 4))
    with pytest.raises(KeyboardInterrupt):
        watch(Stub(), Console(), lambda: next(times))  # type: ignore[arg-type]
    lines = capsys.readouterr().out.splitlines()
    assert 1 <= len(lines) <= 2 and all("1 client" in line or "0 clients" in line for line in lines)


class Gone(Stub):
    """A host that is lost again and again."""

    connections: list[Any] = []

    def mind(self, renewal: Any) -> str:  # type: ignore[override]
        self.beats += 1
        return "ended with exit status 1" if self.beats % 2 else ""


def test_a_policy_that_will_not_stay_alive_ends_it() -> None:
    stub, notes = Gone(), list[str]()
    door: Any = type("Open", (), {"url": "http://here"})
    served = Serving(stub, stub, door, notes.append)  # type: ignore[arg-type]
    with pytest.raises(WorkerError, match="ended 3 times; the last one ended with exit status 1"):
        for _ in range(9):
            served.mind(0)
    assert len(notes) == 3


def test_what_waits_is_one_batch_of_the_desks(monkeypatch: pytest.MonkeyPatch) -> None:
    """`fresh` asks for both in one go, and the desk's batches are what they are with workers."""
    from multiprocessing.connection import Pipe

    from vlabench.episode.host import Desk
    from vlabench.episode.proxy import Proxy
    from vlabench.seeding import Draws

    monkeypatch.setattr("vlabench.episode.host.GATHER", 5.0)
    sizes: list[int] = []

    class Batched(Seeker):
        exact_in_batches = True

        def act(self, obs: Observation) -> Decision:
            sizes.append(len(obs.proprio))
            return super().act(obs)

    pairs, (pool, theirs), (arrivals, _keep) = [Pipe() for _ in range(3)], Pipe(), Pipe(duplex=False)
    desk = Desk(Batched(noise=0.1), False)
    desk.lines += [end for _, end in pairs]
    thread = threading.Thread(target=partial(desk.serve, theirs, arrivals))
    proxies = [Proxy("", b"") for _ in pairs]
    for proxy, (ours, _) in zip(proxies, pairs, strict=True):
        proxy._line = ours
    found: dict[int, Any] = {}

    def ask(number: int) -> None:
        found[number] = proxies[number].fresh(look(number / 4), [Draws(("x", number))]).actions

    asking = [threading.Thread(target=ask, args=(number,)) for number in range(3)]
    for each in asking:
        each.start()
    thread.start()
    for each in asking:
        each.join(5)
    pool.close()
    thread.join(5)
    alone = Seeker(noise=0.1)
    for number in range(3):
        alone.reset([0], [Draws(("x", number))])
        np.testing.assert_array_equal(found[number], alone.act(look(number / 4)).actions)
    assert sizes == [3]


ALONE = """
import sys

ABSENT = {"torch", "safetensors", "h5py", "peft", "robosuite", "mujoco", "libero", "bddl", "OpenGL", "sapien",
          "mani_skill", "huggingface_hub", "msgpack", "websockets", "zmq", "imageio"}

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
"""


def test_what_is_served_needs_none_of_the_extras(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(ALONE)
    command = [sys.executable, "-m", "vlabench", "serve", "--policy", "random", "--protocol", "openvla-oft",
               "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    # what runs in the background may ignore Ctrl-C, and what it starts
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True,
                          preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().partition(" at ")[2].partition(" ")[0]
            card = load_policy("openvla-oft-rest")
            policy = card.known_as("asked", {**card.options, "url": url}).make()
            policy.configure(LIBERO)
            policy.reset([0], [])
            assert policy.act(probe(card.cameras, 32)).actions.shape == (1, 8, 7)
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0


def test_what_the_readme_serves_fits_its_clients() -> None:
    text = (ROOT / "policies/README.md").read_text()
    told = re.findall(r"vlabench serve --policy (\S+) --protocol (\S+)(?: +# or ([a-z, -]+))?", text)
    pairs = [(policy, each) for policy, first, others in told for each in [first, *others.split(", ")] if each]
    assert {protocol for _, protocol in pairs} == set(PROTOCOLS)
    for policy, protocol in pairs:
        spoken = PROTOCOLS[protocol]
        offer, _, _ = offered(load_policy(policy), load_policy(spoken.clients), spoken.adapter)
        assert offer.said["policy"] == policy
