"""Objectives of a card: a plug-in's is summed by every method, and what cannot be given is said at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from tests.toy import chain
from tests.toy.gauss import Gauss
from tests.training.methods.test_online import PPO, RLOO, chained
from tests.training.methods.test_sft import lamps
from vlabench.cards import load_policy
from vlabench.cards.policy import PolicyCard
from vlabench.errors import CardError, DataError, OptionError, UnknownName
from vlabench.training import train as training
from vlabench.training.curves import Curves
from vlabench.training.objectives.base import Batch, Forward, made
from vlabench.training.objectives.consistency import SOFT, Consistency
from vlabench.training.rl.samples import FIRST, Samples
from vlabench.types import Observation

Card = Callable[..., str]
SHORT: dict[str, Any] = {**RLOO, "iterations": 2, "contexts": 4, "rollouts": 4}
ROUND = [{"per_task": 1, "steps": 300, "learning_rate": 0.05}]
ONLINE = "'grpo' . 'ppo' . 'rloo' . 'rwr' . 'tpo'$"


def trained(path: str, out: Path, **options: Any) -> dict[str, tuple[list[int], list[float]]]:
    training.train(path, out, device="cpu", workers=1, **options)
    return Curves(out).series()


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(("method", "options"), [("rloo", SHORT), ("ppo", {**PPO, **SHORT, "warmup": 0})])
def test_a_plug_in_s_term_is_summed_by_reinforcement_learning(method: str, options: dict[str, Any], card: Card,
                                                             tmp_path: Path) -> None:
    entropies = []
    for weight in (0.0, 3.0):
        path = card(method, **options, objectives={"broad": {"weight": weight, "mirrored": True}})
        series = trained(path, tmp_path / f"{weight}")
        assert {"broad", "share broad", "entropy"} <= series.keys()
        entropies.append(series["entropy"][1])
    assert entropies[1][1] > entropies[0][1] + 0.01 > entropies[1][0]


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("autoregressive", [False, True])
def test_cloning_trains_any_policy_on_any_simulator_and_sums_them_alike(autoregressive: bool, card: Card,
                                                                       tmp_path: Path) -> None:
    """The lamp says which way to push; the second number follows from the first."""
    data = lamps(tmp_path / "lamps")
    options = {"rounds": ROUND, "init": str(tmp_path / "start.toml"), "batch": 16, "eval_episodes": 10, "every": 50}
    path = card("sft", **options, objectives={"broad": {"weight": 0.1}, "jacobian": {"weight": 1e-3}})
    series = trained(chained(path) if autoregressive else path, tmp_path / "out", data=[data])
    assert series["action"][1][-1] < series["action"][1][0] - 0.05 and series["success switches"][1] == [1.0]
    assert {"broad", "jacobian", "jacobian norm", "entropy"} <= series.keys()
    policy = load_policy(str(tmp_path / "out/pushes.toml")).make()
    assert isinstance(policy, chain.Chain if autoregressive else Gauss)
    if autoregressive:
        picture = np.full((1, 16, 16, 3), 90, np.uint8)
        obs = Observation.now({"top": picture}, np.zeros((1, 1), np.float32), ("push",), 0)
        given = [policy.distribution(obs, torch.tensor([[[first, 0.0]] * 3])).mean[0, 0, 1].item()
                 for first in (-0.8, 0.8)]
        assert given[0] > given[1] + 0.2  # the second is minus half of the first, in the demonstrations


@pytest.mark.usefixtures("alone")
def test_what_cannot_be_summed_is_refused_before_the_first_step(card: Card, tmp_path: Path) -> None:
    data = lamps(tmp_path / "lamps")
    sft = {"rounds": ROUND, "init": str(tmp_path / "start.toml")}
    for objective, what in {
            "twin": "objective 'twin' needs depth in a batch, which this method's do not have",
            "pointed": "objective 'pointed' trains points, which Gauss does not give beside its embedding"}.items():
        with pytest.raises(CardError, match=what):
            trained(card("rloo", **SHORT, objectives={objective: {}}), tmp_path / objective)
    with pytest.raises(CardError, match="needs reference in a batch.*; they have: pixels, points"):
        trained(card("sft", **sft, objectives={"smoothness": {}}), tmp_path / "smooth", data=[data])
    with pytest.raises(CardError, match="objective 'locating' trains points, which Gauss does not give"):
        trained(card("sft", **sft, points=0.5), tmp_path / "points", data=[data])
    with pytest.raises(CardError, match="training.options.objectives.broad: .*unknown key 'wait'"):
        trained(card("rloo", **SHORT, objectives={"broad": {"wait": 1.0}}), tmp_path / "option")
    with pytest.raises(UnknownName, match="unknown objective 'broat'"):
        trained(card("rloo", **SHORT, objectives={"broat": {}}), tmp_path / "name")


@pytest.mark.parametrize(("method", "options", "told"), [
    ("rloo", {"jacobian": {}, "objectives": {"jacobian": {}}},
     "two terms of the loss are called 'jacobian': objectives.jacobian, and of the method's own `jacobian`\n  fix: "),
    ("rloo", {"smoothness": 0.1, "objectives": {"smoothness": {}}}, "objectives.smoothness, and .* own `smoothness`"),
    ("rloo", {"consistency": {}, "noise": {"observation": 0.5}, "objectives": {"consistency": {}}}, "`consistency`"),
    ("ppo", {"objectives": {"value": {}}}, "objectives.value, and of the method's own `value`"),
    ("sft", {"rounds": ROUND, "objectives": {"locating": {}}}, "objectives.locating, and .* own `points` and `pixels`"),
    ("rloo", {"objectives": {"value": {}}}, "needs returns in a batch, .*\n  fix: leave it out, or method = 'ppo'$"),
    ("sft", {"rounds": ROUND, "objectives": {"value": {}}}, "needs returns in a batch.* points, wanted\n.* 'ppo'$"),
    ("rloo", {"objectives": {"judged": {}}}, "'judged' trains a critic, which this method has no rate for\n.*'ppo'"),
    ("sft", {"rounds": ROUND, "objectives": {"twinned": {}}}, "needs clean twin in a batch.*\n.* " + ONLINE),
    ("sft", {"rounds": ROUND, "objectives": {"kl_reference": {}}}, "needs first in a batch.*\n.* " + ONLINE),
    ("sft", {"rounds": ROUND, "objectives": {"pair_invariance": {}}}, "needs task-preserving .*\n.* " + ONLINE),
    ("rloo", {"exploration_std": 0.3, "objectives": {"fan_ppo": {}}},
     "objective 'fan_ppo' shapes the bins .* with `exploration_std` they are drawn from a normal .*\n  fix: leave"),
    ("ppo", {"exploration_std": 0.3, "objectives": {"entropy": {}}}, "'entropy' shapes the bins"),
])
def test_a_card_s_objectives_are_judged_when_it_is_read(method: str, options: dict[str, Any], told: str,
                                                       card: Card) -> None:
    """Nothing is loaded, collected or played for it; `vlabench check` says the same."""
    with pytest.raises(CardError, match=told) as caught:
        training.method_of(load_policy(card(method, **options)))
    assert "pushes.toml: training.options: " in str(caught.value)


@pytest.mark.parametrize("method", ["rloo", "sft"])
def test_a_policy_that_does_not_act_by_its_bins_is_not_shaped(method: str, card: Card) -> None:
    path = Path(card(method, **({"rounds": ROUND} if method == "sft" else SHORT),
                     objectives={"fan_sft": {}, "broad": {}, "fan_kernel": {}}))
    training.method_of(load_policy(str(path)))
    plain = path.read_text()
    for decode in ("normal", "mixed"):
        path.write_text(f'{plain}\n[options]\ndecode = "{decode}"\n')
        with pytest.raises(CardError, match=f"decode = \"{decode}\" .* 'fan_sft', 'fan_kernel' shapes .*\n  fix: dec"):
            training.method_of(load_policy(str(path)))


@pytest.mark.parametrize(("objectives", "views", "idle"), [
    ({}, {"preserving": {"viewpoint": 1.0}}, "preserving"), ({"pair_sensitivity": {}}, {"yaw": 5.0}, "yaw"),
    ({"pair_invariance": {}}, {"shift": 0.02, "turns": [0.0]}, "shift, turns")])
def test_views_that_no_objective_looks_at_are_refused(objectives: Any, views: Any, idle: str, card: Card) -> None:
    """They would count as what the policy has seen."""
    with pytest.raises(CardError, match=f"training.options.views: no objective looks at what {idle} describes\n  fix"):
        training.method_of(load_policy(card("rloo", **SHORT, objectives=objectives, views=views)))


@pytest.mark.parametrize(("name", "options", "told"), [
    ("fan_ppo", {"sigma": 0.0}, "sigma: must be greater than 0"), ("fan_kernel", {"kappa": -1.0}, "kappa: must be"),
    ("fan_sft", {"sigma": 0.3}, "unknown key 'sigma'"), ("label_smoothing", {"epsilon": 1.0}, "epsilon: must be less"),
    ("pair_sensitivity", {"direction": "both"}, "direction: must be 'forward' or 'reverse'"),
    ("pair_sensitivity", {"clip": 0.0}, "clip: must be greater")])
def test_options_are_checked(name: str, options: dict[str, Any], told: str) -> None:
    with pytest.raises(CardError, match=f"training.options.objectives.{name}: {told}"):
        made({name: options})


@pytest.fixture
def compared(start: PolicyCard, monkeypatch: pytest.MonkeyPatch) -> None:
    """What batches hold of the first policy is what it gives."""
    batch, first = Samples.batch, start.make()
    assert isinstance(first, Gauss)

    def watched(self: Samples, *given: Any) -> Batch:
        found = batch(self, *given)
        if FIRST in found.extras:
            assert torch.allclose(found[FIRST].logits, first.distribution(found.obs).logits)
            assert not found[FIRST].logits.requires_grad
        return found

    monkeypatch.setattr(Samples, "batch", watched)


@pytest.mark.usefixtures("alone", "compared")
def test_of_weight_0_every_term_is_seen_and_changes_no_bit(card: Card, tmp_path: Path) -> None:
    """Of its own weight each has a share of the gradient."""
    options = {**PPO, "warmup": 0, "iterations": 1, "contexts": 4, "updates": 2}
    names = ["fan_sft", "fan_ppo", "fan_kernel", "entropy", "label_smoothing", "kl_reference", "pair_invariance",
             "pair_sensitivity", "view_augmentation"]
    off = {name: {"epsilon" if name == "label_smoothing" else "weight": 0.0} for name in names}
    weights = []
    for number, objectives in enumerate(({}, off, dict.fromkeys(names, {}))):
        path = card("ppo", **options, objectives=objectives)
        weights.append(training.train(path, tmp_path / f"{number}", device="cpu", workers=1).sha256)
    assert weights[0] == weights[1] != weights[2]
    plain, unweighted, weighted = (Curves(tmp_path / f"{number}").series() for number in range(3))
    assert {name: unweighted[name] for name in plain if name != "passes"} == {
        name: values for name, values in plain.items() if name != "passes"}
    (passes,), (more,), (views,) = (each[1] for each in (plain["passes"], unweighted["passes"], unweighted["views"]))
    assert more == 3 * passes and views == 2 * passes  # every look once, with its two views
    assert {*names, *(f"share {name}" for name in names), "entropy nats", "fan_sft sigma", "pair_sensitivity clipped",
            "view_augmentation outside", *(f"{name} kl" for name in names if "_" in name and name not in (
                "label_smoothing", "view_augmentation"))} <= unweighted.keys()
    assert unweighted["kl_reference kl"][1][0] > 0  # after the first of two updates
    assert not any(unweighted[name][1][0] or unweighted[f"share {name}"][1][0] for name in names)
    assert all(weighted[name][1][0] and weighted[f"share {name}"][1][0] for name in names)
    assert sum(weighted[f"share {name}"][1][0] for name in [*names, "policy", "value"]) == pytest.approx(1.0)


@pytest.mark.usefixtures("alone")
def test_cloning_sums_what_shapes_its_bins(card: Card, tmp_path: Path) -> None:
    """On the expert's bins alone."""
    options = {"rounds": [{**ROUND[0], "steps": 2}], "init": str(tmp_path / "start.toml"), "batch": 16, "every": 50}
    path = card("sft", **options, sigma=0.0, objectives={"fan_sft": {"weight": 0.05}, "label_smoothing": {}})
    series = trained(path, tmp_path / "out", data=[lamps(tmp_path / "lamps")])
    (kl,), (term,) = series["fan_sft kl"][1], series["fan_sft"][1]
    assert term == pytest.approx(0.05 * kl, rel=1e-4) and series["label_smoothing"][1][0] > 0
    shares = {name: values[0] for name, (_, values) in series.items() if name.startswith("share ")}
    assert shares.keys() == {"share action", "share fan_sft", "share label_smoothing"}
    assert sum(shares.values()) == pytest.approx(1) and 0 < shares["share fan_sft"] < shares["share action"]
    off = {"fan_sft": {"weight": 0.0}, "label_smoothing": {"epsilon": 0.0}}
    weights = [training.train(card("sft", **options, sigma=0.0, objectives=objectives), tmp_path / f"{number}",
                              device="cpu", workers=1, data=[tmp_path / "lamps"]).sha256
               for number, objectives in enumerate(({}, off, {"fan_sft": {"weight": 0.05}}))]
    assert weights[0] == weights[1] != weights[2]  # a weight of 0 is the baseline, to the bit


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(("method", "options"), [("rloo", {**SHORT, "iterations": 1}), ("ppo", {
    **PPO, **SHORT, "warmup": 1, "rollouts": 1})])
