"""The same episodes of LIBERO, official pack, by vla-eval's own code and by ours: its loop at our server, ours at its.

The policy does what was recorded of the expert, so that most episodes succeed, or half of it, so that some do not.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.peers.recorded import keep
from tests.places import ROOT
from vlabench import cards
from vlabench.episode.player import EpisodePlayer, Finished, Job
from vlabench.episode.recording import ActionRecorder
from vlabench.evaluation.plan import RunOptions
from vlabench.evaluation.run import evaluate
from vlabench.simulators.base import find_simulator
from vlabench.types import Decision, EpisodeSpec, Observation
from vlabench.util import kernels

pytestmark = [pytest.mark.peers, pytest.mark.official]
PYTHON = ROOT / ".venv-peers" / "vla_eval" / "bin" / "python"
ENVIRONMENT = {**os.environ, **kernels.environment(), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1",
               "LP_NUM_THREADS": "0"}
"""As that of our workers: the physics of both is to be computed by the same kernels."""
TASKS, EPISODES = 4, 10
CARD = """title = "What was recorded"
source = "the expert"
adapter = "tests.peers.recorded:Recorded"
simulator = "libero"
assets = ["official"]
cameras = []
replan = 8
options = {{ folder = "{folder}" }}
"""
ASKED = """title = "The same behind vla-eval's server"
source = "the expert"
adapter = "vla_eval"
simulator = "libero"
assets = ["official"]
cameras = []
replan = 1
[options.sends]
state = { states = ["position", "axis_angle", "fingers"] }
instruction = "task_description"
"""
End = tuple[int, int, bool, int, str]
"""Task, number, success, steps, state."""


class Recorder(ActionRecorder):
    """Keeps the proprioception of the first look, too."""

    def on_look(self, step: int, received: Observation, decision: Decision, running: Any) -> None:
        if step == 0:
            self._first = received.proprio[0].copy()
        super().on_look(step, received, decision, running)

    @property
    def result(self) -> Any:
        return self._first, self.recording.actions if self.recording else None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the cards, and what the expert did."""
    if not PYTHON.exists():
        pytest.skip(f"{PYTHON} is not there: make test-peers")
    home = tmp_path_factory.mktemp("recorded")
    (home / "recorded.toml").write_text(CARD.format(folder=home))
    (home / "asked.toml").write_text(ASKED)
    player = EpisodePlayer(Job("libero", "official", cards.load_policy("expert").actor(), {"clean": {}},
                               collector=Recorder))
    for task in find_simulator("libero")("official").tasks("libero_spatial")[:TASKS]:
        for index in range(EPISODES):
            (end,) = player.play((EpisodeSpec(task, "clean", index),))
            assert isinstance(end, Finished), end
            proprio, actions = end.result
            actions = actions[:len(actions) // 2] if index % 4 == 3 else actions
            keep(home, f"{task.number}-{index}", task.instruction, proprio, actions)
    player.close_scene()
    return home


def played(folder: Path, card: str, tasks: int, episodes: int, url: str | None = None,
           name: str | None = None) -> list[End]:
    """What `vlabench run` has on record."""
    options = RunOptions(episodes, tuple(f"libero_spatial/{number}" for number in range(tasks)))
    done = evaluate(str(folder / card), "libero-clean", folder / "results", assets="official", options=options, url=url,
                    name=name)
    return sorted((int(each.task.rpartition("/")[2]), each.index, each.status == "success", each.steps, each.state)
                  for each in done.records)


@contextmanager
def running(command: Sequence[str | Path]) -> Iterator[str]:
    """The first line that a server prints."""
    with subprocess.Popen(command, env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline()
        finally:
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.kill()


def test_its_loop_at_our_server_ends_where_we_end(folder: Path) -> None:
    with running([sys.executable, "-m", "vlabench", "serve", "--policy", str(folder / "recorded.toml"),
                  "--protocol", "vla-eval", "--port", "0"]) as line:
        url = line.partition(" at ")[2].partition(" ")[0]
        ran = subprocess.run([PYTHON, ROOT / "tests" / "peers" / "plays_libero.py", url, str(TASKS), str(EPISODES),
                              str(folder)], env=ENVIRONMENT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    theirs = sorted(map(tuple, json.loads(ran.stdout.splitlines()[-1])))
    assert theirs == played(folder, "recorded.toml", TASKS, EPISODES)
    successes = sum(success for _, _, success, _, _ in theirs)
    assert len(theirs) == TASKS * EPISODES and 25 <= successes < len(theirs)


def test_our_loop_at_its_server_ends_where_we_end(folder: Path) -> None:
    with running([PYTHON, ROOT / "tests" / "peers" / "with_recorded.py", str(folder)]) as line:
        found = played(folder, "asked.toml", 2, 4, url=f"ws://127.0.0.1:{int(line)}", name="asked")
    assert found == played(folder, "recorded.toml", 2, 4) and len(found) == 8
    assert {success for _, _, success, _, _ in found} == {True, False}
