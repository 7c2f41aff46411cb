"""Other projects' own clients at what `vlabench serve` opens, each in an environment of its own: `make test-peers`."""

from __future__ import annotations

import json
import subprocess
from functools import partial
from typing import Any

import numpy as np
import pytest

from tests.places import ROOT
from tests.serving.offices import SAID, SENDS, served
from tests.serving.test_clients import Counting
from vlabench.adapters.base import Policy
from vlabench.serving.rest import RestDoor
from vlabench.serving.websocket import OpenpiDoor, VlaEvalDoor
from vlabench.types import Decision, Observation

pytestmark = pytest.mark.peers


class Seen(Policy):
    """Two actions that tell what it sees."""

    def act(self, obs: Observation) -> Decision:
        return Decision(np.array([[[obs.images["top"].mean(), *obs.proprio[0]]] * 2]))


SEEN = [[1 / 16, 0.25, 0.5]] * 2


def asked(name: str, url: str, *arguments: str) -> Any:
    """What a peer's script prints in the end."""
    python = ROOT / ".venv-peers" / name / "bin" / "python"
    if not python.exists():
        pytest.skip(f"{python} is not there: make test-peers")
    script = ROOT / "tests" / "peers" / f"asks_with_{name}.py"
    ran = subprocess.run([python, script, url.rpartition(":")[2], *arguments], capture_output=True,
                         text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


def test_openpis_own_client_asks_and_is_told() -> None:
    with served(OpenpiDoor, Seen, token="sesame") as (url, _):
        said, actions, trouble = asked("openpi", url)
    assert said == SAID and actions == SEEN and "under 'top' is nothing; expected a picture" in trouble


def test_json_numpy_asks_and_is_told() -> None:
    with served(partial(RestDoor, chunks=True), Seen) as (url, _):
        assert asked("json_numpy", url) == [SEEN, SEEN, "error: under 'top' is nothing; expected a picture, uint8 "
                                            "[H, W, 3] of 16 to 1024 pixels a side, of one robot"]


def test_vla_evals_own_loop_plays_with_one_action_after_another(tmp_path: Any) -> None:
    sends = {**SENDS, "instruction": "task_description"}
    with served(VlaEvalDoor, Counting, sends=sends, replan=3) as (url, _):
        actions, params = asked("vla_eval", url, str(tmp_path))
    assert params == {"send_state": True}
    assert actions == [[1, 0, 0], [1, 0, 1], [1, 0, 2], [2, 3, 0], [2, 3, 1]] * 2
