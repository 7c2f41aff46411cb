"""The cards that train OpenVLA, on a tiny checkpoint: what learns and what does not, resuming, and what is shipped.

Options are the cards' own but for sizes. Whole trainings, by rollouts in both simulators, take minutes (`-m long`).
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors import safe_open

from tests.models import tiny_openvla as tiny
from vlabench.adapters.openvla import Openvla
from vlabench.cards import load_policy
from vlabench.cards.policy import PolicyCard
from vlabench.errors import CardError, UnknownName
from vlabench.models import lora, openvla_folder
from vlabench.seeding import stream
from vlabench.simulators.libero.interface import SPACE
from vlabench.simulators.maniskill.interface import SPACE as BRIDGE
from vlabench.training import checkpoints
from vlabench.training.methods._cloner import Cloner
from vlabench.training.methods._sft_options import Round, SftOptions
from vlabench.training.methods.ppo import PpoOptions
from vlabench.training.objectives._views import ALTERING, PRESERVING
from vlabench.training.objectives.base import Batch
from vlabench.training.rl.adapting import Lora
from vlabench.training.rl.learner import Learner
from vlabench.training.rl.options import ClippedOptions
from vlabench.training.rl.rollouts import Rollout
from vlabench.training.rl.samples import Samples
from vlabench.training.train import method_of
from vlabench.types import EpisodeSpec, Observation, Task

CARDS = ("openvla-robustvla", *(pytest.param(name, marks=pytest.mark.long)
                                for name in ("openvla-fan-ppo", "openvla-pair")))
KEYS = {"libero": "libero_spatial_no_noops", "maniskill": "bridge_orig"}
LOOKS = 1
"""Of a rollout, all of the same picture."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.make(tmp_path_factory.mktemp("openvla"), oft=True)


def policy_of(card: PolicyCard, folder: Path, **more: Any) -> Openvla:
    """As the card has it, but on a CPU; rollouts draw at temperature 1."""
    policy = Openvla(folder, **{**card.options, "device": "cpu", "decode": "sample", "temperature": 1.0, **more})
    policy.configure(SPACE if card.simulator == "libero" else BRIDGE)
    return policy


def look(card: PolicyCard, upside_down: bool = False) -> Observation:
    pictures, state = tiny.looks()
    shown = {camera: pictures[[number]][:, :: -1 if upside_down else 1] for number, camera in enumerate(card.cameras)}
    return Observation.now(shown, state[None], [tiny.INSTRUCTION], 0)


def rollout(policy: Openvla, card: PolicyCard, number: int) -> Rollout:
    spec = EpisodeSpec(Task("libero", "libero_spatial", 0, "bowl", tiny.INSTRUCTION, 10), "clean", number)
    policy.reset([0], [stream(spec, "policy")])
    obs, other = look(card), look(card, upside_down=True)
    decided = [policy.act(obs.replace(steps=np.array([step]))) for step in range(LOOKS)]
    several = {camera: np.repeat(pictures, LOOKS, 0) for camera, pictures in obs.images.items()}
    turned = {camera: np.repeat(pictures, LOOKS, 0) for camera, pictures in other.images.items()}
    told: dict[str, Any] = {name: np.concatenate([each.extras[name] for each in decided]).astype(np.float32)
                            for name in ("log_probs", "means")}
    return Rollout(spec, several, np.repeat(obs.proprio, LOOKS, 0), tiny.INSTRUCTION,
                   np.concatenate([each.actions for each in decided]).astype(np.float32), **told,
                   executed=np.array([card.replan] * LOOKS), success=bool(number), realised={}, terms={},
                   views={PRESERVING: turned, ALTERING: turned})


def begun(card: PolicyCard, folder: Path) -> tuple[Learner, Samples]:
    """Who learns, by the card's method, and what from."""
    method: Any = method_of(card)
    policy = policy_of(card, folder)
    torch.manual_seed(0)
    learner: Learner = method.learner(policy, "cpu")
    rollouts = [rollout(policy, card, number) for number in range(2)]
    worth = [np.full(LOOKS, sign) for sign in (-1.0, 1.0)]
    returns = [np.full(LOOKS, float(number)) for number in range(2)] if isinstance(method.options, PpoOptions) else None
    return learner, Samples(rollouts, worth, returns, [1.0, 1.0], policy.space)


def learns(name: str) -> bool:
    return "lora_" in name or name.startswith(("worth.", "action_head."))


