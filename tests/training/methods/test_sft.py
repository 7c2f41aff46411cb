"""Cloning: a tiny network learns, a killed training resumes to the same curve, and errors are said clearly."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from tests.places import ROOT
from tests.training.demos.demo_files import OTHER, TASK, demo, shelf
from vlabench.cards import load_policy
from vlabench.errors import CardError, DataError, DeviceError, DivergedError, OptionError, WorkerError
from vlabench.models import checkpoint
from vlabench.training import checkpoints
from vlabench.training import train as training
from vlabench.training.curves import Curves
from vlabench.training.demos.collect import Recipe
from vlabench.training.demos.data import DemoData
from vlabench.training.methods import sft
from vlabench.training.methods._cloner import FLOOR, WARMUP, Cloner, schedule
from vlabench.training.objectives.base import Loss
from vlabench.training.objectives.cloning import Cloning
from vlabench.types import EpisodeSpec

TINY = """
title = "Tiny"
source = "a test"
adapter = "nano"
assets = ["primitive"]
cameras = ["agentview", "wrist"]
image_size = 16
replan = 8

[training]
method = "sft"

[training.options]
task_sets = ["libero_goal"]
rounds = [{ per_task = 1, steps = STEPS, learning_rate = 3e-3 }]
batch = 8
eval_episodes = 0
every = 50
network = { image_size = 16, points = 4, features = 4, embedding = 32, head = 16, text_width = 16, widths = [8, 8] }
"""


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of a training that is over at once, and draws nothing."""
    monkeypatch.setattr(Curves, "draw", lambda _: None)
    return write(tmp_path, TINY.replace("STEPS", "6"))


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row of the curves every two steps, a checkpoint every four."""
    monkeypatch.setattr(sft, "LOG", 2)
    monkeypatch.setattr(sft.Sft, "__init__", lambda self, options: setattr(
        self, "options", options.model_copy(update={"every": 4})))


def write(folder: Path, text: str) -> Path:
    path = folder / "tiny.toml"
    path.write_text(text)
    return path


@pytest.fixture
def shown(tmp_path: Path) -> Path:
    """Two tasks whose labels follow from the pictures' brightness and from the instruction."""
    for task, sign in ((TASK, 1.0), (OTHER, -1.0)):
        demos = []
        for index in range(2):
            plain = demo(index, 30)
            bright = np.random.default_rng(index).uniform(0, 1, 30)
            pictures = np.repeat(np.uint8(255 * bright), 16 * 16 * 3).reshape(30, 16, 16, 3)
            frames = dict.fromkeys(plain.frames, pictures)
            labels = np.repeat(sign * (bright[:, None] - 0.5), 7, axis=1).astype(np.float32)
            demos.append(replace(plain, frames=frames, labels=labels))
        shelf(tmp_path / "shown", task, demos)
    return tmp_path / "shown"


def lamps(folder: Path) -> Path:
    """Demonstrations of the toy lamp: push to the right under green, and minus half as much with the other number."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    with h5py.File(folder / "lamp_demo.hdf5", "w") as file:
        data = file.create_group("data")
        data.attrs.update({"macros_image_convention": "opengl",
                           "problem_info": json.dumps({"language_instruction": "push"})})
        for number in range(6):
            right, length = bool(number % 2), 8
            push = (1 if right else -1) * rng.uniform(0.5, 1.0, length)
            pictures = np.zeros((length, 16, 16, 3), dtype=np.uint8)
            pictures[..., int(right)] = 200
            for name, array in {"actions": np.stack([push, -0.5 * push], 1), "obs/top_rgb": pictures,
                                "obs/proprio": rng.uniform(-1, 1, (length, 1))}.items():
                data.create_dataset(f"demo_{number}/{name}", data=array)
    return folder


@pytest.mark.long
def test_a_tiny_network_learns_and_its_loss_falls_below_a_bound(shown: Path, tmp_path: Path) -> None:
    """Uniform guessing costs ln 256 = 5.55, knowing only that labels are within half of the range ln 128 = 4.85."""
    card = write(tmp_path, TINY.replace("STEPS", "300"))
    training.train(str(card), tmp_path / "out", data=[shown], device="cpu")
    steps, losses = Curves(tmp_path / "out").series()["action"]
    assert steps[-1] == 300 and losses[0] > 4.0 and losses[-1] < 4.9
    assert (tmp_path / "out/curves.png").stat().st_size > 5000
    made = checkpoint.load(tmp_path / "out/tiny.safetensors")
    assert made.config.words == ("bowl", "on", "put", "stove", "the", "turn")


def test_a_round_s_demonstrations_may_be_longer_than_the_others(shown: Path, tmp_path: Path,
                                                                monkeypatch: pytest.MonkeyPatch) -> None:
    """What the second round would collect, of the policy of the first."""
    asked = list[Recipe]()

    def collect(tasks: Any, per_task: int, out: Path, recipe: Recipe, **_: Any) -> Any:
        asked.append(recipe)
        raise DataError("enough")

    monkeypatch.setattr(sft, "collect", collect)
    rounds = "rounds = [{ per_task = 1, steps = 2 }, { per_task = 3, steps = 2, mix = 0.25, horizon = 0.8 }]\n"
    path = write(tmp_path, re.sub(r"rounds = .*\n", rounds, TINY).replace("every = 50", "every = 50\nhorizon = 0.4"))
    with pytest.raises(DataError, match="enough"):
        training.train(str(path), tmp_path / "out", device="cpu", data=[shown])
    with pytest.raises(DataError, match="enough"):
        training.train(str(path), tmp_path / "other", device="cpu")
    assert [(each.horizon, each.mix) for each in asked] == [(0.8, 0.25), (0.4, 0.0)]


def test_what_was_made_of_others_demonstrations_claims_no_starts_of_ours(
    card: Path, shown: Path, tmp_path: Path
) -> None:
    done = training.train(str(card), tmp_path / "out", data=[shown], device="cpu")
    made = load_policy(str(done.card)).made
    assert made and made.data == "4 demonstrations of 2 tasks, 120 frames, given with --data"


@pytest.mark.usefixtures("often")
def test_a_killed_training_resumes_to_the_same_curve_and_weights(card: Path, shown: Path, tmp_path: Path,
                                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, TINY.replace("STEPS", "12"))
    whole = training.train(str(card), tmp_path / "whole", data=[shown], device="cpu")
    save, calls = checkpoints.save, []

    def killed(path: Path, state: dict[str, object]) -> None:
        save(path, state)
        calls.append(path)
        if len(calls) == 2:
            Curves(tmp_path / "parts").add(9, {"action": 9.0})  # written after the last checkpoint
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoints, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        training.train(str(card), tmp_path / "parts", data=[shown], device="cpu")
    parts = training.train(str(card), tmp_path / "parts", data=[shown], device="cpu")
    assert parts.sha256 == whole.sha256
    assert Curves(tmp_path / "parts").rows() == Curves(tmp_path / "whole").rows()


KILLED = """
import os, sys
from pathlib import Path
from vlabench.training import train as run
from vlabench.training.methods._cloner import Cloner

