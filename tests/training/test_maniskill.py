"""PAIR's objectives on ManiSkill's real physics, with a compact network that knows nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.nano_sizes import sizes
from vlabench.errors import RenderingError
from vlabench.models import checkpoint
from vlabench.models.nano import NanoVLA
from vlabench.simulators.maniskill.simulator import Maniskill
from vlabench.training import train as training
from vlabench.training.curves import Curves

pytestmark = [pytest.mark.slow, pytest.mark.long]
SIZE = 32
HEAD = f"""
title = "Tiny"
source = "a test"
adapter = "nano"
simulator = "maniskill"
assets = ["primitive"]
cameras = ["third_person"]
image_size = {SIZE}
replan = 4
"""
TRAINING = """
[training]
method = "ppo"

[training.options]
init = "START"
task_sets = ["maniskill_put_on_plate"]
iterations = 2
contexts = 3
horizon = 0.1
updates = 2
warmup = 0
eval_episodes = 0
"""
KINDS = "views = { preserving = { background = 2.0, distractors = 1.0, texture = 1.0, viewpoint = 1.0, bare = 1.0 } }"


@pytest.fixture
def start(tmp_path: Path) -> Path:
    try:
        Maniskill("primitive").check(Maniskill.cameras)
    except RenderingError as error:
        pytest.skip(str(error).partition("\n")[0])
    torch.manual_seed(0)
    content = checkpoint.to_bytes(NanoVLA(sizes(
        image_size=SIZE, cameras=("third_person",), embedding=32, head=16, points=4, features=4, text_width=16,
        widths=(8, 8), words=("carrot", "plate"))))
    (tmp_path / "start.safetensors").write_bytes(content)
    sha = hashlib.sha256(content).hexdigest()
    path = tmp_path / "start.toml"
    path.write_text(f'{HEAD}weights = {{ path = "start.safetensors", sha256 = "{sha}" }}\n')
    return path


def trained(start: Path, name: str, more: str) -> tuple[str, dict[str, tuple[list[int], list[float]]]]:
    """(checksum of the weights, curves)."""
    (start.parent / f"{name}.toml").write_text(HEAD + TRAINING.replace("START", str(start)) + more)
    done = training.train(str(start.parent / f"{name}.toml"), start.parent / name, device="cpu", workers=1)
    return done.sha256, Curves(start.parent / name).series()


def test_pair_trains_and_of_weight_0_is_ppo_to_the_bit(start: Path) -> None:
    """Rollouts are played by worker processes, views are drawn there."""
    zero = "objectives = { pair_invariance = { weight = 0.0 }, pair_sensitivity = { weight = 0.0 } }\n"
    plain, baseline = trained(start, "ppo", "")
    unweighted, curves = trained(start, "zero", zero + KINDS)
    assert unweighted == plain and {name: curves[name] for name in baseline} == baseline
    assert min(curves["pair_invariance kl"][1] + curves["pair_sensitivity kl"][1]) > 0
    paired, curves = trained(start, "pair", "objectives = { pair_invariance = {}, pair_sensitivity = {} }\n")
    assert paired != plain and all(np.isfinite(values).all() for _, values in curves.values())
    assert min(curves["share pair_invariance"][1]) > 0 and min(curves["share pair_sensitivity"][1]) > 0
    assert curves["pair_invariance"][1][0] == pytest.approx(curves["pair_invariance kl"][1][0], rel=1e-5)