def actions(policy: Openvla, card: PolicyCard) -> np.ndarray[Any, Any]:
    """Means, teacher-forced."""
    given = torch.full((1, policy.chunk, policy.module.size), 0.01)
    with torch.no_grad():
        return policy.distribution(look(card), given).mean.numpy()


@pytest.mark.parametrize("name", CARDS)
def test_only_lora_and_heads_learn_and_what_is_shipped_acts_like_what_was_trained(name: str, folder: Path,
                                                                                  tmp_path: Path) -> None:
    card = load_policy(name)
    learner, samples = begun(card, folder)
    policy: Any = learner.policy
    before = {key: value.detach().clone() for key, value in policy.module.named_parameters()}
    first = {key: value for key, value in before.items() if key.endswith("fc2.weight") or learns(key)}
    rates = sorted({group["lr"] for group in learner._optimizer.param_groups})
    assert len(rates) == 2  # of LoRA, and of the L1 head or the critic
    rows = range(len(samples))
    seen = [learner.update(samples, rows) for _ in range(2)]
    assert all(np.isfinite(list(each.values())).all() for each in seen) and seen[0]["policy"] != seen[1]["policy"]
    with_gradient = {key for key, value in policy.module.named_parameters() if value.grad is not None}
    trained = {key for key, value in policy.module.named_parameters() if value.requires_grad}
    assert trained == {key for key in before if learns(key)} and with_gradient <= trained
    idle = {key for key in trained - with_gradient if ".lm_head." not in key or card.options["head"] != "l1"}
    assert not idle and len(with_gradient) > 60
    moved = {key for key, value in policy.module.named_parameters() if not torch.equal(value, before[key])}
    assert moved <= trained and {key for key in first if key.startswith(("worth.", "action_head."))} <= moved
    assert {key for key in with_gradient if "lora_B" in key} <= moved
    kept = checkpoints.learned(policy.module)
    assert {key for key in kept if "weight" in key or "bias" in key} == trained

    # as shipped: merged, in the published format
    plain = actions(policy, card)
    learner.save(tmp_path, exact=True)
    again = policy_of(card, tmp_path)
    assert np.allclose(actions(again, card), plain, atol=2e-5) and not np.allclose(
        actions(policy_of(card, folder), card), plain, atol=2e-5)


@pytest.mark.parametrize("name", [pytest.param("openvla-robustvla", marks=pytest.mark.long), "openvla-fan-ppo"])
def test_a_training_resumes_to_the_same_bits(name: str, folder: Path, tmp_path: Path) -> None:
    card = load_policy(name)
    learner, samples = begun(card, folder)
    learner.update(samples, range(len(samples)))
    checkpoints.save(tmp_path / "state.pt", learner.state())
    after = learner.update(samples, [0, 1])
    other, _ = begun(card, folder)
    state = checkpoints.load(tmp_path / "state.pt", "cpu")
    assert state is not None
    other.restore(state)
    assert other.update(samples, [0, 1]) == after
    for mine, theirs in zip(learner.parameters, other.parameters, strict=True):
        assert torch.equal(mine, theirs)


def test_a_critic_apart_has_lora_of_its_own_and_learns_beside_the_policy(folder: Path, tmp_path: Path) -> None:
    """While it warms up it learns alone; what either is shipped with was merged where it belongs."""
    card = load_policy("openvla-fan-ppo")
    told = {**card.training.options, "critic": "apart"}  # type: ignore[union-attr]
    card = card.model_copy(update={"training": card.training.model_copy(update={"options": told})})  # type: ignore[union-attr]
    learner, samples = begun(card, folder)
    policy: Any = learner.policy
    rates = {group["lr"] / share: {id(each) for each in group["params"]} for group, share in zip(
        learner._optimizer.param_groups, (0.1, 1.0, 1.0), strict=True)}  # the policy's rises
    own_head = {id(parameter) for parameter in policy.value_head.parameters()}
    assert rates.keys() == {1e-4, 3e-3} and rates[3e-3] == own_head
    learned = {key for key, value in policy.module.named_parameters() if value.requires_grad}
    own = {key for key in learned if key.startswith("worth.")}
    assert {key.removeprefix("worth.") for key in own if not key.startswith("worth.worth.")} == {
        key for key in learned - own if ".lm_head." not in key}
    before = {key: value.detach().clone() for key, value in policy.module.named_parameters()}
    acted = actions(policy, card)
    for alone, moved in ((True, own), (False, learned)):
        for _ in range(2):
            learner.update(samples, range(len(samples)), critic_alone=alone)
        changed = {key for key, value in policy.module.named_parameters() if not torch.equal(value, before[key])}
        assert changed == moved
        assert np.array_equal(actions(policy, card), acted) == alone
    with torch.no_grad():
        value, plain = policy.value(look(card)), actions(policy, card)
    learner.save(tmp_path, exact=True)
    again = policy_of(card, tmp_path, critic=True)
    assert torch.allclose(again.value(look(card)), value, atol=2e-5)
    assert np.allclose(actions(again, card), plain, atol=2e-5)