def update(self, *given, before=Cloner.update, **more):
    if self.step == 5:
        os.kill(os.getpid(), int(sys.argv[4]))
    return before(self, *given, **more)

Cloner.update = update
run.train(sys.argv[1], Path(sys.argv[2]), data=[Path(sys.argv[3])], device="cpu")
"""


@pytest.mark.long
@pytest.mark.slow
def test_a_training_whose_process_alone_is_killed_goes_on_at_once(card: Path, shown: Path, tmp_path: Path,
                                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    """Its loader of batches is a fork of it, which must neither live on nor keep the folder."""
    whole = training.train(str(card), tmp_path / "whole", data=[shown], device="cpu")
    root, update, began, steps = ROOT, Cloner.update, 0.0, list[float]()

    def timed(self: Cloner, *given: Any, **more: Any) -> Any:
        steps.append(time.monotonic() - began)
        return update(self, *given, **more)

    monkeypatch.setattr(Cloner, "update", timed)
    for by in (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP):
        out = tmp_path / by.name
        done = subprocess.run([sys.executable, "-c", KILLED, card, out, shown, str(int(by))], cwd=root, check=False)
        assert done.returncode == -by
        began = time.monotonic()
        steps.clear()
        assert training.train(str(card), out, data=[shown], device="cpu").sha256 == whole.sha256
        assert len(steps) == 6 and steps[0] < 10


@pytest.mark.usefixtures("often")
def test_a_loss_that_is_not_finite_ends_the_training_and_keeps_what_there_was(
        card: Path, shown: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After 5 of 6 steps, of which a checkpoint has 4."""
    write(tmp_path, TINY.replace("STEPS", "6").replace("batch = 8", "batch = 2"))
    steps: list[int] = []

    def spoilt(self: Cloning, *given: Any) -> Loss:
        found = loss(self, *given)
        steps.append(1)
        return replace(found, term=found.term * (float("nan") if len(steps) > 5 else 1.0))

    loss = Cloning.loss
    monkeypatch.setattr(Cloning, "loss", spoilt)
    with pytest.raises(DivergedError) as caught:
        training.train(str(card), tmp_path / "out", data=[shown], device="cpu")
    told = str(caught.value)
    assert "round 0, step 6 of 6: the loss is not finite (loss nan, gradient nan)" in told
    drawn = DemoData([shown], 16, "libero", 8).names(2, 0, 5)
    assert f"batch: 2 samples of {', '.join(sorted(set(drawn)))}\n" in told
    kept = Curves(tmp_path / "out").series()["action"]
    assert kept[0] == [2, 4, 5] and np.isfinite(kept[1]).all()
    saved = torch.load(tmp_path / "out/round-0/state.pt")
    assert saved["step"] == 4 and all(tensor.isfinite().all() for tensor in saved["network"].values())
    monkeypatch.setattr(Cloning, "loss", loss)
    assert training.train(str(card), tmp_path / "out", data=[shown], device="cpu").weights.exists()


