"""Our side of the protocols against other projects' own code, each in an environment of its own: `make test-peers`."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from tests.adapters.wire.test_shaping import SPACE
from tests.places import ROOT
from vlabench import cards
from vlabench.adapters.base import Policy
from vlabench.adapters.wire.arrays import unpack
from vlabench.adapters.wire.base import Served
from vlabench.adapters.wire.openpi import OpenpiLine
from vlabench.adapters.wire.shaping import Sends, probe
from vlabench.errors import ServerError
from vlabench.types import Observation

pytestmark = pytest.mark.peers


@contextmanager
def peer(name: str, *arguments: str) -> Iterator[int]:
    """Its port."""
    python = ROOT / ".venv-peers" / name / "bin" / "python"
    if not python.exists():
        pytest.skip(f"{python} is not there: make test-peers")
    with subprocess.Popen([python, ROOT / "tests" / "peers" / f"with_{name}.py", *arguments], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.kill()


def policy(card: str, url: str, **options: Any) -> Served:
    """A card's policy at such a server, asked for the first time."""
    found = cards.load_policy(card)
    made: Policy = found.known_as("peer", {**found.options, "url": url, **options}).make()
    made.configure(SPACE)
    assert isinstance(made, Served)
    made.introduce(found.cameras, found.image_size, 1)
    return made


def asked(served: Served, obs: Observation) -> Any:
    served.reset([0], [])
    found = served.act(obs).actions[0]
    served.close()
    return found


OBS = probe(("agentview", "wrist"), 256).replace(instruction=("chunk",))


def test_openpis_own_code_reads_what_is_sent_and_is_read() -> None:
    with peer("openpi") as port:
        served = policy("openpi", f"ws://127.0.0.1:{port}")
        look = served.sends.look(OBS, 0)
        found = asked(served, OBS)
        line = OpenpiLine(served.url, served.limits, served.sends)
        assert line.open() == {"peer": "openpi-client", "numpy": 1.5}
        line.close()
    mean = look.pictures["observation/image"].mean() / 255
    np.testing.assert_allclose(found, np.tile([mean, *OBS.proprio[0, :5], 5], (10, 1)) / 10, rtol=1e-6)


def test_a_picture_is_padded_as_openpi_pads_it() -> None:
    from websockets.sync.client import connect

    from vlabench.adapters.wire.arrays import pack

    wide = np.arange(40 * 80 * 3, dtype=np.uint8).reshape(40, 80, 3)
    ours = Sends(pictures={"top": "p"}, size=32).look(OBS.replace(images={"top": wide[None]}), 0).pictures["p"]
    with peer("openpi") as port, connect(f"ws://127.0.0.1:{port}", compression=None) as socket:
        socket.recv()
        socket.send(pack({"observation/image": np.zeros((224, 224, 3), np.uint8), "observation/state": np.zeros(8),
                          "prompt": ""}, "openpi"))
        message = socket.recv()
    assert isinstance(message, bytes) and np.array_equal(unpack(message, "openpi")["padded"], ours)


def test_vla_evals_own_server_answers_with_a_chunk() -> None:
    with peer("vla_eval") as port:
        served = policy("vla-eval", f"ws://127.0.0.1:{port}", moves={})
        look = served.sends.look(OBS, 0)
        assert served.sends.state == {"states": ["position", "axis_angle", "fingers"]}
        found = asked(served, OBS)
        served.reset([0], [])
        with pytest.raises(ServerError, match="observation_failed: ValueError: a look that it does not like"):
            served.act(OBS.replace(instruction=("fail",)))
        np.testing.assert_array_equal(asked(served, OBS), found)  # nothing of it is left
    mean = look.pictures["agentview"].mean() / 255
    np.testing.assert_allclose(found, np.array([[mean, *OBS.proprio[0, :5], k] for k in range(4)]) / 10, rtol=1e-5)


def test_vla_evals_own_server_hands_its_chunk_out_step_by_step() -> None:
    with peer("vla_eval", "3") as port:
        served = policy("vla-eval", f"ws://127.0.0.1:{port}", moves={})
        for _ in range(2):  # an episode begins with a new chunk
            served.reset([0], [])
            steps = [served.act(OBS).actions[0] for _ in range(4)]
            assert [step.shape for step in steps] == [(1, 7)] * 4
            np.testing.assert_allclose([step[0, 6] for step in steps], [0, 0.1, 0.2, 0], atol=1e-6)
        served.close()


@pytest.mark.parametrize("encoded", [False, True])
def test_json_numpy_reads_what_is_sent_and_is_read(encoded: bool) -> None:
    with peer("json_numpy", *(["encoded"] if encoded else [])) as port:
        served = policy("openvla-rest", f"http://127.0.0.1:{port}", encoded=encoded)
        look = served.sends.look(OBS, 0)
        chunk, one = asked(served, OBS), asked(served, OBS.replace(instruction=("one",)))
    assert chunk.shape == (8, 7) and one.shape == (1, 7)
    np.testing.assert_allclose(chunk[:, :6], np.tile([look.pictures["image"].mean() / 255, *[0.1] * 5], (8, 1)))
    assert chunk[:, 6].tolist() == [1] * 6 + [-1] * 2  # 0 … 0.7, where 1 is open