def cloner(folder: Path, parts: int) -> Cloner:
    """FAN-SFT's card's."""
    card = load_policy("openvla-fan-sft")
    options = method_of(card).options
    assert isinstance(options, SftOptions)
    policy = policy_of(card, folder)
    torch.manual_seed(0)
    return Cloner(policy, options.summed(policy), "cpu", weight_decay=options.weight_decay, average=options.average,
                  max_grad_norm=options.max_grad_norm, precision="float32", accumulation=parts, lora=options.lora)


def demonstrated() -> Batch:
    card = load_policy("openvla-fan-sft")
    shown = look(card)
    obs = Observation.now({camera: np.repeat(pictures, 2, 0) for camera, pictures in shown.images.items()},
                          np.repeat(shown.proprio, 2, 0), [tiny.INSTRUCTION, "put it down"], 0)
    wanted = torch.tensor([[[0.01, -0.01, 0.02, 0.0, 0.0, 0.1, 1.0]], [[-0.02, 0.01, 0.0, 0.01, 0.0, -0.1, -1.0]]])
    return Batch(obs, wanted, torch.ones(2, 1, dtype=torch.bool), torch.ones(2, 1), torch.tensor(2.0), 2, BRIDGE)


def test_cloning_in_parts_is_cloning_at_once_and_resumes_and_ships(folder: Path, tmp_path: Path) -> None:
    """Of the same gradients; then on from a checkpoint that holds what is trained alone, to a published folder."""
    (tmp_path / "shipped").mkdir()
    whole, parts = cloner(folder, 1), cloner(folder, 2)
    batch = demonstrated()
    before = {name: value.detach().clone() for name, value in parts.policy.module.named_parameters()}
    for _ in range(2):
        one, other = whole.update(batch, 1e-3), parts.update(batch, 1e-3)
        assert one.keys() == other.keys() and {"loss", "action", "fan_sft"} <= one.keys()
        assert all(float(one[name]) == pytest.approx(float(other[name]), rel=2e-4, abs=1e-6) for name in one)
    for (name, mine), (_, theirs) in zip(whole.policy.module.named_parameters(),
                                         parts.policy.module.named_parameters(), strict=True):
        assert (mine.grad is None) == (theirs.grad is None) == ("lora_" not in name)
        assert mine.grad is None or torch.allclose(mine.grad, theirs.grad, atol=1e-5)  # type: ignore[arg-type]
        assert torch.equal(theirs, before[name]) or "lora_" in name
    checkpoints.save(tmp_path / "state.pt", parts.state())
    resumed = cloner(folder, 2)
    state = checkpoints.load(tmp_path / "state.pt", "cpu")
    assert state is not None and all("lora_" in name or "rotary" in name for name in state["network"])
    resumed.restore(state)
    assert {name: float(value) for name, value in resumed.update(batch, 1e-3).items()} == {
        name: float(value) for name, value in parts.update(batch, 1e-3).items()}


    # as shipped
    card = load_policy("openvla-fan-sft")
    trained = actions(parts.policy, card)  # type: ignore[arg-type]
    policy = parts.averaged()
    assert np.allclose(actions(policy, card), trained, atol=2e-5)  # type: ignore[arg-type]
    policy.save(tmp_path / "shipped")
    published(folder, tmp_path / "shipped")


def published(folder: Path, shipped: Path) -> None:
    """Names and shapes of parameters are those that the released code had for this checkpoint (openvla.npz); in
    bfloat16, with the published files beside them, and one file of parameters, which needs no index.
    """
    with np.load(Path(tiny.__file__).with_name("openvla.npz")) as file:
        names = dict(line.split(" ", 1) for line in file["openvla/names"].tolist())
    with safe_open(shipped / "model.safetensors", framework="pt") as opened:
        assert {name: opened.get_slice(name).get_shape() for name in opened.keys()} == {
            name: ast.literal_eval(shape) for name, shape in names.items()}
        assert {opened.get_slice(name).get_dtype() for name in opened.keys()} == {"BF16"}
        assert opened.metadata() == {"format": "pt"}
    copied = {path.name for path in folder.glob("*.json")} - {openvla_folder.INDEX}
    assert {path.name for path in shipped.iterdir()} == {*copied, "model.safetensors"}
    assert all((shipped / name).read_bytes() == (folder / name).read_bytes() for name in copied)


