"""A policy of LeRobot's in LeRobot's own environment: the chunks of its own call, and episodes played with them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.places import ROOT
from vlabench.adapters.wire.shaping import probe
from vlabench.cards import load_policy
from vlabench.cards.policy import PolicyCard
from vlabench.cli.app import app
from vlabench.episode.hosting import Hosting
from vlabench.errors import WorkerError
from vlabench.seeding import Draws
from vlabench.simulators.base import find_simulator
from vlabench.types import Observation
from vlabench.util.weights import digest

pytestmark = pytest.mark.peers
PYTHON = Path(os.environ.get("VLABENCH_LEROBOT", ROOT / ".venv-peers" / "lerobot" / "bin" / "python"))
HERE = ROOT / "tests" / "peers"
CARD = """title = "t"
source = "s"
adapter = "lerobot"
simulator = "libero"
assets = ["primitive"]
cameras = ["agentview", "wrist"]
image_size = 256
replan = {replan}
python = "{python}"
[options]
pictures = {{ agentview = "observation.images.image", wrist = "observation.images.image2" }}
state = ["position", "axis_angle", "fingers"]
[weights]
path = "tiny"
sha256 = "{sha256}"
"""


def lerobots(*arguments: object) -> str:
    """What LeRobot's Python prints."""
    if not PYTHON.exists():
        pytest.skip(f"{PYTHON} is not there: make test-peers")
    ran = subprocess.run([PYTHON, *map(str, arguments)], capture_output=True, text=True, check=False,
                         env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert ran.returncode == 0, ran.stderr[-3000:]
    return ran.stdout


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a tiny SmolVLA."""
    folder = tmp_path_factory.mktemp("lerobot")
    lerobots(HERE / "tiny_smolvla.py", folder / "tiny")
    return folder


def card(home: Path, replan: int = 8, name: str = "tiny.toml") -> PolicyCard:
    (home / name).write_text(CARD.format(python=PYTHON, sha256=digest(home / "tiny"), replan=replan))
    return load_policy(str(home / name))


def hosted(found: PolicyCard) -> Hosting:
    hosting = Hosting(found.actor(), find_simulator("libero").action_space, 300.0)
    while not hosting.ready:
        assert not hosting.mind(None)
    return hosting


def rows() -> Observation:
    """Of two robots, in slots 3 and 5."""
    one, two = probe(("agentview", "wrist"), 256), probe(("agentview", "wrist"), 256)
    pictures = {camera: np.concatenate([one.images[camera], two.images[camera][:, ::-1]]) for camera in one.images}
    return Observation(pictures, np.concatenate([one.proprio, two.proprio / 2]), ("put the bowl away", "open it"),
                       np.array([8, 16]), np.array([3, 5]))


def test_chunks_are_those_of_lerobots_own_call_to_the_last_bit(home: Path, tmp_path: Path) -> None:
    obs, draws = rows(), [Draws(("one",)), Draws(("two",))]
    noise = np.stack([drawn.at(step, "noise").standard_normal((8, 32)).astype(np.float32)
                      for drawn, step in zip(draws, obs.steps.tolist(), strict=True)])
    np.savez(tmp_path / "in.npz", state=obs.proprio, task=np.array(obs.instruction), noise=noise, **{
        f"images.observation.images.{key}": obs.images[camera]
        for camera, key in (("agentview", "image"), ("wrist", "image2"))})
    lerobots(HERE / "asks_lerobot.py", home / "tiny", tmp_path / "in.npz", tmp_path / "out.npy")
    theirs = np.load(tmp_path / "out.npy")
    hosting = hosted(card(home))
    try:
        proxy = hosting.actor.make()
        proxy.reset([3, 5], draws)
        found = proxy.act(obs).actions
        again = proxy.act(obs.rows([1])).actions
        proxy.close()
    finally:
        hosting.rest()
        hosting.cleanup()
    assert theirs.shape == (2, 8, 7) and np.abs(theirs[0] - theirs[1]).max() > 0.01
    np.testing.assert_array_equal(found, theirs.astype(np.float64))
    np.testing.assert_array_equal(again[0], found[1])


def test_what_does_not_fit_is_told_before_the_first_step(home: Path) -> None:
    with pytest.raises(WorkerError, match="replan = 9 on the card: the policy gives 8 actions at a look"):
        hosted(card(home, replan=9, name="nine.toml"))


def test_episodes_of_libero_are_played_with_it(home: Path, tmp_path: Path) -> None:
    found = card(home)
    ran = CliRunner().invoke(app, ["run", "--policy", str(found.path), "--suite", "libero-smoke", "--episodes", "1",
                                   "--conditions", "clean", "--tasks", "libero_goal/0", "--workers", "1",
                                   "--results", str(tmp_path)])
    assert ran.exit_code == 0, ran.output
    record = next(tmp_path.rglob("clean.jsonl")).read_text()
    assert '"lerobot"' in record and '"error"' not in record.partition('"message"')[0].partition('"status"')[2][:12]
