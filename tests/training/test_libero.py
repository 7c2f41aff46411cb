"""Rollouts and one iteration on real physics, with a network that knows nothing."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.nano_sizes import sizes
from tests.training.demos.demo_files import demo, shelf
from vlabench.cards import find, load_policy
from vlabench.cards.policy import PolicyCard
from vlabench.models import checkpoint
from vlabench.models.nano import NanoVLA
from vlabench.perturbations.action_noise import ActionNoise
from vlabench.perturbations.rotation import Rotation
from vlabench.simulators.libero.scene import LiberoScene
from vlabench.simulators.libero.simulator import Libero
from vlabench.training import train as training
from vlabench.training.curves import Curves
from vlabench.training.rl.rollouts import Assignment, Collector
from vlabench.types import EpisodeSpec
from vlabench.util.progress import Progress

pytestmark = pytest.mark.slow
TASK = find.find_tasks("libero", patterns=["libero_goal/7"])[0]
SIZE = 32
HEAD = f"""
title = "Tiny"
source = "a test"
adapter = "nano"
assets = ["primitive"]
cameras = ["agentview", "wrist"]
image_size = {SIZE}
replan = 8
"""
TRAINING = """
[training]
method = "ppo"

[training.options]
init = "START"
task_sets = ["libero_goal"]
tasks = ["libero_goal/7"]
iterations = 1
contexts = 2
horizon = 0.1
updates = 2
warmup = 0
reward = "dense"
noise = { observation = 1.0, action = 0.1, clean = 0.0 }
jacobian = { weight = 0.005 }
smoothness = 0.01
consistency = { updates = 2, learning_rate = 1e-4 }
eval_episodes = 0
"""


@pytest.fixture
def start(tmp_path: Path) -> PolicyCard:
    torch.manual_seed(0)
    network = NanoVLA(sizes(image_size=SIZE, embedding=32, head=16, points=4, features=4, text_width=16,
                            widths=(8, 8), words=("stove",)))
    content = checkpoint.to_bytes(network)
    (tmp_path / "start.safetensors").write_bytes(content)
    sha = hashlib.sha256(content).hexdigest()
    (tmp_path / "start.toml").write_text(f'{HEAD}weights = {{ path = "start.safetensors", sha256 = "{sha}" }}\n')
    return load_policy(str(tmp_path / "start.toml"))


@pytest.mark.long
def test_a_rollout_can_be_played_again_from_what_was_kept(start: PolicyCard) -> None:
    """Its actions, with the noise they got, lead another scene through the same joints and pictures."""
    short = replace(TASK, step_limit=20)
    chain = {"rotation@1": Rotation(), "action_noise@1": ActionNoise(sigma=0.1)}
    noisy = EpisodeSpec(short, "noisy", 3, 9, sampled=True, repeat=1)
    plain = EpisodeSpec(short, "clean", 3, 9, sampled=True)
    card = start.model_copy(update={"options": {"decode": "sample"}})
    with Collector(card, "libero", "primitive", [Assignment(noisy, chain), Assignment(plain, {})], 1,
                   print) as collector:
        found = collector.play([noisy, plain], Progress())
    first, second = found[noisy], found[plain]
    assert set(first.realised) == set(chain) and first.executed.tolist() == [8, 8, 4]
    assert not np.array_equal(first.pictures["wrist"][0], second.pictures["wrist"][0])
    assert not np.array_equal(first.asked, second.asked)
    scene = Libero("primitive").open(TASK, 1, ["agentview", "wrist"], SIZE)
    assert isinstance(scene, LiberoScene)
    own, others = (rollout.terms["joints"] for rollout in (second, first))
    scene.reset([plain])
    for t, action in enumerate(second.asked):
        if t % 8 == 0:
            assert np.array_equal(scene.observe().images["wrist"][0], second.pictures["wrist"][t // 8])
        scene.step(action[None].astype(np.float64))
        assert np.allclose(scene.data.qpos[:7], own[t], atol=1e-9)
    assert own.shape == (20, 7) and not np.allclose(others, own, atol=1e-3)


@pytest.mark.long
def test_one_iteration_with_noise_regularisers_and_the_dense_reward(start: PolicyCard, tmp_path: Path) -> None:
    demos, out = tmp_path / "demos", tmp_path / "out"
    shelf(demos, TASK, [demo(length=24, size=SIZE)])
    (tmp_path / "tiny.toml").write_text(HEAD + TRAINING.replace("START", str(start.path)))
    training.train(str(tmp_path / "tiny.toml"), out, data=[demos], device="cpu", workers=1)
    series = Curves(out).series()
    assert {"policy", "value", "jacobian", "smoothness", "gradient", "share value", "action noise"} <= series.keys()
    assert all(np.isfinite(values).all() for _, values in series.values())
    before, after = (checkpoint.load(path) for path in (tmp_path / "start.safetensors", out / "tiny.safetensors"))
    assert not torch.equal(before.bins.weight, after.bins.weight)
    assert (out / "curves.png").stat().st_size > 5000


@pytest.mark.long
def test_pair_trains_on_views_of_liberos_scenes(tmp_path: Path) -> None:
    """Masks, hidden objects and ghosts are drawn by the workers while the episodes go on, for a policy that sees."""
    asked = [line for line in TRAINING.splitlines()
             if not line.startswith(("reward", "noise", "jacobian", "smoothness", "consistency"))]
    asked += ["objectives = { pair_invariance = {}, pair_sensitivity = {} }", "views = { preserving = { bare = 1.0 } }"]
    head, options = HEAD.replace(f"= {SIZE}", "= 128"), "\n".join(asked).replace("goal/7", "goal/8")
    (tmp_path / "tiny.toml").write_text(head + options.replace("START", "nano-sft"))
    training.train(str(tmp_path / "tiny.toml"), tmp_path / "out", device="cpu", workers=1)
    series = Curves(tmp_path / "out").series()
    assert all(np.isfinite(values).all() for _, values in series.values())
    for name in ("pair_invariance", "pair_sensitivity"):
        assert min(series[f"{name} kl"][1]) > 1e-3 and min(series[f"share {name}"][1]) > 1e-3
