"""What comes home from an episode: what was seen, sampled and carried out, at the probabilities of that moment."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.toy.alone import Alone
from tests.toy.gauss import fresh
from tests.toy.switch import GAIN, GOAL, GREEN
from tests.training import first_iteration
from vlabench.adapters.base import TrainablePolicy
from vlabench.cards import load_policy
from vlabench.cards.policy import PolicyCard
from vlabench.cards.schema import Weights
from vlabench.episode.worker import Worker
from vlabench.errors import WorkerError
from vlabench.models.distributions import explored
from vlabench.perturbations.base import Perturbation
from vlabench.perturbations.rotation import Rotation
from vlabench.training.rl import consistency
from vlabench.training.rl.consistency import ConsistencyOptions
from vlabench.training.rl.learner import Learner
from vlabench.training.rl.options import ClippedOptions
from vlabench.training.rl.rollouts import Assignment, Collector, Rollout
from vlabench.training.rl.samples import Samples
from vlabench.types import EpisodeSpec, Observation, Task
from vlabench.util.progress import Progress

TASK = Task("switch", "switches", 0, "lamp_0", "push", 5, 2)
HOT = 1.7
HELD = 1.0


def sampling(start: PolicyCard) -> PolicyCard:
    return start.model_copy(update={"options": {"decode": "sample", "temperature": HOT}})


def collected(start: PolicyCard, specs: Sequence[EpisodeSpec], notes: list[str] | None = None,
              workers: int = 1) -> dict[EpisodeSpec, Rollout]:
    with Collector(sampling(start), "switch", "plain", [Assignment(spec, {}) for spec in specs], workers,
                   (notes if notes is not None else []).append) as collector:
        first = collector.play(specs[:2], Progress())
        return {**first, **collector.play(specs[2:], Progress())}  # the workers wait in between


def specs(count: int, repeats: int = 1, task: Task = TASK) -> list[EpisodeSpec]:
    return [EpisodeSpec(task, "clean", n, 5, sampled=True, repeat=k) for n in range(count) for k in range(repeats)]


def test_a_rollout_is_what_happened(start: PolicyCard, alone: None) -> None:
    """Five steps at two actions a look: 2 + 2 + 1; the pushes add up to what the state says."""
    found = list(collected(start, specs(12)).values())
    assert {rollout.success for rollout in found} == {True, False}
    for rollout in found:
        assert rollout.actions.shape[1:] == (3, 2) and rollout.terms["pushed"].shape == (rollout.steps, 1)
        assert rollout.executed.tolist() == ([2, 2, 1] if rollout.steps == 5 else [2] * (len(rollout) - 1)
                                             + [rollout.executed[-1]])
        assert rollout.asked.shape == (rollout.steps, 2)
        green = rollout.pictures["top"][0, 0, 0, GREEN] > 0
        pushes = GAIN * rollout.asked[:, 0] * (1 if green else -1)
        before = [pushes[: rollout.executed[:look].sum()].sum() for look in range(len(rollout))]
        assert np.allclose(rollout.proprio[:, 0], before, atol=1e-5)
        assert rollout.success == (pushes.sum() >= GOAL - 1e-6)
        assert rollout.instruction == "push" and rollout.pictures["top"].dtype == np.uint8


def test_stored_probabilities_are_those_of_the_learner_before_its_first_update(start: PolicyCard, alone: None) -> None:
    """At the temperature of sampling. The ratio is 1, the drift of the means 0, and nothing is outside the clip."""
    rollouts = list(collected(start, specs(4, 2)).values())
    policy = start.make()
    learner = Learner(policy, ClippedOptions(temperature=HOT, smoothness=HELD), "cpu")  # type: ignore[arg-type]
    blank = [np.ones(len(rollout)) for rollout in rollouts]
    samples = Samples(rollouts, blank, blank, [1.0] * len(rollouts))
    batch = samples.batch(range(len(samples)), "cpu")
    now = explored(learner.policy.distribution(batch.obs), "sample", HOT)
    assert torch.allclose(now.log_prob(batch.actions).sum(-1), batch["before"], atol=1e-5)
    assert torch.allclose(now.mean, batch["reference"], atol=1e-6)
    terms, seen = learner.terms(batch)
    assert terms["policy"].item() == pytest.approx(-1.0, abs=1e-5)  # all advantages are 1
    assert abs(seen["kl"].item()) < 1e-5 and seen["outside"].item() == 0 and terms["smoothness"].item() < 1e-9
    cold = learner.policy.distribution(batch.obs).log_prob(batch.actions).sum(-1)
    assert not torch.allclose(cold, batch["before"], atol=1e-2)


@contextlib.contextmanager
def tf32_on_a_cpu() -> Iterator[None]:
    """What a GPU would do without the learner's word; so that the test below is known to see it."""
    with first_iteration.converting(first_iteration.rounded), pytest.raises(AssertionError, match="off by 0.0"):
        yield