def test_consistency_and_a_clean_twin_are_summed_by_reinforcement_learning(
        method: str, options: dict[str, Any], card: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch's `wanted` are the first policy's mean actions for the pictures without perturbation."""
    first, seen = Gauss(tmp_path / "start.safetensors"), list[float]()

    def judged(self: Consistency, batch: Batch, forward: Forward, before: Any = Consistency.loss) -> Any:
        twin = batch["clean twin"]
        assert torch.allclose(batch["wanted"], first.distribution(twin).mean, atol=1e-6)
        seen.append(float(np.abs(twin.images["top"].astype(float) - batch.obs.images["top"]).mean()))
        assert twin.instruction == batch.obs.instruction and np.array_equal(twin.proprio, batch.obs.proprio)
        return before(self, batch, forward)

    monkeypatch.setattr(Consistency, "loss", judged)
    objectives = {"consistency": {"weight": 5.0}, "twinned": {}}
    series = trained(card(method, **options, noise={"observation": 1.0}, objectives=objectives), tmp_path / "out")
    assert {"consistency", "share consistency", "twinned"} <= series.keys() and max(seen) > 1.0
    assert min(series["consistency"][1]) >= 5.0 * SOFT - 1e-6


@pytest.mark.usefixtures("alone")
def test_what_cloning_cannot_begin_with_is_refused(card: Card, tmp_path: Path) -> None:
    data = lamps(tmp_path / "lamps")
    path = card("sft", rounds=ROUND)
    Path(path).write_text("\n".join(line for line in Path(path).read_text().splitlines() if "init =" not in line))
    with pytest.raises(CardError, match="Gauss cannot begin from nothing\n  fix: `init`"):
        trained(path, tmp_path / "nothing", data=[data])
    with pytest.raises(OptionError, match="no expert of 'switch' to collect demonstrations from"):
        trained(path, tmp_path / "alone")
    with h5py.File(data / "lamp_demo.hdf5", "a") as file:
        file["data/demo_0/actions"][0] = 2.0
    with pytest.raises(DataError, match=r"action push is 2 in frame 0; the simulator's are in \[-1, 1\]"):
        trained(card("sft", rounds=ROUND), tmp_path / "range", data=[data])


def test_a_forward_computes_each_thing_once_and_a_view_is_on_the_same_actions(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chain.fresh(tmp_path / "weights")
    policy, calls = chain.Chain(tmp_path / "weights"), list[Observation]()
    embedding = policy.embedding

    def counted(obs: Observation) -> torch.Tensor:
        calls.append(obs)
        return embedding(obs)

    monkeypatch.setattr(policy, "embedding", counted)
    rng = np.random.default_rng(0)
    obs = [Observation.now({"top": rng.integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)}, np.zeros((2, 1), np.float32),
                           ("push",) * 2, 0) for _ in range(2)]
    actions = torch.tensor(rng.uniform(-1, 1, (2, 3, 2)), dtype=torch.float32)
    forward = Forward(policy, obs[0], actions)
    assert forward.log_probs.shape == (2, 3) and forward.embedding is forward.embedding and len(calls) == 1
    other = forward.on(obs[1])
    assert other.distribution.mean.shape == (2, 3, 2) and len(calls) == 2
    assert torch.equal(other.distribution.mean, policy.distribution(obs[1], actions).mean)
    found = forward.distribution.kl(other.distribution)
    assert found.shape == (2, 3, 2) and (found >= -1e-6).all() and found.requires_grad
