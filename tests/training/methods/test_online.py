"""Trainings from rollouts, whole: they improve a toy policy, resume exactly, and say what is wrong."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

from tests.toy.alone import Alone
from tests.toy.chain import fresh as fresh_chain
from tests.toy.gauss import Gauss, fresh
from vlabench.cards import load_policy, write_policy
from vlabench.cards.lineage import seen
from vlabench.cards.noise import NEUTRAL
from vlabench.cards.policy import PolicyCard
from vlabench.cards.schema import SPENT, Weights
from vlabench.errors import CardError, DataError, DivergedError, VlabenchError, WorkerError
from vlabench.training import checkpoints
from vlabench.training import train as training
from vlabench.training.curves import Curves
from vlabench.training.display import Display
from vlabench.training.methods import _online, ppo
from vlabench.training.methods._course import TrainingRun
from vlabench.training.methods.rloo import Rloo
from vlabench.training.objectives.consistency import SOFT
from vlabench.training.rl import consistency, judging
from vlabench.training.rl.contexts import Group
from vlabench.training.rl.curriculum import at_level
from vlabench.training.rl.learner import WARMUP, Learner
from vlabench.training.rl.rollouts import Assignment, Collector, Rollout
from vlabench.training.rl.samples import Samples
from vlabench.training.rl.spending import VIEWS
from vlabench.training.rl.trial import trial
from vlabench.types import EpisodeSpec, Task
from vlabench.util.files import held
from vlabench.util.progress import Progress
from vlabench.util.weights import digest

Card = Callable[..., str]
RLOO: dict[str, Any] = {"contexts": 8, "rollouts": 8, "iterations": 8, "updates": 4, "learning_rate": 0.03,
                        "attempts": 2}
NORMAL: dict[str, Any] = {**RLOO, "exploration_std": 0.5}
ROBUST: dict[str, Any] = {**RLOO, "jacobian": {"weight": 0.001, "clamp": 50.0}, "smoothness": 0.01,
                          "average": 0.5, "noise": {"curriculum": {"observation_step": 0.1}}}
CONSISTENT: dict[str, Any] = {**ROBUST, "consistency": {"updates": 3, "memory": 200}}
PPO: dict[str, Any] = {"contexts": 48, "iterations": 9, "updates": 4, "learning_rate": 0.03,
                       "critic_learning_rate": 0.05, "warmup": 1}
GRPO: dict[str, Any] = {"contexts": 32, "iterations": 8, "updates": 4, "learning_rate": 0.05, "reward": "staged",
                        "advantages": "whole"}
TPO: dict[str, Any] = {"contexts": 6, "rollouts": 6, "iterations": 8, "updates": 4, "learning_rate": 0.05, "beta": 0.5,
                       "attempts": 2}
RWR: dict[str, Any] = {"contexts": 32, "iterations": 8, "updates": 4, "learning_rate": 0.05, "reward_temperature": 0.2}


def trained(path: str, out: Path, **options: Any) -> training.Trained:
    return training.train(path, out, device="cpu", workers=1, **options)


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(("method", "options"), [("rloo", RLOO), ("rloo", NORMAL), ("rloo", ROBUST), ("ppo", PPO)],
                         ids=["rloo", "normal", "robustvla", "ppo"])
def test_every_method_improves_a_policy_that_knows_nothing(method: str, options: dict[str, Any], card: Card,
                                                           tmp_path: Path) -> None:
    """Pushes at random succeed in about a third of the episodes; whoever looks at the lamp, always. How soon that is
    found is luck: of four seeds each, eight iterations of `normal` and `ppo` left 0.64 to 0.96 of rollouts a success.
    """
    options = {**options, "iterations": 14, "eval_episodes": 20, "eval_every": 100}
    done = trained(card(method, **options), tmp_path / "out")
    series = Curves(tmp_path / "out").series()
    success = series["success"][1]
    spent = load_policy(str(done.card)).made.spent  # type: ignore[union-attr]
    assert spent["rollouts"] >= options["iterations"] * options["contexts"]
    updates = options["iterations"] * options["updates"]
    assert updates * (0.5 if method == "rloo" else 1) <= spent["updates"] <= updates <= spent["passes"]
    assert success[0] < 0.55 and success[-1] > 0.7 and len(success) == options["iterations"]
    assert series["trial switches"][1] == [1.0]  # forty episodes by the mean action
    assert load_policy(str(done.card)).make() is not None
    if "jacobian" in options:
        assert {"jacobian", "smoothness", "jacobian norm", "share jacobian", "share smoothness"} <= series.keys()
        assert max(series["observation noise"][1]) > 0 and series["observation noise"][1][0] == 0
        shares = [series[f"share {name}"][1] for name in ("policy", "jacobian", "smoothness")]
        assert np.allclose(np.sum(shares, axis=0), 1.0)


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(("method", "options"), [("grpo", GRPO), ("tpo", TPO), ("rwr", RWR)],
                         ids=["grpo", "tpo", "rwr"])
def test_so_do_those_that_compare_or_weigh_whole_rollouts(method: str, options: dict[str, Any], card: Card,
                                                          tmp_path: Path) -> None:
    """From half as many rollouts."""
    trained(card(method, **{**options, "eval_episodes": 10, "eval_every": 100}), tmp_path / "out")
    series = Curves(tmp_path / "out").series()
    success = series["success"][1]
    assert success[0] < 0.5 and min(success[-2:]) > 0.8 and series["trial switches"][1] == [1.0]
    assert {"policy", "kl", "share policy", "surrogate"} <= series.keys()
    assert method != "tpo" or max(series["preferred"][1]) > 0.9 and max(series["margin"][1]) > 0


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(("method", "options"), [
    ("rloo", CONSISTENT), ("ppo", PPO), ("grpo", {
        **GRPO, "rollouts": 4, "advantages": "process", "objectives": {"kl_reference": {}, "pair_invariance": {}}}),
    ("tpo", {**TPO, "rollouts": 4}), ("rwr", {**RWR, "rollouts": 4})],
    ids=["robustvla", "ppo", "grpo", "tpo", "rwr"])
def test_a_killed_training_resumes_to_the_same_weights_and_curves(
        method: str, options: dict[str, Any], card: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed in the updates of the third iteration, after rows of its curve might have been written."""
    path = card(method, **{**options, "iterations": 3, "contexts": 4})
    whole = trained(path, tmp_path / "whole")
    update, calls = Learner.update, []

    def killed(self: Learner, *given: Any) -> dict[str, float]:
        calls.append(1)
        if len(calls) == 2 * options["updates"] + 2:
            Curves(tmp_path / "parts").add(3, {"success": 9.0})
            raise KeyboardInterrupt
        return update(self, *given)

    monkeypatch.setattr(Learner, "update", killed)
    with pytest.raises(KeyboardInterrupt):
        trained(path, tmp_path / "parts")
    assert 0 < len(Curves(tmp_path / "parts").series()["success"][0]) <= 3
    parts = trained(path, tmp_path / "parts")
    assert parts.sha256 == whole.sha256
    assert Curves(tmp_path / "parts").rows() == Curves(tmp_path / "whole").rows()
    assert trained(path, tmp_path / "whole").sha256 == whole.sha256  # nothing is left to do
    assert not list(tmp_path.rglob("looks-*"))


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(("method", "options", "call", "where"), [
    ("rloo", RLOO, "update", r"iteration 2, update 2: .*policy nan.*\n  batch: \d+ samples of switches/\d #\d+"),
    ("ppo", {**PPO, "warmup": 2}, "update", "iteration 2, update 2: .*value nan"),
    ("rloo", CONSISTENT, "follow", r"iteration 2, update 2 towards consistency: .*consistency nan.*\n  batch: \d+ "),
], ids=["rloo", "critic", "consistency"])
def test_a_loss_that_is_not_finite_ends_the_training_and_keeps_what_there_was(
        method: str, options: dict[str, Any], call: str, where: str, card: Card, tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch) -> None:
    """From the second update of the second iteration on, the policy and the critic say NaN."""
    options = {**options, "iterations": 2, "contexts": 4, "rollouts": 2, "updates": 2}
    made, calls = getattr(Learner, call), []

    def spoilt(self: Learner, *given: Any) -> Any:
        calls.append(1)
        if len(calls) == (3 if call == "follow" else 2) + 2:
            with torch.no_grad():
                for parameter in self.policy.module.parameters():
                    parameter.mul_(np.nan)
        return made(self, *given)

    monkeypatch.setattr(Learner, call, spoilt)
    with pytest.raises(DivergedError, match=where):
        trained(card(method, **options), tmp_path / "out")
    rows = Curves(tmp_path / "out").rows()
    assert (2, "success") in {row[:2] for row in rows} and all(np.isfinite(value) for *_, value in rows)
    saved = checkpoints.load(tmp_path / "out/state.pt", "cpu")
    assert saved and saved["stand"]["iteration"] == 1
    assert all(tensor.isfinite().all() for tensor in saved["module"].values())