@pytest.mark.long
def test_so_is_what_robustvla_ships_with_oft_s_own_files(folder: Path, tmp_path: Path) -> None:
    """The released code looks for one file each, and reads these names."""
    learner, samples = begun(load_policy("openvla-robustvla"), folder)
    learner.update(samples, [0, 1])
    learner.save(tmp_path)
    for part, shapes in (("action_head", tiny.head_shapes()), ("proprio_projector", tiny.projector_shapes())):
        (path,) = [path for path in tmp_path.iterdir() if part in path.name and "checkpoint" in path.name]
        state = torch.load(path, weights_only=True)
        assert {name: tuple(value.shape) for name, value in state.items()} == shapes
        assert {value.dtype for value in state.values()} == {torch.bfloat16}


def test_a_head_that_is_trained_in_full_is_in_float32_beside_half_the_bits(folder: Path) -> None:
    """As on a GPU: a step of 5e-5 is lost in bfloat16."""
    card = load_policy("openvla-robustvla")
    policy = policy_of(card, folder)
    policy.module.to(torch.bfloat16)
    learner: Learner = method_of(card).learner(policy, "cpu")  # type: ignore[attr-defined]
    assert {parameter.dtype for parameter in learner.parameters} == {torch.float32}
    assert policy.module.projector.fc1.base_layer.weight.dtype == torch.bfloat16  # type: ignore[union-attr]
    assert policy.distribution(look(card)).mean.isfinite().all()
    layers = {layer for layer in lora.layers(learner._lora)}  # type: ignore[arg-type]
    inside = {id(part) for part in policy.module.action_head.modules()}  # type: ignore[union-attr]
    assert layers and not inside & {id(layer) for layer in layers}


# what is refused

def test_a_rate_for_a_head_needs_lora_and_a_head(folder: Path) -> None:
    with pytest.raises(ValidationError, match="`head_learning_rate` is for an action head beside `lora`"):
        ClippedOptions(head_learning_rate=1e-4)
    policy = policy_of(load_policy("openvla-fan-ppo"), folder)
    with pytest.raises(CardError, match="head_learning_rate: Openvla has no action head .*\n  fix: leave it out"):
        Learner(policy, ClippedOptions(head_learning_rate=1e-4, lora=Lora()), "cpu")
    with pytest.raises(UnknownName, match="critic"):
        policy.renew_critic("embedding")


def test_cloning_with_lora_keeps_no_average() -> None:
    with pytest.raises(ValidationError, match=r"is not that of what they do\s+fix: average = 0.0"):
        SftOptions(task_sets=("x",), rounds=(Round(per_task=1, steps=1),), lora=Lora())


# whole trainings

SHRUNK: dict[str, dict[str, Any]] = {
    "openvla-robustvla": {"tasks": ["libero_spatial/0"], "iterations": 2, "contexts": 1, "rollouts": 2, "attempts": 1,
                          "horizon": 0.1, "updates": 2},
    "openvla-fan-ppo": {"tasks": ["maniskill_put_on_plate/0"], "iterations": 2, "contexts": 2, "horizon": 0.05,
                        "updates": 2},
    "openvla-pair": {"tasks": ["maniskill_pair/0"], "iterations": 2, "contexts": 2, "horizon": 0.05, "updates": 2},
    "openvla-fan-sft": {"rounds": [{"tasks": ["maniskill_put_on_plate/0"], "per_task": 1, "steps": 2,
                                    "learning_rate": 5e-4}], "batch": 4, "precision": "auto"}}


