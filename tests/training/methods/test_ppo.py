"""PPO's critics in a training of the compact policy: what they leave alone, what they are kept as, what is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.nano_sizes import sizes
from tests.training.methods.test_online import PPO
from vlabench.errors import UnknownName
from vlabench.models import checkpoint
from vlabench.models.nano import NanoVLA
from vlabench.training import train as training
from vlabench.training.curves import Curves
from vlabench.training.rl.learner import Learner

Card = Callable[..., str]
SMALL = sizes(cameras=("top",), image_size=16, action_size=2, proprio_mean=(0.0,), proprio_std=(1.0,), chunk=2,
              embedding=16, head=8, points=3, features=2, text_width=8, widths=(4, 4), blocks=(0, 1), words=("push",))
SHORT: dict[str, Any] = {**PPO, "iterations": 2, "contexts": 3, "updates": 2, "learning_rate": 0.01,
                         "critic_learning_rate": 0.001}


@pytest.fixture
def nano(card: Card, tmp_path: Path) -> Card:
    """Cards of a compact policy that knows nothing."""
    torch.manual_seed(0)
    content = checkpoint.to_bytes(NanoVLA(SMALL), torch.float32)

    def write(**options: Any) -> str:
        (tmp_path / "start.safetensors").write_bytes(content)
        path = Path(card("ppo", **options))
        for each in (path, tmp_path / "start.toml"):
            each.write_text(each.read_text().replace("switch_gauss", "nano"))
        start = tmp_path / "start.toml"
        head = start.read_text().split("weights")[0]
        start.write_text(f'{head}weights = {{ path = "start.safetensors", '
                         f'sha256 = "{hashlib.sha256(content).hexdigest()}" }}\n')
        return str(path)

    return write


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("kind", ["h0", "apart"])
def test_a_new_critic_warms_up_alone_and_is_kept(kind: str, nano: Card, tmp_path: Path) -> None:
    """Whatever it reads: in the warm-up the actions stay as they are to the last bit."""
    trained = {}
    for warmup in (2, 1):
        done = training.train(nano(**{**SHORT, "warmup": warmup, "critic": kind}), tmp_path / f"{warmup}",
                              device="cpu", workers=1)
        network = checkpoint.load(done.weights)
        assert network.config.critic == kind
        trained[warmup] = network.state_dict()
        values = Curves(tmp_path / f"{warmup}").series()["value"][1]
        assert len(values) == 2 and all(0 < value < 10 for value in values)
    start = checkpoint.load(tmp_path / "start.safetensors").state_dict()
    acting = [name for name in start if not name.startswith("worth.")]
    assert all(torch.equal(trained[2][name], start[name].half().float()) for name in acting)
    assert not torch.equal(trained[1]["bins.weight"], trained[2]["bins.weight"])
    assert "share value" in Curves(tmp_path / "1").series()


@pytest.mark.usefixtures("alone")
def test_with_one_it_resumes_to_the_same_weights(nano: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = nano(**{**SHORT, "critic": "apart"})
    whole = training.train(path, tmp_path / "whole", device="cpu", workers=1)
    update, calls = Learner.update, []

    def killed(self: Learner, *given: Any) -> dict[str, float]:
        calls.append(1)
        if len(calls) == SHORT["updates"] + 2:
            raise KeyboardInterrupt
        return update(self, *given)

    monkeypatch.setattr(Learner, "update", killed)
    with pytest.raises(KeyboardInterrupt):
        training.train(path, tmp_path / "parts", device="cpu", workers=1)
    assert training.train(path, tmp_path / "parts", device="cpu", workers=1).sha256 == whole.sha256


@pytest.mark.usefixtures("alone")
def test_a_critic_that_the_policy_cannot_have_is_refused(card: Card, nano: Card, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="unknown critic of Gauss 'h0' in training.options.critic: valid: none\n"):
        training.train(card("ppo", **PPO, critic="h0"), tmp_path / "out", device="cpu", workers=1)
    with pytest.raises(UnknownName, match="unknown critic of Nano 'first' in .*: valid: all, apart, embedding, h0, hn"):
        training.train(nano(**PPO, critic="first"), tmp_path / "other", device="cpu", workers=1)
