"""The bundled policy: how it takes actions from its distribution, and what it refuses."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.nano_sizes import sizes
from vlabench.adapters.nano import Nano
from vlabench.cards import load_policy
from vlabench.errors import CardError, DataError, OptionError
from vlabench.models import checkpoint
from vlabench.models.nano import NanoVLA
from vlabench.seeding import Draws
from vlabench.simulators.libero.interface import SPACE
from vlabench.simulators.maniskill.simulator import Maniskill
from vlabench.training.objectives.base import Batch
from vlabench.training.rl.learner import Learner
from vlabench.training.rl.options import ClippedOptions
from vlabench.types import Observation

CONFIG = sizes(image_size=32, words=("bowl", "stove"), embedding=32, head=32, points=4, features=4, text_width=16)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    network = NanoVLA(CONFIG)
    with torch.no_grad():
        network.bins.weight.mul_(20.0)
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    path.write_bytes(checkpoint.to_bytes(network))
    return path


def observe(size: int = 32, count: int = 2, step: int = 0) -> Observation:
    rng = np.random.default_rng(step)
    images = {camera: rng.integers(0, 256, (count, size, size, 3), dtype=np.uint8) for camera in ("agentview", "wrist")}
    return Observation.now(images, rng.standard_normal((count, 8)).astype(np.float32), ("bowl",) * count, step)


def made(weights: Path, **options: object) -> Nano:
    policy = Nano(weights, **options)  # type: ignore[arg-type]
    policy.configure(SPACE)
    policy.reset([0, 1], [Draws((0, "a/0", index, "policy")) for index in (0, 1)])
    return policy


def test_the_mean_closes_or_opens_the_hand_and_the_mode_is_a_bin(weights: Path) -> None:
    mean, mode = (made(weights, decode=decode).act(observe()).actions for decode in ("mean", "mode"))
    assert mean.shape == mode.shape == (2, 8, 7) and mean.dtype == np.float64
    assert set(np.unique(mean[..., 6])) <= {-1.0, 1.0}
    assert np.abs(mode * 128 - np.floor(mode * 128) - 0.5).max() < 1e-4
    distribution = made(weights).distribution(observe())
    assert np.allclose(mean[..., :6], distribution.mean[..., :6].detach().numpy(), atol=1e-6)


def test_a_sample_is_its_episode_s_and_its_step_s(weights: Path) -> None:
    first = made(weights, decode="sample").act(observe()).actions
    assert np.array_equal(first, made(weights, decode="sample").act(observe()).actions)
    assert not np.array_equal(first, made(weights, decode="sample").act(observe(step=8)).actions)
    cold = made(weights, decode="sample", temperature=1e-4).act(observe()).actions
    mode = made(weights, decode="mode").act(observe()).actions
    assert (cold == mode).mean() > 0.95  # but where two bins are nearly alike


def test_a_hand_drawn_as_a_command_is_scored_as_one_by_the_learner(weights: Path) -> None:
    """With the arm drawn as ever; the norms of the gradients are those of the action head and of the rest."""
    mixed, normal = (made(weights, decode=decode, temperature=0.1).act(observe()) for decode in ("mixed", "normal"))
    assert np.array_equal(mixed.actions[..., :6], normal.actions[..., :6])
    assert set(np.unique(mixed.actions[..., 6])) == {-1.0, 1.0}
    assert np.array_equal(mixed.extras["means"], normal.extras["means"])
    learner = Learner(made(weights), ClippedOptions(exploration_std=0.1, exploration_gripper="bernoulli",
                                                    max_head_grad_norm=1.0), "cpu")
    actions = torch.from_numpy(mixed.actions).float()
    counted = torch.ones(actions.shape[:2], dtype=torch.bool)
    before = torch.from_numpy(mixed.extras["log_probs"]).sum(-1)
    batch = Batch(observe(), actions, counted, counted.float(), counted.sum(), 2,
                  extras={"before": before, "advantages": torch.ones(2)})
    terms, _ = learner.terms(batch)
    assert terms["policy"].item() == pytest.approx(-1.0, abs=1e-4)  # all ratios are 1
    heads = {name.split(".")[0] for name, parameter in learner.policy.module.named_parameters()
             if id(parameter) in learner._heads}
    assert "bins" in heads and not heads & {"eyes", "reader", "join", "mix", "worth"}


def test_the_same_input_gives_the_same_output_bit_for_bit(weights: Path) -> None:
    one, other = made(weights), made(weights)
    other.act(observe(step=3))
    assert np.array_equal(one.act(observe(count=1)).actions, other.act(observe(count=1)).actions)


def test_the_distribution_can_be_differentiated_by_the_embedding(weights: Path) -> None:
    policy = made(weights)
    embedding = policy.embedding(observe()).detach().requires_grad_()
    distribution = policy.distribution(observe(), embedding=embedding)
    (gradient,) = torch.autograd.grad(distribution.log_prob(distribution.mode.detach()).sum(), embedding)
    assert gradient.shape == (2, 32) and bool((gradient.abs().sum(1) > 0).all())
    assert policy.value(observe()).shape == (2,)


def test_pictures_of_another_size_and_absent_cameras_are_refused(weights: Path) -> None:
    with pytest.raises(DataError, match=r"need pictures of agentview, wrist with 32 pixels a side, not agentview \[64"):
        made(weights).act(observe(size=64))
    blind = observe().replace(images={"wrist": observe().images["wrist"]})
    with pytest.raises(DataError, match="need pictures of agentview"):
        made(weights).act(blind)
    with pytest.raises(OptionError, match="temperature 0"):
        made(weights, temperature=0.0)


def test_its_weights_come_back_exactly_or_in_half_precision(weights: Path, tmp_path: Path) -> None:
    policy = made(weights)
    with torch.no_grad():
        policy.module.join.weight.add_(1e-5)  # lost in half precision
    for exact in (True, False):
        folder = tmp_path / f"{exact}"
        folder.mkdir()
        policy.save(folder, exact)
        (path,) = folder.iterdir()
        later = made(weights)
        later.load(folder)
        for found in (made(path), later):
            assert torch.equal(found.module.join.weight, policy.module.join.weight) == exact
        assert np.array_equal(later.act(observe()).actions, made(path).act(observe()).actions)
    assert path.stat().st_size < 0.6 * (tmp_path / "True" / path.name).stat().st_size


def test_what_a_sample_was_drawn_from_is_known_afterwards(weights: Path) -> None:
    policy = made(weights, decode="sample", temperature=2.0)
    decision = policy.act(observe())
    actions = torch.tensor(decision.actions)
    warm = policy.distribution(observe()).tempered(2.0).log_prob(actions)
    assert torch.allclose(torch.tensor(decision.extras["log_probs"]), warm, atol=1e-5)
    assert not torch.allclose(policy.distribution(observe()).log_prob(actions), warm, atol=1e-2)


def test_an_adapter_changes_the_weights_of_its_base(weights: Path, tmp_path: Path) -> None:
    if find_spec("peft") is None:
        pytest.skip("trains adapters with peft, which the extra `train` installs")
    from vlabench.models import lora

    sha = hashlib.sha256(weights.read_bytes()).hexdigest()
    card = tmp_path / "base.toml"
    card.write_text(f'title = "B"\nsource = "a test"\nadapter = "nano"\nassets = ["primitive"]\n'
                    f'weights = {{ path = "{weights}", sha256 = "{sha}" }}\n')
    network = checkpoint.load(weights)
    adapted = lora.attach(network, 2, 2, network.worth)
    with torch.no_grad():
        network.get_parameter("bins.lora_B.default.weight").fill_(0.125)
    adapter = tmp_path / "adapter.safetensors"
    adapter.write_bytes(lora.to_bytes(adapted, sha))
    policy = made(adapter, base=load_policy(str(card)).foundation())
    assert torch.allclose(policy.module.bins.weight, lora.merged(adapted).get_parameter("bins.weight"), atol=1e-3)
    assert not torch.allclose(policy.module.bins.weight, made(weights).module.bins.weight, atol=1e-2)
    with pytest.raises(CardError, match="policy 'random' has no weights that LoRA could change"):
        made(adapter, base=load_policy("random").foundation())


def test_its_numbers_are_units_of_the_robots_space(weights: Path) -> None:
    """A network gives −1 … 1; 1 m a step would throw the arm."""
    space = Maniskill.action_space
    libero, plates = made(weights, decode="mode"), made(weights, decode="mode")
    plates.configure(space)
    assert np.allclose(plates.act(observe()).actions, libero.act(observe()).actions * space.unit)
    mean = made(weights)
    mean.configure(space)
    assert set(np.unique(mean.act(observe()).actions[..., 6])) <= {-1.0, 1.0}
