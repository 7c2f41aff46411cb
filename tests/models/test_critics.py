"""The compact policy's critics: what each reads, and that files from before there was a choice are what they were."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from safetensors import safe_open

from tests.adapters.test_nano import CONFIG, made, observe, weights
from vlabench.adapters.nano import Nano
from vlabench.models import checkpoint, critics
from vlabench.models.nano import NanoVLA

__all__ = ["weights"]
KINDS = get_args(critics.Kind)


def judged(path: Path, kind: str) -> Nano:
    """With a last layer that is not nearly 0."""
    torch.manual_seed(3)
    policy = made(path)
    policy.renew_critic(kind)
    with torch.no_grad():
        for parameter in policy.critic.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return policy


def touched(value: torch.Tensor, policy: Nano) -> set[str]:
    """The parts of the network outside the critic that a value depends on."""
    inside = {id(parameter) for parameter in policy.critic.parameters()}
    named = [(name, each) for name, each in policy.module.named_parameters() if id(each) not in inside]
    parts = torch.autograd.grad(value.sum(), [each for _, each in named], allow_unused=True)
    return {name.split(".")[0] for (name, _), part in zip(named, parts, strict=True) if part is not None and part.any()}


@pytest.mark.parametrize(("kind", "reads"), [
    ("embedding", {"embed"}), ("h0", {"embed", "steps"}), ("hn", {"embed", "steps"}), ("all", {"embed", "steps"}),
    ("apart", set[str]())])
def test_a_value_is_learned_through_what_it_is_read_from(kind: str, reads: set[str], weights: Path) -> None:
    policy = judged(weights, kind)
    found = touched(policy.value(observe()), policy)
    assert found >= reads and "bins" not in found and bool(found) == (kind != "apart")


@pytest.mark.parametrize(("kind", "positions"), [("h0", [0]), ("hn", [7]), ("all", list(range(8)))])
def test_it_reads_the_hidden_states_of_these_actions(kind: str, positions: list[int], weights: Path) -> None:
    """Those of a chunk of eight, each from rows of its own of the layer that makes them."""
    policy = judged(weights, kind)
    value = policy.value(observe())
    (slope,) = torch.autograd.grad(value.sum(), policy.module.steps.weight)
    rows = slope.view(CONFIG.chunk, CONFIG.head, -1).abs().sum((1, 2))
    assert rows.nonzero().flatten().tolist() == positions
    layers = [layer for layer in policy.critic.modules() if isinstance(layer, torch.nn.Linear)]
    assert [layer.out_features for layer in layers] == [512, 128, 1]
    assert layers[0].in_features == CONFIG.head * len(positions)


def test_a_network_apart_begins_as_the_policy_s_and_learns_alone(weights: Path) -> None:
    policy, other = made(weights), made(weights)
    policy.renew_critic("apart")
    mine, own = policy.module.state_dict(), policy.module.judge.state_dict()
    assert own.keys() - {name for name in own if name.startswith("worth.")} == {
        name for name in mine if not name.startswith(("worth.", "bins."))}
    assert all(torch.equal(own[name], mine[name]) for name in own if not name.startswith("worth."))
    before = policy.value(observe())
    with torch.no_grad():
        policy.module.embed.weight.zero_()
    assert torch.equal(policy.value(observe()), before) and policy.value(observe(), torch.zeros(2, 32)).equal(before)
    with torch.no_grad():
        policy.module.judge.embed.weight.zero_()
    assert not torch.equal(policy.value(observe()), before)
    assert other.module.judge is other.module


@pytest.mark.parametrize("kind", KINDS)
def test_another_critic_leaves_the_actions_alone_and_is_kept(kind: str, weights: Path, tmp_path: Path) -> None:
    policy = judged(weights, kind)
    assert np.array_equal(policy.act(observe()).actions, made(weights).act(observe()).actions)
    policy.save(tmp_path, exact=True)
    (path,) = tmp_path.iterdir()
    later = made(path)
    assert later.module.config.critic == kind
    assert torch.equal(later.value(observe()), policy.value(observe()))


def test_files_of_the_first_kind_say_what_they_always_said(weights: Path, tmp_path: Path) -> None:
    """And are read without being told."""
    def header(path: Path) -> dict[str, Any]:
        with safe_open(path, framework="pt") as file:
            found: dict[str, Any] = json.loads(file.metadata()[checkpoint.KEY])
            return found

    assert "critic" not in header(weights) and made(weights).module.config.critic == "embedding"
    path = tmp_path / "w.safetensors"
    path.write_bytes(checkpoint.to_bytes(NanoVLA(CONFIG.model_copy(update={"critic": "h0"}))))
    assert header(path)["critic"] == "h0"
    assert [*made(weights).module.worth.state_dict()] == ["0.weight", "0.bias", "2.weight", "2.bias"]


def test_a_fresh_head_expects_nothing_and_has_rl4vla_s_first_weights(weights: Path) -> None:
    torch.manual_seed(0)
    head = critics.head("h0", 16, 400, 8)
    first, second, last = (layer for layer in head if isinstance(layer, torch.nn.Linear))  # type: ignore[attr-defined]
    assert first.weight.std().item() == pytest.approx((2 / 512) ** 0.5, rel=0.05)
    assert second.weight.std().item() == pytest.approx((2 / 128) ** 0.5, rel=0.05)
    assert last.weight.std().item() == pytest.approx(0.02, rel=0.3) and last.bias is None
    assert not first.bias.any() and not second.bias.any()
