"""A policy of LeRobot's in LeRobot's own environment: the chunks of its own call, and episodes played with them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.places import ROOT
from tests.training.demos.demo_files import OTHER, TASK, demo, shelf
from vlabench.adapters.base import Policy
from vlabench.adapters.wire.shaping import probe
from vlabench.cards import load_policy
from vlabench.cards.policy import PolicyCard
from vlabench.cli.app import app
from vlabench.episode.hosting import Hosting
from vlabench.errors import WorkerError
from vlabench.seeding import Draws
from vlabench.simulators.base import find_simulator
from vlabench.training.demos import from_lerobot, reading, to_lerobot
from vlabench.types import Observation
from vlabench.util.processes import lone_package
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


@contextmanager
def hosted(found: PolicyCard) -> Iterator[Policy]:
    """What workers have of it."""
    hosting = Hosting(found.actor(), find_simulator("libero").action_space, 300.0)
    try:
        while not hosting.ready:
            assert not hosting.mind(None)
        proxy = hosting.actor.make()
        yield proxy
        proxy.close()
    finally:
        hosting.rest()
        hosting.cleanup()


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
    pictures: dict[str, Any] = {f"images.observation.images.{key}": obs.images[camera]
                                for camera, key in (("agentview", "image"), ("wrist", "image2"))}
    np.savez(tmp_path / "in.npz", state=obs.proprio, task=np.array(obs.instruction), noise=noise, **pictures)
    lerobots(HERE / "asks_lerobot.py", home / "tiny", tmp_path / "in.npz", tmp_path / "out.npy")
    theirs = np.load(tmp_path / "out.npy")
    with hosted(card(home)) as proxy:
        proxy.reset([3, 5], draws)
        found, again = proxy.act(obs).actions, proxy.act(obs.rows([1])).actions
    assert theirs.shape == (2, 8, 7) and np.abs(theirs[0] - theirs[1]).max() > 0.01
    np.testing.assert_array_equal(found, theirs.astype(np.float64))
    np.testing.assert_array_equal(again[0], found[1])


def test_policies_that_keep_observations_and_others_answer_as_lerobots_own_calls(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(lone_package(tmp_path)), prepend=":")
    assert lerobots(HERE / "lerobot_others.py", tmp_path).splitlines()[-1] == "7 7"


def test_what_does_not_fit_is_told_before_the_first_step(home: Path) -> None:
    with pytest.raises(WorkerError, match="replan = 9 on the card: the policy gives 8 actions at a look"), hosted(
            card(home, replan=9, name="nine.toml")):
        pass


def test_episodes_of_libero_are_played_with_it(home: Path, tmp_path: Path) -> None:
    found = card(home)
    ran = CliRunner().invoke(app, ["run", "--policy", str(found.path), "--suite", "libero-smoke", "--episodes", "1",
                                   "--conditions", "clean", "--tasks", "libero_goal/0", "--workers", "1",
                                   "--results", str(tmp_path)])
    assert ran.exit_code == 0, ran.output
    record = next(tmp_path.rglob("clean.jsonl")).read_text()
    assert '"lerobot"' in record and '"error"' not in record.partition('"message"')[0].partition('"status"')[2][:12]


def test_lerobots_loader_reads_what_is_written(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="of the extra lerobot")
    every = [demo(0, 12), demo(1, 7), demo(2, 5)]
    files = [shelf(tmp_path / "given", TASK, every[:2]), shelf(tmp_path / "given", OTHER, every[2:])]
    to_lerobot.write(files, tmp_path / "set", "libero")
    lerobots(HERE / "lerobot_data.py", "read", tmp_path / "set", tmp_path / "out.npz")
    found = np.load(tmp_path / "out.npz")
    for key, name in (("action", "labels"), ("observation.state", "proprio")):
        np.testing.assert_array_equal(found[key], np.concatenate([getattr(each, name) for each in every]))
    for key, camera in (("image", "agentview"), ("image2", "wrist")):
        seen = np.concatenate([each.frames[camera] for each in every]).transpose(0, 3, 1, 2)
        np.testing.assert_allclose(found[f"observation.images.{key}"], seen / 255, atol=1e-6)
        np.testing.assert_allclose(found[f"stats/observation.images.{key}/mean"][:, 0, 0], seen.mean((0, 2, 3)) / 255)
    assert found["task"].tolist() == [TASK.instruction] * 19 + [OTHER.instruction] * 5
    assert found["episode_index"].tolist() == [0] * 12 + [1] * 7 + [2] * 5 and found["episodes"] == 3


def test_what_lerobot_writes_is_read_with_its_videos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyarrow", reason="of the extra lerobot")
    monkeypatch.setenv("VLABENCH_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    levels = np.linspace(20, 230, 30)[:, None, None, None]  # a frame can be told by its brightness
    pictures: dict[str, Any] = {key: np.broadcast_to(levels + add, (30, 64, 64, 3)).astype(np.uint8)
                                for key, add in (("image", 0), ("image2", 20))}
    state, action = rng.standard_normal((30, 8)).astype(np.float32), rng.uniform(-1, 1, (30, 7)).astype(np.float32)
    np.savez(tmp_path / "in.npz", state=state, action=action, cut=18, **pictures)
    lerobots(HERE / "lerobot_data.py", "write", tmp_path / "set", tmp_path / "in.npz")
    (path,) = from_lerobot.converted(tmp_path / "set", "libero")
    with reading.opened(path, "libero") as source:
        assert [len(group["actions"]) for group in source.groups.values()] == [18, 12]
        for name, wanted in (("actions", action), ("obs/proprio", state), ("obs/agentview_rgb", pictures["image"]),
                             ("obs/eye_in_hand_rgb", pictures["image2"])):
            found = np.concatenate([group[name][()] for group in source.groups.values()])
            if found.ndim == 2:
                np.testing.assert_array_equal(found, wanted)
            else:  # a video loses something, but not a frame, whose neighbours are 7 levels off
                assert np.abs(found.mean((1, 2, 3)) - wanted.mean((1, 2, 3))).max() < 3