GPU = pytest.param("cuda", contextlib.nullcontext,
                   marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU here"))


@pytest.mark.parametrize("device, inside", [("cpu", contextlib.nullcontext), ("cpu", tf32_on_a_cpu), GPU])
def test_so_they_are_of_the_compact_policy_wherever_it_learns(
        device: str, inside: Callable[[], contextlib.AbstractContextManager[None]]) -> None:
    """A worker computes by other kernels than the learner; by TF32, torch's choice for convolutions on a GPU, the
    largest of such differences would be 0.08 or more."""
    card = load_policy("nano-sft")
    worker, policy = card.make(), card.make()
    assert isinstance(worker, TrainablePolicy) and isinstance(policy, TrainablePolicy)
    draws, count = np.random.default_rng(0), 32
    pictures = {name: draws.integers(0, 256, (count, 128, 128, 3), dtype=np.uint8) for name in card.cameras}
    obs = Observation.now(pictures, draws.normal(size=(count, 8)).astype(np.float32), ("open the drawer",) * count, 0)
    with torch.inference_mode():
        played = explored(worker.distribution(obs), "normal", 0.1)
        actions = played.sample(draws.random(played.mean.shape)).float()
        before = played.log_prob(actions).sum(-1)
    learner = Learner(policy, ClippedOptions(exploration_std=0.1), device)
    with inside():
        now = explored(learner.policy.distribution(obs), "normal", 0.1).log_prob(actions.to(device)).sum(-1)
        off = (now.cpu() - before).abs().max().item()
        assert off < 1e-3, f"off by {off:.4f}"


def test_what_was_not_carried_out_does_not_count(start: PolicyCard, alone: None) -> None:
    """Chunks have three actions; other numbers in those that were left out change neither the loss nor its gradient."""
    rollouts = list(collected(start, specs(4)).values())
    policy = start.make()
    learner = Learner(policy, ClippedOptions(smoothness=HELD), "cpu")  # type: ignore[arg-type]
    losses = []
    for garbage in (0.0, 0.9):
        for rollout in rollouts:
            for look, count in enumerate(rollout.executed):
                rollout.actions[look, count:] = garbage
                rollout.means[look, count:] = garbage
        samples = Samples(rollouts, [np.ones(len(each)) for each in rollouts],
                          [np.ones(len(each)) for each in rollouts], [1.0 / each.steps for each in rollouts])
        terms, _ = learner.terms(samples.batch(range(len(samples)), "cpu"))
        total = terms["policy"] + terms["smoothness"]
        gradient = torch.autograd.grad(total, learner.policy.module.get_parameter("head.weight"))[0]
        losses.append((float(total.detach()), gradient))
    assert losses[0][0] == losses[1][0] and torch.equal(losses[0][1], losses[1][1])
    assert samples.weight(range(len(samples))) == pytest.approx(4.0)  # one for each rollout, however long


def test_the_origin_is_the_first_policy_s_answer_to_the_clean_picture(start: PolicyCard, alone: None) -> None:
    """A rotated picture has dark corners; the lamp's clean one is of one colour, so it can be painted here."""
    def rollout(paired: bool, chain: dict[str, Perturbation]) -> Rollout:
        spec = EpisodeSpec(TASK, "+".join(chain) or "clean", 0, 5, sampled=True)
        with Collector(sampling(start), "switch", "plain", [Assignment(spec, chain)], 1, print, paired) as collector:
            return collector.play([spec], Progress())[spec]

    turned: dict[str, Perturbation] = {"rotation": Rotation(degrees=45.0)}
    alike, compared, plain = rollout(False, turned), rollout(True, turned), rollout(True, {})
    seen = compared.pictures["top"]
    assert alike.clean == {} and np.array_equal(alike.pictures["top"], seen) and seen.max(axis=-1).min() < 200
    painted = np.zeros_like(seen)
    painted[..., int(seen.sum(axis=(0, 1, 2)).argmax())] = 200
    assert np.array_equal(compared.clean["top"], painted) and np.array_equal(plain.clean["top"], plain.pictures["top"])
    policy, first = start.make(), start.make()
    assert isinstance(policy, TrainablePolicy) and isinstance(first, TrainablePolicy)
    options = ClippedOptions(temperature=HOT, consistency=ConsistencyOptions(learning_rate=0.01))
    learner = Learner(policy, options, "cpu")
    with torch.no_grad():
        next(policy.module.parameters()).add_(0.3)  # the policy has moved on
    clean = Observation.now({"top": painted}, compared.proprio, ("push",) * len(seen), 0)
    now, then = (explored(each.distribution(clean), "sample", HOT).mean.detach() for each in (policy, first))
    everything = consistency.clean([compared, plain])
    assert np.array_equal(everything.images["top"], np.concatenate([painted, plain.pictures["top"]]))
    actions = np.concatenate([compared.actions, plain.actions])
    found = learner.origin(everything, actions)
    assert np.allclose(found[: len(seen)], then, atol=1e-6) and not torch.allclose(then, now, atol=1e-2)
    assert np.allclose(found[len(seen) :], plain.means, atol=1e-6)
    assert torch.equal(explored(policy.distribution(clean), "sample", HOT).mean, now)  # which stays as it was
    distance = float(((now - then).square().sum((1, 2)) + 0.01).sqrt().mean())
    looks = consistency.Looks(clean, compared.actions, then.numpy())
    assert learner.follow(looks) == pytest.approx(distance, rel=1e-4)
    assert learner.follow(looks) < distance  # and a step was made


def test_repeats_start_alike_and_go_on_otherwise(start: PolicyCard, alone: None) -> None:
    first, second = collected(start, specs(1, 2)).values()
    assert np.array_equal(first.pictures["top"][0], second.pictures["top"][0])
    assert not np.array_equal(first.actions[0], second.actions[0])
    (again,) = collected(start, specs(1, 2)[1:]).values()
    assert np.array_equal(again.actions, second.actions) and np.array_equal(again.log_probs, second.log_probs)


def test_conditions_that_mean_two_things_are_refused(start: PolicyCard) -> None:
    both = [Assignment(spec, chain) for spec, chain in zip(specs(2), ({}, {"rotation": Rotation()}), strict=True)]
    with pytest.raises(ValueError, match="two sets of perturbations are called 'clean'"):
        Collector(sampling(start), "switch", "plain", both, 1, print)


@pytest.mark.long
def test_a_worker_that_dies_costs_its_episode_and_no_more(start: PolicyCard, monkeypatch: pytest.MonkeyPatch) -> None:
    """In worker processes; and what they bring home is what this process would have."""
    monkeypatch.setenv("SWITCH_MISCHIEF", "[1]")
    notes: list[str] = []
    found = collected(start, specs(4), notes)
    assert [spec.index for spec in found] == [0, 2, 3]
    assert any("left out: WorkerDied" in note for note in notes)
    monkeypatch.setattr("vlabench.training.rl.rollouts.WorkerPool", Alone)
    monkeypatch.setenv("SWITCH_MISCHIEF", "[]")
    for spec, rollout in collected(start, [each for each in specs(4) if each.index != 1]).items():
        assert np.array_equal(rollout.actions, found[spec].actions)
        assert np.array_equal(rollout.log_probs, found[spec].log_probs)


def test_workers_that_take_new_weights_play_what_fresh_ones_would(start: PolicyCard, tmp_path: Path,
                                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    """Other perturbations of the same name, too; so does one that replaces a worker which died, or
    was let go for a while.
    """
    started: list[Worker] = []

    class Counted(Worker):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            started.append(self)

    monkeypatch.setattr("vlabench.episode.pool.Worker", Counted)
    monkeypatch.setenv("SWITCH_MISCHIEF", "[7]")
    later = tmp_path / "later"
    later.mkdir()
    (later / "gauss.safetensors").write_bytes(fresh(1))
    todo = [EpisodeSpec(TASK, "turned", n, 5, sampled=True) for n in (0, 1, 7, 2)]

    def turned(degrees: float) -> list[Assignment]:
        return [Assignment(spec, {"rotation": Rotation(degrees=degrees)}) for spec in todo]

    with Collector(sampling(start), "switch", "plain", turned(10.0), 1, print) as collector:
        first = collector.play(todo[:2], Progress())
        collector.renew(turned(70.0), later)
        second = collector.play(todo[:2], Progress())
        assert len(started) == 1
        collector.rest()
        assert started[0].dead
        second |= collector.play(todo[2:], Progress())
    assert list(second) == [todo[0], todo[1], todo[3]] and len(started) == 3
    monkeypatch.setattr("vlabench.training.rl.rollouts.WorkerPool", Alone)
    content = (later / "gauss.safetensors").read_bytes()
    start.path.with_name("start.safetensors").write_bytes(content)
    renewed = PolicyCard.model_validate({**sampling(start).model_dump(), "weights": Weights(
        path="start.safetensors", sha256=hashlib.sha256(content).hexdigest())})
    with Collector(renewed, "switch", "plain", turned(70.0), 1, print) as collector:
        expected = collector.play(list(second), Progress())
    for spec, rollout in expected.items():
        for name in ("actions", "log_probs", "means", "proprio"):
            assert np.array_equal(getattr(second[spec], name), getattr(rollout, name))
        assert np.array_equal(second[spec].pictures["top"], rollout.pictures["top"])
    assert not np.array_equal(first[todo[0]].means, second[todo[0]].means)


def test_weights_that_cannot_be_taken_end_it(start: PolicyCard, tmp_path: Path) -> None:
    with Collector(sampling(start), "switch", "plain", [], 1, print) as collector:
        collector.renew([Assignment(spec, {}) for spec in specs(1)], tmp_path / "absent")
        with pytest.raises(WorkerError, match="a worker could not take new weights: FileNotFoundError"):
            collector.play(specs(1), Progress())