def test_a_trial_that_was_killed_is_made_up_for_and_one_that_fails_costs_no_more_than_itself(
        card: Path, shown: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, TINY.replace("STEPS", "6").replace("eval_episodes = 0", "eval_episodes = 1"))
    answers: list[BaseException | list[SimpleNamespace]] = [
        KeyboardInterrupt(), WorkerError("no worker lives"),
        [SimpleNamespace(spec=EpisodeSpec(TASK, "clean", 0), status="success", success_once=True)]]

    def trial(*_: object, **__: object) -> list[SimpleNamespace]:
        answer = answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    monkeypatch.setattr(sft, "trial", trial)
    monkeypatch.setattr("vlabench.training.methods.sft.find.find_tasks", lambda *_: [TASK])
    with pytest.raises(KeyboardInterrupt):
        training.train(str(card), tmp_path / "out", data=[shown], device="cpu")
    for curve in ([], [(6, "success libero_goal", 1.0)], [(6, "success libero_goal", 1.0)]):
        training.train(str(card), tmp_path / "out", data=[shown], device="cpu")
        assert [row for row in Curves(tmp_path / "out").rows() if row[1].startswith("success")] == curve
    assert answers == []


def test_the_time_of_a_killed_run_counts_until_it_last_wrote(card: Path, shown: Path, tmp_path: Path) -> None:
    facts = {"policy": "tiny", "training": load_policy(str(card)).training.model_dump(mode="json"),  # type: ignore
             "seed": 0, "data": [str(shown)], "runs": [{"started": "2026-01-02T03:04:05+00:00", "seconds": 0.0,
                                                        "command": "vlabench train", "revision": None}]}
    (tmp_path / "out").mkdir()
    for name, text in (("training.json", json.dumps(facts)), ("curves.csv", "")):
        (tmp_path / "out" / name).write_text(text)
        os.utime(tmp_path / "out" / name, (1767323105.0, 1767323105.0))  # a minute later
    done = training.train(str(card), tmp_path / "out", data=[shown], device="cpu")
    assert 60 < done.seconds < 120


def test_what_was_refused_before_it_began_is_no_other_training(card: Path, shown: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no demonstrations"):
        training.train(str(card), tmp_path / "out", data=[tmp_path / "nothing"], device="cpu")
    assert training.train(str(card), tmp_path / "out", data=[shown], device="cpu").weights.exists()


def test_the_trained_card_is_a_policy_and_checks_its_weights(card: Path, shown: Path, tmp_path: Path) -> None:
    done = training.train(str(card), tmp_path / "out", data=[shown], device="cpu")
    trained = load_policy(str(done.card))
    assert trained.weights is not None and trained.weights.sha256 == done.sha256
    assert trained.make() is not None
    done.weights.write_bytes(done.weights.read_bytes()[:-1] + b"\xff")
    with pytest.raises(CardError, match="has the checksum"):
        trained.make()


def test_what_a_user_can_get_wrong_is_said(card: Path, shown: Path, tmp_path: Path,
                                           monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionError, match="--device tpu"):
        training.train(str(card), tmp_path / "a", data=[shown], device="tpu")
    if not torch.cuda.is_available():
        with pytest.raises(DeviceError, match="torch sees no GPU here"):
            training.train(str(card), tmp_path / "a", data=[shown], device="cuda")
    training.train(str(card), tmp_path / "b", data=[shown], device="cpu")
    with pytest.raises(DataError, match="holds another training: seed was 0, is 1"):
        training.train(str(card), tmp_path / "b", data=[shown], device="cpu", seed=1)
    (tmp_path / "c/round-0").mkdir(parents=True)
    (tmp_path / "c/round-0/state.pt").write_bytes(b"torn")
    with pytest.raises(DataError, match="not a checkpoint that can be read"):
        training.train(str(card), tmp_path / "c", data=[shown], device="cpu")
    (tmp_path / "sizes").mkdir()
    sizes = TINY.replace("STEPS", "6").replace("points = 4", "points = 2")
    with pytest.raises(CardError, match=r"training.options.network: .*points"):
        training.train(str(write(tmp_path / "sizes", sizes)), tmp_path / "g", data=[shown])

    def starved(*_: object) -> None:
        raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB\nmore")

    monkeypatch.setattr("vlabench.training.methods.sft.Sft.train", starved)
    with pytest.raises(DeviceError, match="out of memory on cpu: CUDA out of memory. Tried"):
        training.train(str(card), tmp_path / "d", data=[shown], device="cpu")
    with pytest.raises(CardError, match=r"training.options: .*unknown key 'bach'"):
        training.train(str(write(tmp_path, TINY.replace("STEPS", "6").replace("batch", "bach"))), tmp_path / "e")
    with pytest.raises(CardError, match=r"has no \[training\]"):
        training.train("random", tmp_path / "f")


def test_the_learning_rate_rises_then_falls_to_its_floor() -> None:
    assert schedule(0, 1000) == pytest.approx(1 / WARMUP, rel=1e-3)
    assert schedule(500, 1000) == pytest.approx(FLOOR + (1 - FLOOR) / 2)
    assert schedule(1000, 1000) == pytest.approx(FLOOR)
