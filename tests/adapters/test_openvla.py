"""OpenVLA in process, on a tiny checkpoint: what is refused, drawn and learned, and the way to its own server."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.models import tiny_openvla as tiny
from vlabench.adapters.openvla import Head, Openvla
from vlabench.adapters.wire import arrays
from vlabench.cards import load_policy
from vlabench.cards.policy import PolicyCard
from vlabench.errors import CardError, DataError, DeviceError, OptionError, UnknownName
from vlabench.evaluation import against
from vlabench.models import lora
from vlabench.models.distributions import explored
from vlabench.seeding import stream
from vlabench.simulators.libero.interface import SPACE
from vlabench.simulators.maniskill.interface import SPACE as BRIDGE
from vlabench.training.objectives import base
from vlabench.training.objectives.base import Batch, Forward
from vlabench.types import EpisodeSpec, Observation, Task
from vlabench.util.weights import digest

KEY = "libero_spatial_no_noops"
HEADS: tuple[Head, ...] = ("tokens", "parallel", "l1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.make(tmp_path_factory.mktemp("openvla"), oft=True)


def acting(folder: Path, **options: Any) -> Openvla:
    policy = Openvla(folder, **{"unnorm_key": KEY, **options})
    policy.configure(SPACE)
    return policy


def look() -> Observation:
    """Two robots, with instructions of other lengths."""
    pictures, state = tiny.looks()
    return Observation.now({"agentview": pictures}, np.stack([state, -state]), ["open the drawer", tiny.INSTRUCTION], 0)


def begun(policy: Openvla) -> Openvla:
    task = Task("libero", "libero_spatial", 0, "bowl", tiny.INSTRUCTION, 10)
    policy.reset([0, 1], [stream(EpisodeSpec(task, "clean", index), "policy") for index in range(2)])
    return policy


def without(folder: Path, to: Path, *names: str) -> Path:
    """A copy with links to all files but some."""
    to.mkdir()
    for path in folder.iterdir():
        if path.name not in names:
            (to / path.name).symlink_to(path)
    return to


def card_of(folder: Path, home: Path, cameras: str) -> PolicyCard:
    path = home / "tiny.toml"
    path.write_text(
        'title = "tiny"\nsource = "a test"\nadapter = "openvla"\nsimulator = "libero"\nassets = ["primitive"]\n'
        f'cameras = {cameras}\nimage_size = 256\nreplan = 8\noptions = {{ head = "l1", unnorm_key = "{KEY}" }}\n'
        f'weights = {{ path = "{folder}", sha256 = "{digest(folder)}" }}\n')
    return load_policy(str(path))


# what is refused

@pytest.mark.parametrize("lacking, told", [
    ("model-00002-of-00003.safetensors", "model-00002-of-00003.safetensors is missing, of 3 files"),
    ("tokenizer.json", "the tokenizer, tokenizer.json, is missing"),
    ("config.json", "config.json is missing"),
    ("preprocessor_config.json", "preprocessor_config.json is missing"),
    ("action_head--150000_checkpoint.pt", "no action_head--…_checkpoint.pt"),
    ("proprio_projector--150000_checkpoint.pt", "no proprio_projector--…_checkpoint.pt\n.*options.proprio = false")])
def test_a_folder_that_lacks_a_file_says_which(folder: Path, tmp_path: Path, lacking: str, told: str) -> None:
    with pytest.raises(DataError, match=told) as error:
        acting(without(folder, tmp_path / "copy", lacking), head="l1")
    assert "fix: " in str(error.value)


def test_a_checkpoint_trained_without_proprioception_acts_without(folder: Path, tmp_path: Path) -> None:
    bare = without(folder, tmp_path / "copy", "proprio_projector--150000_checkpoint.pt")
    policy = acting(bare, head="l1", proprio=False)
    seen = look()
    moved = seen.replace(proprio=seen.proprio + 1)
    assert np.array_equal(policy.act(seen).actions, policy.act(moved).actions)
    assert not np.array_equal(acting(folder, head="l1").act(seen).actions, policy.act(seen).actions)


def test_a_pickle_is_not_read_where_safetensors_should_be(folder: Path, tmp_path: Path) -> None:
    shards = [path.name for path in folder.glob("*.safetensors")]
    bare = without(folder, tmp_path / "bare", *shards, "model.safetensors.index.json")
    torch.save({}, bare / "pytorch_model.bin")
    with pytest.raises(DataError, match="pytorch_model.bin is a pickle"):
        acting(bare)
    swapped = without(folder, tmp_path / "swapped", shards[0])
    torch.save({}, swapped / shards[0])
    with pytest.raises(DataError, match="no file in safetensors"):
        acting(swapped)


class Evil:
    """Runs code where it is unpickled."""

    def __reduce__(self) -> Any:
        return (exec, ("raise SystemExit('it ran')",))


def test_a_head_with_code_in_it_is_refused(folder: Path, tmp_path: Path) -> None:
    name = "action_head--150000_checkpoint.pt"
    copy = without(folder, tmp_path / "copy", name)
    torch.save({"model.fc1.weight": Evil()}, copy / name)
    with pytest.raises(DataError, match="holds something else than tensors"):
        acting(copy, head="l1")


def test_of_two_heads_none_is_guessed_and_other_kinds_are_named(folder: Path, tmp_path: Path) -> None:
    copy = without(folder, tmp_path / "copy")
    shutil.copy(folder / "action_head--150000_checkpoint.pt", copy / "action_head--5_checkpoint.pt")
    with pytest.raises(DataError, match="2 files action_head"):
        acting(copy, head="l1")
    (copy / "noisy_action_projector--5_checkpoint.pt").touch()
    with pytest.raises(DataError, match="a diffusion head, which is not read here"):
        acting(copy)


def test_data_sets_are_named_where_the_key_is_none_of_them(folder: Path) -> None:
    with pytest.raises(DataError, match="unknown unnorm_key 'bridge_original': did you mean 'bridge_orig'"):
        acting(folder, unnorm_key="bridge_original")
    with pytest.raises(DataError, match="statistics of 2 data sets: bridge_orig, libero_spatial_no_noops"):
        acting(folder, unnorm_key="")


def test_statistics_in_the_configuration_serve_a_folder_without_a_file_of_them(folder: Path, tmp_path: Path) -> None:
    policy = acting(without(folder, tmp_path / "copy", "dataset_statistics.json"), unnorm_key="")
    assert policy.key == "bridge_orig"


def test_pictures_have_to_be_as_many_as_it_was_trained_with(folder: Path, tmp_path: Path) -> None:
    """Said when the policy is made, before anything is played."""
    with pytest.raises(OptionError, match="options.pictures = 1, and `cameras` are agentview, wrist"):
        card_of(folder, tmp_path, '["agentview", "wrist"]').make()
    card_of(folder, tmp_path, '["agentview"]').make()


def test_a_device_that_is_not_there_is_named(folder: Path) -> None:
    with pytest.raises(DeviceError, match="device 'cuda:99': "):
        acting(folder, device="cuda:99")


def test_tokens_are_not_drawn_around_a_mean(folder: Path) -> None:
    with pytest.raises(OptionError, match="one after the other"):
        Openvla(folder, decode="normal")


# what is drawn

@pytest.mark.parametrize("head", HEADS)
def test_what_is_drawn_is_scored_as_it_was_drawn(folder: Path, head: Head) -> None:
    policy = begun(acting(folder, head=head, decode="sample", temperature=1.0 if head == "l1" else 0.6))
    drawn = policy.act(look())
    actions = torch.as_tensor(drawn.actions, dtype=torch.float32)
    again = explored(policy.distribution(look(), actions), "sample", policy.temperature)
    assert np.allclose(again.log_prob(actions).detach().numpy(), drawn.extras["log_probs"], atol=1e-3)
    assert set(np.unique(drawn.actions[..., 6])) <= {-1.0, 1.0}
    assert np.array_equal(policy.act(look()).actions, drawn.actions)
    given = policy.encode(look(), actions)["embedding"]
    assert torch.equal(policy.distribution(look(), actions, given).mean,
                       policy.distribution(look(), actions).mean)


def test_the_mode_is_what_is_most_probable_on_the_way(folder: Path) -> None:
    policy = acting(folder)
    actions = torch.as_tensor(policy.act(look()).actions, dtype=torch.float32)
    found = policy.distribution(look(), actions).log_prob(actions)[..., :6]
    assert (found.exp() > 1 / 256).all()


def test_in_training_it_reads_on_from_what_it_has_read(folder: Path) -> None:
    policy = acting(folder)
    expected = policy.embedding(look())
    policy.module.train()
    assert torch.allclose(policy.embedding(look()), expected, atol=1e-5)


def test_bridge_actions_are_metres_and_open_the_gripper_by_one(folder: Path) -> None:
    policy = Openvla(folder, unnorm_key="bridge_orig", recorded=False)
    policy.configure(BRIDGE)
    actions = policy.act(look()).actions
    assert (np.abs(actions[..., :3]) <= 0.04).all() and set(np.unique(actions[..., 6])) <= {-1.0, 1.0}


# what learns

def batch(policy: Openvla) -> Batch:
    """What every objective needs, of two looks."""
    obs = look()
    decision = begun(policy).act(obs)
    actions = torch.as_tensor(decision.actions, dtype=torch.float32)
    counted = torch.ones(actions.shape[:2], dtype=torch.bool)
    other = obs.replace(images={"agentview": obs.images["agentview"][::-1].copy()})
    with torch.no_grad():
        first = policy.distribution(obs, actions)
    return Batch(obs, actions, counted, counted.float(), counted.sum(), 2, SPACE, extras={
        "before": torch.as_tensor(decision.extras["log_probs"]).sum(-1) - 0.1, "advantages": torch.tensor([1.0, -1.0]),
        "returns": torch.tensor([1.0, 0.0]), "reference": first.mean + 0.1, "wanted": first.mean + 0.1, "first": first,
        "task-preserving view": other, "task-altering view": other})


SHAPING = ("entropy", "fan_kernel", "fan_ppo", "fan_sft", "label_smoothing", "pair_invariance", "pair_sensitivity")
ANY = ("cloning", "consistency", "jacobian", "kl_reference", "policy_gradient", "smoothness", "value")


@pytest.mark.parametrize("head", [pytest.param("tokens", marks=pytest.mark.slow),
                                  pytest.param("parallel", marks=pytest.mark.slow), "l1"])
def test_two_updates_of_each_objective_change_the_adapters_alone(folder: Path, head: Head) -> None:
    torch.manual_seed(0)
    policy = acting(folder, head=head, decode="sample", critic=True)
    adapted = lora.attach(policy.module, 4, 8, policy.critic)
    names = {name.split(".")[-1] for name in lora.targets(policy.module)}
    assert {"q_proj", "down_proj", "lm_head", "qkv", "fc3"} <= {*names, *(n.split(".")[-1] for n, _ in
                                                                         lora._adapters(adapted.model))}
    given = batch(policy)
    objectives = base.made({name: {} for name in (*ANY, *(() if head == "l1" else SHAPING))})
    base.check(objectives, policy)
    assert policy.critic is not None
    learned = [p for p in policy.module.parameters() if p.requires_grad] + list(policy.critic.parameters())
    for parameter in learned:
        parameter.requires_grad_()
    optimizer = torch.optim.AdamW(learned, 1e-3)
    before = [parameter.detach().clone() for parameter in learned]
    for _ in range(2):
        forward = Forward(policy, given.obs, given.actions, twice=True)
        terms, _shown = base.summed(objectives, given, forward)
        assert all(torch.isfinite(term) for term in terms.values())
        optimizer.zero_grad()
        base.total(terms).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    changed = [not torch.equal(old, new) for old, new in zip(before, learned, strict=True)]
    assert np.mean(changed) > 0.9


def test_what_shapes_bins_is_refused_on_the_l1_head(folder: Path) -> None:
    policy = acting(folder, head="l1")
    for name in SHAPING:
        with pytest.raises(CardError, match=f"objective '{name}' shapes the bins .* draws around locations"):
            base.check(base.made({name: {}}), policy)


@pytest.mark.parametrize("head", ["tokens", "l1"])
def test_what_is_saved_acts_as_before(folder: Path, tmp_path: Path, head: Head) -> None:
    policy = acting(folder, head=head, critic=True)
    with torch.no_grad():
        policy.module.projector.fc1.bias.add_(0.5)
        policy.module.worth[2].bias.add_(0.25)  # type: ignore[index]
    policy.save(tmp_path, exact=True)
    again = acting(tmp_path, head=head, critic=True)
    assert np.array_equal(policy.act(look()).actions, again.act(look()).actions)
    assert torch.equal(policy.value(look()), again.value(look()))
    if head == "tokens":
        names = {name for path in folder.glob("*.safetensors") for name in json.loads(
            (folder / "model.safetensors.index.json").read_text())["weight_map"] if path}
        from safetensors import safe_open
        with safe_open(tmp_path / "model.safetensors", framework="pt") as file:
            assert set(file.keys()) == names


@pytest.mark.parametrize(("kind", "head"), [("h0", "tokens"), ("hn", "tokens"), ("all", "l1")])
def test_a_new_critic_is_rl4vla_s_three_layers_on_numbers_states_and_is_kept(
        kind: str, head: Head, folder: Path, tmp_path: Path) -> None:
    policy = acting(folder, head=head)
    acted = policy.act(look()).actions
    assert policy.critic is None
    policy.renew_critic(kind)
    assert policy.critic is not None and np.array_equal(policy.act(look()).actions, acted)
    layers = [layer for layer in policy.critic.modules() if isinstance(layer, torch.nn.Linear)]
    assert [layer.out_features for layer in layers] == [512, 128, 1]
    states = policy.embedding(look()).view(len(acted), -1, policy.module.width)
    read = {"h0": states[:, 0], "hn": states[:, -1], "all": states.flatten(1)}[kind]
    assert torch.equal(policy.value(look()), policy.critic(read).squeeze(-1))
    policy.save(tmp_path, exact=True)
    again = acting(folder, head=head)
    again.renew_critic("h0")
    again.load(tmp_path)
    assert torch.equal(policy.value(look()), again.value(look()))
    with pytest.raises(UnknownName, match="unknown critic 'embedding': valid: all, apart, h0, hn"):
        policy.renew_critic("embedding")


@pytest.mark.parametrize("head", ["tokens", "l1"])
def test_a_critic_apart_reads_the_first_number_s_state_of_a_copy_and_is_kept(head: Head, folder: Path,
                                                                             tmp_path: Path) -> None:
    policy = acting(folder, head=head)
    acted, other = policy.act(look()).actions, policy.embedding(look())
    states = other.view(len(acted), -1, policy.module.width)[:, 0].detach()
    policy.renew_critic("apart")
    assert policy.critic is not None and policy.value_head is not None
    value = policy.value(look(), 0 * other)
    assert torch.allclose(value, policy.value_head(states).squeeze(-1), atol=1e-6)
    with torch.no_grad():
        policy.module.projector.fc1.bias.add_(0.5)
    assert torch.equal(policy.value(look()), value) and not torch.equal(policy.embedding(look()), other)
    value.sum().backward()  # type: ignore[no-untyped-call]
    inside = {id(parameter) for parameter in policy.critic.parameters()}
    reached = {id(parameter) for parameter in policy.module.parameters() if parameter.grad is not None}
    assert reached <= inside and len(reached) > 60
    with torch.no_grad():
        policy.module.judge.projector.fc1.bias.add_(0.5)
    assert not torch.equal(policy.value(look()), value)
    policy.save(tmp_path, exact=True)
    again = acting(tmp_path, head=head, critic=True)
    assert again.module.frugal and again.module.judge.frugal and again.module.judge is not again.module
    assert torch.equal(again.value(look()), policy.value(look()))
    assert np.array_equal(again.act(look()).actions, policy.act(look()).actions)


def test_a_value_head_of_another_network_is_refused(folder: Path, tmp_path: Path) -> None:
    policy = acting(folder, critic=True)
    policy.save(tmp_path, exact=True)
    save_file({"0.weight": torch.zeros(512, policy.module.width - 1)}, tmp_path / "value_head.safetensors")
    with pytest.raises(DataError, match="value_head.safetensors: no value head of this network's.*\n  fix: download"):
        acting(tmp_path, critic=True)


def test_the_critic_that_reads_the_last_number_s_state_knows_the_numbers_before(folder: Path) -> None:
    policy = acting(folder)
    seen, acted = look(), policy.act(look()).actions
    other = torch.as_tensor(acted).clone()  # as_tensor shares memory
    other[..., 0] = torch.where(other[..., 0] > 0, -1.0, 1.0)
    for kind, knows in (("h0", False), ("hn", True)):
        policy.renew_critic(kind)
        with torch.no_grad():
            one, two = (policy.value(seen, policy.encode(seen, each)["embedding"])
                        for each in (torch.as_tensor(acted), other))
        assert torch.equal(one, two) != knows


# where it acts

@pytest.mark.slow
@pytest.mark.parametrize("simulator, suite, options", [
    pytest.param("libero", "libero-smoke", {"head": "l1", "unnorm_key": KEY, "pictures": 2, "crop": 0.9},
                 marks=pytest.mark.long),
    ("maniskill", "maniskill-smoke", {"unnorm_key": "bridge_orig", "recorded": False, "decode": "sample"})])
def test_it_acts_in_both_simulators_on_the_tasks_of_their_smoke_suites(
        folder: Path, simulator: str, suite: str, options: dict[str, Any]) -> None:
    from vlabench.cards import load_suite
    from vlabench.simulators.base import find_simulator

    pytest.importorskip({"libero": "mujoco", "maniskill": "sapien"}[simulator])
    policy, engine = Openvla(folder, **options), find_simulator(simulator)("primitive")
    policy.configure(engine.action_space)
    card = load_suite(suite)
    task = next(task for task in engine.tasks(card.task_sets[0]) if task.key in (card.tasks or [task.key]))
    spec = EpisodeSpec(task, "clean", 0)
    scene = engine.open(task, cameras=tuple(engine.cameras)[:policy.pictures], image_size=128)
    try:
        scene.place([spec])
        scene.settle()
        policy.reset([0], [stream(spec, "policy")])
        digests = {scene.state_digest()}
        for _ in range(2):
            for action in policy.act(scene.observe()).actions[0, :2]:
                scene.step(action[None])
            digests.add(scene.state_digest())
        assert len(digests) == 3
    finally:
        scene.close()


# its own server

@contextmanager
def server(policy: Openvla, off: float = 0.0) -> Iterator[str]:
    """Answers as OFT's does, by another copy; off: how far its actions are away."""
    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = arrays.from_json(self.rfile.read(int(self.headers["Content-Length"])))
            shown = {name: value[None] for name, value in asked.items() if "image" in name}
            obs = Observation.now(shown, asked["state"][None], [asked["instruction"]], 0)
            found = policy.act(obs).actions[0] + off
            found[:, 6] = (1 - found[:, 6]) / 2
            body = arrays.to_json(list(found))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            return None

    with HTTPServer(("127.0.0.1", 0), Answers) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{made.server_port}"
        finally:
            made.shutdown()


@pytest.mark.parametrize("off, wrong", [(0.0, False), (0.3, True)])
def test_a_checkpoint_is_compared_with_its_server(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                  off: float, wrong: bool) -> None:
    from vlabench.simulators.libero.simulator import Libero

    monkeypatch.setattr(against, "looks", lambda *a: [look().slot(number) for number in (0, 1)])
    monkeypatch.setattr(against, "LOOKS", 2)
    with server(acting(folder, head="l1"), off) as url:
        found = against.against(card_of(folder, tmp_path, '["agentview"]'), url, ("libero", Libero("primitive"), ()))
    assert found.wrong is wrong and "2 looks" in found.text
