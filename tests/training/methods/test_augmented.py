"""Cloning of perturbed pictures, and consistency with what the policy does before it learns."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from tests.nano_sizes import sizes
from tests.training.demos.demo_files import OTHER, TASK, demo, shelf
from vlabench.cards import load_policy
from vlabench.cards.noise import Curriculum, Noise
from vlabench.errors import CardError
from vlabench.models import checkpoint
from vlabench.models.nano import NanoVLA
from vlabench.simulators.libero.interface import SPACE
from vlabench.training import train as training
from vlabench.training.curves import Curves
from vlabench.training.methods import sft
from vlabench.training.methods._augmented import Augmented
from vlabench.training.methods._sft_options import SftOptions
from vlabench.training.objectives.base import Batch
from vlabench.types import Observation

HEAD = """
title = "Tiny"
source = "a test"
adapter = "nano"
assets = ["primitive"]
cameras = ["agentview", "wrist"]
image_size = 16
replan = 8
"""
TRAINING = """
[training]
method = "sft"

[training.options]
init = "start.toml"
task_sets = ["libero_goal"]
rounds = [{ per_task = 1, steps = 6, learning_rate = 3e-3 }]
batch = 8
eval_episodes = 0
"""
ALONE = """
cloning = 0.0
points = 0.0
pixels = 0.0
average = 0.0
objectives = { consistency = {} }
augment = { observation = 1.0, clean = 0.0, kinds = ["color_jitter"] }
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A policy, demonstrations of two tasks, and a training that draws no curves."""
    monkeypatch.setattr(Curves, "draw", lambda _: None)
    torch.manual_seed(0)
    network = NanoVLA(sizes(image_size=16, embedding=32, head=16, points=4, features=4, text_width=16, widths=(8, 8),
                            words=("stove",)))
    content = checkpoint.to_bytes(network, torch.float32)
    (tmp_path / "start.safetensors").write_bytes(content)
    sha = hashlib.sha256(content).hexdigest()
    (tmp_path / "start.toml").write_text(f'{HEAD}weights = {{ path = "start.safetensors", sha256 = "{sha}" }}\n')
    for task in (TASK, OTHER):
        shelf(tmp_path / "shown", task, [demo(index, 12) for index in range(2)])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def trained(folder: Path, name: str, more: str) -> NanoVLA:
    (folder / f"{name}.toml").write_text(HEAD + TRAINING + more)
    training.train(str(folder / f"{name}.toml"), folder / name, data=[folder / "shown"], device="cpu")
    return checkpoint.load(folder / name / f"{name}.safetensors")


def looks(count: int) -> Batch:
    """Noise over the whole picture, of which none is black."""
    draws = np.random.default_rng(0)
    pictures = {camera: draws.integers(1, 255, (count, 16, 16, 3), dtype=np.uint8) for camera in ("agentview", "wrist")}
    obs = Observation.now(pictures, draws.normal(size=(count, 8)).astype(np.float32), ("do it",) * count, 0)
    counted = torch.ones(count, 8, dtype=torch.bool)
    return Batch(obs, torch.zeros(count, 8, 7), counted, counted.float(), counted.sum(), count, SPACE)


def test_looks_are_perturbed_each_for_itself_and_the_first_policy_sees_them_without(folder: Path) -> None:
    policy = load_policy("start.toml").make()
    policy.configure(SPACE)
    batch = looks(12)
    noise = Noise(observation=1.0, clean=0.5, kinds=("shift",))
    seen = Augmented(noise, policy, SPACE, 3)  # type: ignore[arg-type]
    found, again, other = seen(batch, 5), seen(batch, 5), seen(batch, 6)
    before, after = batch.obs.images["agentview"], found.obs.images["agentview"]
    kept = [np.array_equal(*pair) for pair in zip(before, after, strict=True)]
    assert 0 < sum(kept) < 12 and [(picture == 0).any() for picture in after] == [not each for each in kept]
    for picture, shown in zip(before, after, strict=True):  # at some place the one covers the other
        shifts = [(down, right) for down in range(-8, 9) for right in range(-8, 9)]
        assert any(np.array_equal(moved(picture, *shift), shown) for shift in shifts)
    assert np.array_equal(again.obs.images["wrist"], found.obs.images["wrist"])
    assert not np.array_equal(other.obs.images["wrist"], found.obs.images["wrist"])
    with torch.no_grad():
        wanted = policy.distribution(batch.obs).mean  # type: ignore[attr-defined]
    assert torch.allclose(found["wanted"], wanted.float()) and np.array_equal(found.obs.proprio, batch.obs.proprio)


def moved(picture: np.ndarray, down: int, right: int) -> np.ndarray:
    """By so many pixels, over black."""
    found = np.zeros_like(picture)
    high, wide = picture.shape[:2]
    found[max(down, 0) : high + min(down, 0), max(right, 0) : wide + min(right, 0)] = picture[
        max(-down, 0) : high - max(down, 0), max(-right, 0) : wide - max(right, 0)]
    return found


def test_consistency_alone_moves_a_policy_and_what_is_shipped_lies_on_the_way_that_was_asked_for(folder: Path) -> None:
    start = checkpoint.load(folder / "start.safetensors").state_dict()
    whole = trained(folder, "whole", ALONE).state_dict()
    part = trained(folder, "part", f"{ALONE}weight_interpolation = 0.25\n").state_dict()
    assert not torch.equal(whole["bins.weight"], start["bins.weight"])
    assert {"loss", "consistency", "gradient"} == Curves(folder / "whole").series().keys()
    for name, value in part.items():  # shipped in half precision
        assert torch.allclose(value, 0.75 * start[name] + 0.25 * whole[name], rtol=2e-3, atol=1e-4), name


@pytest.mark.parametrize(("options", "says"), [
    ({"augment": Noise(observation=1.0, action=0.1)}, "`augment` with `action`, `draw` or .*\n  fix: leave them out"),
    ({"augment": Noise(observation=0.5, curriculum=Curriculum())}, "`augment` with `action`, `draw` or `curriculum`"),
    ({"augment": Noise(observation=0.5, draw="context")}, "`augment` with `action`, `draw` or `curriculum`"),
    ({"augment": Noise()}, "`augment` perturbs nothing: .*\n  fix: augment = "),
    ({"augment": Noise(observation=1.0, clean=1.0)}, "`augment` perturbs nothing"),
    ({"cloning": 0.0, "points": 0.0, "pixels": 0.0}, "there is nothing to learn\n  fix: objectives = "),
    ({"objectives": {"consistency": {}}}, "`consistency` without `init`: .*\n  fix: init = "),
    ({"weight_interpolation": 0.5}, "`weight_interpolation` without `init`")])
def test_what_cannot_be_is_said(options: dict[str, Any], says: str) -> None:
    given = {"task_sets": ("x",), "rounds": ({"per_task": 1, "steps": 1},)}
    with pytest.raises(ValidationError, match=says):
        SftOptions(**given, **options)  # type: ignore[arg-type]


def test_what_the_policy_cannot_have_is_said_before_demonstrations_are_collected(
        folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sft, "collect", lambda *_, **__: pytest.fail("collected"))
    (folder / "moved.toml").write_text(HEAD + TRAINING + "augment = { observation = 1.0 }\n")
    with pytest.raises(CardError, match="shift and rotation move what `pixels` says .*\n  fix: pixels = 0.0"):
        training.train(str(folder / "moved.toml"), folder / "moved", device="cpu")
