"""Trainings on ManiSkill's real physics: PAIR's objectives, and rewards of stages."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests.nano_sizes import sizes
from vlabench.errors import RenderingError
from vlabench.models import checkpoint
from vlabench.models.nano import NanoVLA
from vlabench.simulators.maniskill.simulator import Maniskill
from vlabench.training import train as training
from vlabench.training.curves import Curves
from vlabench.training.methods._course import TrainingRun
from vlabench.training.methods.ppo import Ppo
from vlabench.training.rl.contexts import Group
from vlabench.training.rl.samples import Samples

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


def drawable() -> None:
    try:
        Maniskill("primitive").check(Maniskill.cameras)
    except RenderingError as error:
        pytest.skip(str(error).partition("\n")[0])


@pytest.fixture
def start(tmp_path: Path) -> Path:
    drawable()
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

ADVISED = f"""
title = "Reaches"
source = "a test"
adapter = "advised"
simulator = "maniskill"
assets = ["primitive"]
cameras = ["third_person"]
image_size = {SIZE}
replan = 1
privileged = true
"""


@pytest.mark.usefixtures("switch", "alone")
def test_rewards_of_stages_teach_a_hand_to_grasp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In rollouts that are over before much is placed: nearly all that they earn, they earn by grasps."""
    drawable()
    from tests.toy.advised import fresh

    content = fresh(Maniskill.action_space.size)
    (tmp_path / "advised.safetensors").write_bytes(content)
    (tmp_path / "reaches-start.toml").write_text(
        f'{ADVISED}weights = {{ path = "advised.safetensors", sha256 = "{hashlib.sha256(content).hexdigest()}" }}\n')
    (tmp_path / "reaches.toml").write_text(f"""{ADVISED}
[training]
method = "ppo"

[training.options]
init = "{tmp_path / 'reaches-start.toml'}"
task_sets = ["maniskill_put_on_plate"]
reward = "staged"
iterations = 7
contexts = 8
horizon = 0.4
updates = 8
learning_rate = 0.1
critic_learning_rate = 0.01
eval_episodes = 0
""")
    earned: list[list[float]] = []
    credit = Ppo.credit

    def watched(self: Ppo, course: TrainingRun, groups: Sequence[Group]) -> Samples:
        earned.append([float(course.reward(rollout).sum()) for group in groups for rollout in group.rollouts])
        return credit(self, course, groups)

    monkeypatch.setattr(Ppo, "credit", watched)
    done = training.train(str(tmp_path / "reaches.toml"), tmp_path / "out", device="cpu", workers=1)
    assert {round(each, 6) for row in earned for each in row} <= {0.0, 0.1, 0.2, 1.2}
    grasps = np.minimum(earned, 0.2)
    assert grasps[-2:].mean() > grasps[:2].mean() > 0
    assert load_file(done.weights)["follows"] > 0.2