@pytest.fixture
def written(folder: Path, tmp_path: Path) -> Iterator[Any]:
    """Writes a card shrunk, and the one it goes on from; gives its path."""
    from tests.training.conftest import toml
    from vlabench.util.weights import digest

    def body(card: PolicyCard) -> str:
        return (f'title = "tiny"\nsource = "a test"\nadapter = "openvla"\nsimulator = "{card.simulator}"\n'
                f'assets = ["primitive"]\ncameras = {toml(list(card.cameras))}\nimage_size = {card.image_size}\n'
                f'replan = {card.replan}\nhost = true\nexact = false\n')

    def write(name: str) -> Path:
        card = load_policy(name)
        assert card.training is not None
        start = load_policy(card.training.options["init"])
        head = toml({**start.options, "device": "cpu", "unnorm_key": KEYS[str(card.simulator)]})
        (tmp_path / "start.toml").write_text(
            f'{body(start)}options = {head}\nweights = {{ path = "{folder}", sha256 = "{digest(folder)}" }}\n')
        options = {**card.training.options, "init": str(tmp_path / "start.toml"), "eval_episodes": 0, **SHRUNK[name]}
        mine = toml({**card.options, "device": "cpu", "unnorm_key": KEYS[str(card.simulator)]})
        lines = "".join(f"{key} = {toml(value)}\n" for key, value in options.items())
        path = tmp_path / f"{name}.toml"
        path.write_text(f'{body(card)}options = {mine}\n\n[training]\nmethod = "{card.training.method}"\n\n'
                        f"[training.options]\n{lines}")
        return path

    yield write


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("name", SHRUNK)
def test_two_iterations_of_each_in_its_simulator_and_a_kill_between_them(name: str, written: Any, tmp_path: Path,
                                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    """Rollouts come through the host; what is shipped acts, and is the same after a kill in the second iteration."""
    from vlabench.simulators.base import find_simulator
    from vlabench.training import train as training
    from vlabench.training.curves import Curves
    from vlabench.training.methods.rloo import Rloo

    pytest.importorskip({"libero": "mujoco", "maniskill": "sapien"}[str(load_policy(name).simulator)])
    monkeypatch.setattr(Rloo, "keep", lambda self, course, group: True)  # so that there are updates: all of them fail
    path = written(name)
    whole = training.train(str(path), tmp_path / "whole", device="cpu", workers=1)
    curves = Curves(tmp_path / "whole").series()
    assert all(np.isfinite(values).all() for _, values in curves.values()) and curves
    if "iterations" in SHRUNK[name]:
        assert len(curves["policy"][1]) == 2
        update, calls = Learner.update, []

        def killed(self: Learner, *given: Any) -> dict[str, float]:
            calls.append(1)
            if len(calls) == 4:
                raise KeyboardInterrupt
            return update(self, *given)

        monkeypatch.setattr(Learner, "update", killed)
        with pytest.raises(KeyboardInterrupt):
            training.train(str(path), tmp_path / "parts", device="cpu", workers=1)
        parts = training.train(str(path), tmp_path / "parts", device="cpu", workers=1)
        assert parts.sha256 == whole.sha256
        assert Curves(tmp_path / "parts").rows() == Curves(tmp_path / "whole").rows()
        state = checkpoints.load(tmp_path / "whole/state.pt", "cpu")
        assert state is not None and not any("base_layer" in key for key in state["module"])
    shipped = load_policy(str(whole.card))
    policy = shipped.make()
    policy.configure(find_simulator(str(shipped.simulator)).action_space)
    policy.reset([0], [stream(EpisodeSpec(Task("x", "x", 0, "x", "x", 1), "clean", 0), "policy")])
    assert np.isfinite(policy.act(look(shipped)).actions).all()
    assert json.loads((whole.weights / "config.json").read_text()) == tiny.config()


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.filterwarnings("default")  # of Ray's own
def test_a_host_on_a_cluster_plays_what_one_here_does(written: Any, tmp_path: Path,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    """One iteration, whose rollouts a host plays that Ray started, with the weights that it was given."""
    from tests.nodes import keepers, toys
    from vlabench.episode import ray_workers
    from vlabench.training import train as training
    from vlabench.training.methods.rloo import Rloo

    pytest.importorskip("ray")
    pytest.importorskip("mujoco")
    toys(monkeypatch)
    monkeypatch.setitem(SHRUNK, "openvla-robustvla", {**SHRUNK["openvla-robustvla"], "iterations": 1})
    monkeypatch.setattr(Rloo, "keep", lambda self, course, group: True)  # all of them fail
    path = written("openvla-robustvla")
    here = training.train(str(path), tmp_path / "here", device="cpu", workers=1)
    started: list[str] = []
    start = ray_workers.Cluster.start

    def watched(self: ray_workers.Cluster, module: str, kind: str, *given: Any, **named: Any) -> ray_workers.Remote:
        started.append(kind)
        return start(self, module, kind, *given, **named)

    monkeypatch.setattr(ray_workers.Cluster, "start", watched)
    there = training.train(str(path), tmp_path / "there", device="cpu", workers=1, on="ray")
    assert there.sha256 == here.sha256 and sorted(started) == ["policy", "worker"]
    assert not keepers()