def test_two_trainings_do_not_share_a_folder(card: Card, tmp_path: Path) -> None:
    with held(tmp_path / "out"), pytest.raises(DataError, match="out: process .* is at work here"):
        trained(card("rloo", **RLOO), tmp_path / "out")


@pytest.mark.usefixtures("alone")
def test_where_the_time_went_is_said(card: Card, tmp_path: Path) -> None:
    class Notes(Display):
        told: ClassVar[list[str]] = []

        def note(self, text: str) -> None:
            self.told.append(text)

    seconds = itertools.count(0.0, 4.0)
    training.train(card("rloo", **{**RLOO, "iterations": 1}), tmp_path / "out", device="cpu", workers=1,
                   display=Notes(lambda: next(seconds)))
    (pace,) = [text for text in Notes.told if "rollouts in" in text]
    numbers = re.fullmatch(r"iteration 1: (\d+) rollouts in (\d+) s \((\S+)/s\), updates in (\d+) s", pace)
    assert numbers and int(numbers[1]) % RLOO["rollouts"] == 0
    assert float(numbers[3]) == pytest.approx(int(numbers[1]) / int(numbers[2]), rel=0.05)


@pytest.mark.usefixtures("alone")
def test_the_reference_is_the_policy_at_the_iteration_s_beginning(card: Card, tmp_path: Path,
                                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    """So the smoothness term is 0 in an iteration's first update and not in its last; the ratio is 1 in its first."""
    seen: list[dict[str, float]] = []
    update = Learner.update

    def watched(self: Learner, *given: Any) -> dict[str, float]:
        seen.append(update(self, *given))
        return seen[-1]

    monkeypatch.setattr(Learner, "update", watched)
    trained(card("rloo", **{**ROBUST, "iterations": 2}), tmp_path / "out")
    assert len(seen) == 8
    for first, last in ((seen[0], seen[3]), (seen[4], seen[7])):
        assert abs(first["smoothness"]) < 1e-9 < last["smoothness"]
        assert abs(first["kl"]) < 1e-5 and first["outside"] == 0 and last["kl"] != 0


def apart(card: PolicyCard, first: PolicyCard) -> float:
    """How far a policy's mean actions for perturbed pictures are from those of the first for clean ones."""
    chain = {name: at_level(name, 1.0) for name in NEUTRAL}
    task = Task("switch", "switches", 0, "lamp_0", "push", 1, 2)
    specs = [EpisodeSpec(task, "perturbed", n, 77, sampled=True) for n in range(40)]
    sampling = PolicyCard.model_validate({**card.model_dump(), "options": {"decode": "sample"}})
    with Collector(sampling, "switch", "plain", [Assignment(spec, chain) for spec in specs], 1, print,
                   paired=True) as collector:
        rollouts = list(collector.play(specs, Progress()).values())
    teacher = first.make()
    assert isinstance(teacher, Gauss)
    clean = teacher.distribution(consistency.clean(rollouts))
    return float(np.square(clean.mean.detach().numpy()[:, 0] - [rollout.means[0, 0] for rollout in rollouts]).mean())


@pytest.mark.long
@pytest.mark.usefixtures("alone")
def test_consistency_learns_from_rollouts_that_all_end_alike(card: Card, start: PolicyCard, tmp_path: Path) -> None:
    """No reward tells them apart, so no context is kept; the perturbed policy comes to do what it does undisturbed."""
    steep = save({name: 5.0 * tensor for name, tensor in load(fresh()).items()})  # so that perturbations matter to it
    start.path.with_suffix(".safetensors").write_bytes(steep)
    first = PolicyCard.model_validate({**start.model_dump(), "weights": Weights(
        path="start.safetensors", sha256=hashlib.sha256(steep).hexdigest())})
    write_policy(first)
    hopeless = {**RLOO, "iterations": 4, "horizon": 0.1, "noise": {"observation": 1.0, "clean": 0.3, "most": 5}}
    done = trained(card("rloo", **hopeless, consistency={"updates": 60, "learning_rate": 0.003}), tmp_path / "taught")
    series = Curves(tmp_path / "taught").series()
    assert series["contexts kept"][1] == [0.0] * 4 and series["contexts tried"][1] == [16.0] * 4
    assert "policy" not in series and max(series["success"][1]) == 0
    distance = series["consistency"][1]
    assert len(distance) == 4 and distance[-1] - SOFT < 0.6 * (distance[0] - SOFT)
    assert apart(load_policy(str(done.card)), first) < 0.5 * apart(first, first)


@pytest.mark.usefixtures("alone")
def test_consistency_where_pictures_are_clean_finds_nothing_to_change_in_the_first_policy(
        card: Card, tmp_path: Path) -> None:
    """No reward moves it, as no rollout succeeds; its distance to itself is that below which distances are squared."""
    hopeless = {**RLOO, "iterations": 1, "horizon": 0.1, "noise": {"observation": 1.0, "clean": 0.0, "most": 5}}
    found = {}
    plain = {name: value for name, value in hopeless.items() if name != "noise"}
    for name, told in (("perturbed", hopeless), ("clean", hopeless), ("no noise", plain)):
        perturbed = name == "perturbed"
        trained(card("rloo", **told, consistency={"updates": 2, "perturbed": perturbed}), tmp_path / name)
        found[name] = Curves(tmp_path / name).series()["consistency"][1][0] - SOFT
    assert max(abs(found["clean"]), abs(found["no noise"])) < 1e-6 < found["perturbed"]


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("share", [1.0, 0.25])
def test_the_moving_average_is_shipped_and_the_parameters_themselves_play(
        share: float, card: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or what lies at a share of the way to the average."""
    update, course = Learner.update, [Gauss(tmp_path / "start.safetensors").module.head.weight.detach().numpy()]

    def watched(self: Learner, *given: Any) -> dict[str, float]:
        seen = update(self, *given)
        course.append(self.policy.module.get_parameter("head.weight").detach().numpy().copy())
        return seen

    def told(self: Gauss, folder: Path, before: Any = Gauss.load) -> None:
        before(self, folder)
        played.append(self.module.head.weight.detach().numpy().copy())

    played: list[Any] = []
    monkeypatch.setattr(Gauss, "load", told)
    monkeypatch.setattr(Learner, "update", watched)
    trained(card("rloo", **{**RLOO, "iterations": 2, "average": 0.75, "weight_interpolation": share}), tmp_path / "out")
    mean = course[0]
    for now in course[1:]:
        mean = 0.75 * mean + 0.25 * now
    shipped = Gauss(tmp_path / "out/pushes.safetensors").module.head.weight.detach().numpy()
    assert np.allclose(shipped, (1 - share) * course[0] + share * mean, atol=1e-6)
    assert not np.allclose(shipped, course[-1], atol=1e-3)
    assert len(played) == 2 and (played[0] == course[0]).all()
    assert (played[1] == course[RLOO["updates"]]).all()  # as the second iteration began


@pytest.mark.usefixtures("alone")
def test_the_rate_rises_to_its_own_and_the_critic_s_begins_there(card: Card, tmp_path: Path,
                                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    """Adam's very first step is as long as the rate in every parameter that has a gradient."""
    update, steps = Learner.update, []

    def watched(self: Learner, *given: Any) -> dict[str, float]:
        state = [self.policy.module.get_parameter(name) for name in ("head.weight", "worth.weight")]
        before = [parameter.detach().clone() for parameter in state]
        seen = update(self, *given)
        steps.append([float((now.detach() - then).abs().max()) for now, then in zip(state, before, strict=True)])
        return seen

    monkeypatch.setattr(Learner, "update", watched)
    trained(card("ppo", **{**PPO, "iterations": 4, "contexts": 8, "weight_decay": 0.0}), tmp_path / "out")
    actor, critic = np.array(steps).T
    assert (actor[:4] == 0).all() and critic[0] == pytest.approx(PPO["critic_learning_rate"], rel=1e-3)
    assert actor[4] == pytest.approx(PPO["learning_rate"] / WARMUP, rel=1e-3) and actor[5:].max() > 3 * actor[4]


@pytest.mark.usefixtures("alone")
def test_the_curves_say_whether_rewards_taught_anything(card: Card, tmp_path: Path) -> None:
    """With ends to the updates or without, looking at other rollouts' advantages changes nothing that is learned."""
    options = {**RLOO, "iterations": 2, "contexts": 2, "rollouts": 4, "learning_rate": 0.1}
    plain = trained(card("rloo", **options), tmp_path / "plain")
    looked = trained(card("rloo", **options, permuted=True), tmp_path / "looked")
    series, other = (Curves(tmp_path / name).series() for name in ("plain", "looked"))
    assert looked.sha256 == plain.sha256 and "updates" in series
    permuted = other.pop("surrogate permuted")
    assert permuted[0] == [1, 2] and other == series
    bound = trained(card("rloo", **options, kl_target=0.02), tmp_path / "bound")
    made = Curves(tmp_path / "bound").series()["updates"][1]
    assert bound.sha256 != plain.sha256 and 1 <= min(made) < RLOO["updates"]


@pytest.mark.usefixtures("alone")
def test_without_groups_that_differ_nothing_is_learned_and_the_training_goes_on(card: Card, tmp_path: Path) -> None:
    """At a temperature near 0 every rollout does the same."""
    path = card("rloo", **{**RLOO, "iterations": 2, "temperature": 1e-4})
    trained(path, tmp_path / "out")
    series = Curves(tmp_path / "out").series()
    assert series["contexts kept"][1] == [0, 0] and series["contexts tried"][1] == [16, 16]
    assert "policy" not in series
    start = Gauss(tmp_path / "start.safetensors").module.state_dict()
    after = Gauss(tmp_path / "out/pushes.safetensors").module.state_dict()
    assert all((start[name] == after[name]).all() for name in start)


@pytest.mark.usefixtures("alone")
def test_while_the_critic_warms_up_the_actions_stay_as_they_are(card: Card, tmp_path: Path) -> None:
    trained(card("ppo", **{**PPO, "iterations": 2, "warmup": 2}), tmp_path / "out")
    start = Gauss(tmp_path / "start.safetensors").module.state_dict()
    after = Gauss(tmp_path / "out/pushes.safetensors").module.state_dict()
    assert {name for name in start if (start[name] != after[name]).any()} == {"worth.weight", "worth.bias"}
    assert set(Curves(tmp_path / "out").series()) == {
        "success", "contexts tried", "contexts kept", "explained", "value", "gradient", *SPENT} - {VIEWS}


@pytest.mark.usefixtures("alone")
def test_ppo_credits_each_look_by_gae(card: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rebuilt from the rollouts and the critic's values, by the definition, and scaled to mean 0 and deviation 1."""
    seen: list[Samples] = []
    values: list[Any] = []
    before = judging.values

    def asked(learner: Learner, samples: Samples) -> Any:
        values.append(before(learner, samples))
        return values[-1]

    def kept(self: Learner, samples: Samples, *given: Any) -> dict[str, float]:
        seen.append(samples)
        return {"value": 0.0}

    monkeypatch.setattr(ppo, "values", asked)
    monkeypatch.setattr(Learner, "update", kept)
    trained(card("ppo", **{**PPO, "iterations": 1, "contexts": 6, "gamma": 0.9, "lam": 0.5}), tmp_path / "out")
    samples = seen[0]
    batch = samples.batch(range(len(samples)), "cpu")
    advantages, returns = [], []
    for rollout, expected in zip(samples.rollouts, values[0], strict=True):
        length = len(rollout)
        rewards = [0.0] * (length - 1) + [float(rollout.success)]
        errors = [rewards[t] + (0.9 * expected[t + 1] if t + 1 < length else 0) - expected[t] for t in range(length)]
        own = [sum(0.45 ** (k - t) * errors[k] for k in range(t, length)) for t in range(length)]
        advantages += own
        returns += [a + v for a, v in zip(own, expected, strict=True)]
    scaled = (np.array(advantages) - np.mean(advantages)) / np.std(advantages)
    assert np.allclose(batch["advantages"].numpy(), scaled, atol=1e-4)
    assert np.allclose(batch["returns"].numpy(), returns, atol=1e-5)
    spread, left = (np.square(each - np.mean(each)).sum() for each in (returns, np.subtract(returns, np.concatenate(
        values[0]))))
    assert Curves(tmp_path / "out").series()["explained"][1] == [pytest.approx(1 - left / spread, abs=1e-5)]


@pytest.mark.long
@pytest.mark.usefixtures("alone")
def test_adapters_are_trained_alone_and_shipped_merged(card: Card, tmp_path: Path) -> None:
    if find_spec("peft") is None:
        pytest.skip("trains adapters with peft, which the extra `train` installs")
    trained(card("rloo", **{**RLOO, "iterations": 2, "lora": {"rank": 1, "alpha": 2}}), tmp_path / "out")
    start = Gauss(tmp_path / "start.safetensors").module.state_dict()
    after = Gauss(tmp_path / "out/pushes.safetensors").module.state_dict()
    assert {name for name in start if (start[name] != after[name]).any()} == {"trunk.weight", "head.weight"}
    moved = np.linalg.svd((after["head.weight"] - start["head.weight"]).numpy(), compute_uv=False)
    assert moved[0] > 1e-3 > 1e-4 > moved[1]  # of rank 1
    again = trained(card("rloo", **{**RLOO, "iterations": 2, "lora": {"rank": 1, "alpha": 2}}), tmp_path / "again")
    assert again.weights.read_bytes() == (tmp_path / "out/pushes.safetensors").read_bytes()


@pytest.mark.usefixtures("alone")
def test_what_a_user_can_get_wrong_is_said(card: Card, start: PolicyCard, tmp_path: Path) -> None:
    mistakes: list[tuple[dict[str, Any], str]] = [
        ({"init": "nobody"}, "unknown policy 'nobody'"),
        ({"init": "random"}, "'random' is a policy of the adapter 'random', this one is of 'switch_gauss'"),
        ({"reward": "dense"}, 'reward = "dense" needs the arm.s posture, which simulator Switch does not tell'),
        ({"rollouts": 1}, "training.options: rollouts: .*greater than or equal to 2"),
        ({"noise": {"observation": 3.0}}, "training.options: noise.observation: .*less than or equal to 1"),
        ({"jacobian": {"alpha": 0.1}}, "unknown key 'alpha'"),
        ({"consistency": {}}, "training.options: .*`consistency` needs `noise`"),
        ({"consistency": {}, "noise": {"action": 0.1}}, "`consistency` needs `noise` in observations"),
        ({"exploration_gripper": "bernoulli"}, "for rollouts that draw around the mean action: add `exploration_std`"),
        ({"exploration_gripper": "bernoulli", "exploration_std": 0.5}, "the robot of switch has no gripper"),
        ({"task_sets": ["buttons"]}, "unknown task set 'buttons'")]
    for number, (changes, message) in enumerate(mistakes):
        with pytest.raises(VlabenchError, match=message):
            trained(card("rloo", **{**RLOO, **changes}), tmp_path / str(number))
    path = card("rloo", **{**RLOO, "iterations": 1, "contexts": 2})
    trained(path, tmp_path / "out")
    state = checkpoints.load(tmp_path / "out" / _online.STATE, "cpu")
    assert state is not None
    checkpoints.save(tmp_path / "out" / _online.STATE, {**state, "init": "other"})
    with pytest.raises(DataError, match="was begun from other weights of .*start.toml"):
        trained(path, tmp_path / "out")
    start.path.write_text(start.path.read_text().split("weights")[0])
    with pytest.raises(CardError, match="policy 'start' has no weights yet"):
        trained(path, tmp_path / "later")


@pytest.mark.usefixtures("alone")
def test_a_trial_that_fails_costs_no_more_than_itself(card: Card, tmp_path: Path,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    rested: list[int] = []

    def broken(*_: object, **__: object) -> None:
        assert rested
        raise WorkerError("no worker lives")

    monkeypatch.setattr(_online, "trial", broken)
    monkeypatch.setattr(Alone, "rest", lambda self: rested.append(len(self.specs)))
    trained(card("rloo", **{**RLOO, "iterations": 2, "eval_episodes": 1, "eval_every": 1}), tmp_path / "out")
    assert rested == [0, 0]  # two pools at once would need the memory of both
    series = Curves(tmp_path / "out").series()
    assert len(series["success"][1]) == 2 and not [name for name in series if name.startswith("trial")]


@pytest.mark.usefixtures("alone")
def test_the_horizon_ends_rollouts_early_and_trials_as_ever(card: Card, tmp_path: Path,
                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    rollouts: list[Rollout] = []
    limits: list[int] = []
    credit = Rloo.credit

    def watched(self: Rloo, course: TrainingRun, groups: Sequence[Group]) -> Samples:
        rollouts.extend(each for group in groups for each in group.rollouts)
        return credit(self, course, groups)

    def noted(card: PolicyCard, simulator: str, assets: str, tasks: Sequence[Task], *given: Any, **named: Any) -> Any:
        limits.extend(task.step_limit for task in tasks)
        return trial(card, simulator, assets, tasks, *given, **named)

    monkeypatch.setattr(Rloo, "credit", watched)
    monkeypatch.setattr(_online, "trial", noted)
    trained(card("rloo", **{**RLOO, "iterations": 1, "horizon": 0.5, "eval_episodes": 1}), tmp_path / "out")
    (limit,) = set(limits)
    assert max(rollout.steps for rollout in rollouts if not rollout.success) == limit / 2
    assert {rollout.spec.task.step_limit for rollout in rollouts} == {limit / 2}


@pytest.mark.usefixtures("alone")
def test_what_was_tried_is_kept_as_a_policy(card: Card, tmp_path: Path) -> None:
    """After two of four iterations it is what a training of two comes to, after the last what is shipped."""
    options = {**RLOO, "contexts": 4, "eval_episodes": 1, "eval_every": 2, "average": 0.5}
    done = trained(card("rloo", **{**options, "iterations": 4}), tmp_path / "four")
    tried = [load_policy(str(tmp_path / f"four/pushes-{number}.toml")) for number in (2, 4)]
    assert [each.name for each in tried] == ["pushes-2", "pushes-4"] and not any(each.made for each in tried)
    whole = load_policy(str(done.card))
    assert whole.training and {each.trained_on for each in tried} == {seen(whole).names} != {()}
    short = trained(card("rloo", **{**options, "iterations": 2}), tmp_path / "two")
    paths = [each.check() for each in tried]
    assert paths[0] and paths[0].read_bytes() == short.weights.read_bytes()
    assert paths[1] and paths[1].read_bytes() == done.weights.read_bytes()


def chained(path: str) -> str:
    """The card and its parent's made those of a policy that gives its numbers one by one, without a critic."""
    folder = Path(path).parent
    fresh_chain(folder / "links")
    for each in (Path(path), folder / "start.toml"):
        each.write_text(re.sub("weights = .*", f'weights = {{ path = "links", sha256 = "{digest(folder / "links")}" }}',
                               each.read_text().replace("switch_gauss", "switch_chain")))
    return path


@pytest.mark.usefixtures("alone")
def test_a_policy_that_gives_its_numbers_one_by_one_is_trained_without_a_critic(
        card: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its probabilities are those of the moment it drew, so the ratio is 1 in an iteration's first update."""
    options = {**CONSISTENT, "iterations": 3, "contexts": 5}
    seen: list[dict[str, float]] = []
    def watched(self: Learner, *given: Any, before: Any = Learner.update) -> dict[str, float]:
        seen.append(before(self, *given))
        return seen[-1]

    monkeypatch.setattr(Learner, "update", watched)
    done = trained(chained(card("rloo", **options)), tmp_path / "out")
    assert all(abs(each["kl"]) < 1e-5 and each["smoothness"] < 1e-9 for each in seen[:: RLOO["updates"]])
    assert seen[-1]["kl"] != 0
    success = Curves(tmp_path / "out").series()["success"][1]
    assert success[0] < 0.5 and success[-1] > 0.7
    assert done.weights.is_dir() and done.sha256 == digest(done.weights)
    assert load_policy(str(done.card)).make() is not None and not list((tmp_path / "out").glob(f"{_online.SAMPLER}*"))


@pytest.mark.usefixtures("alone")
def test_a_method_with_a_critic_refuses_a_policy_without(card: Card, tmp_path: Path) -> None:
    with pytest.raises(CardError, match="objective 'value' trains a critic, and Chain has none"):
        trained(chained(card("ppo", **PPO)), tmp_path / "out")
