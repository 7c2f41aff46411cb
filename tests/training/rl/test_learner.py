"""One update and what bounds it, on rollouts of the toy lamp and against numbers that were computed independently."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.toy.gauss import Gauss, Network, fresh
from vlabench.models import lora
from vlabench.models.distributions import NormalActions
from vlabench.training.objectives.jacobian import jacobian
from vlabench.training.objectives.policy_gradient import clipped, gae, leave_one_out
from vlabench.training.rl.adapting import Lora
from vlabench.training.rl.judging import judged
from vlabench.training.rl.learner import Learner
from vlabench.training.rl.options import ClippedOptions
from vlabench.training.rl.rollouts import Rollout
from vlabench.training.rl.samples import Samples
from vlabench.training.rl.updates import Updates
from vlabench.types import EpisodeSpec, Task

STD = 0.5
LENGTHS = (1, 4, 3, 5, 2, 4)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    (tmp_path / "gauss.safetensors").write_bytes(fresh())
    return tmp_path / "gauss.safetensors"


def learner(weights: Path, **options: Any) -> Learner:
    torch.manual_seed(0)
    critic = [options.pop(name, 0.0) for name in ("value", "critic_learning_rate")]
    return Learner(Gauss(weights), ClippedOptions(exploration_std=STD, **options), "cpu", *critic)


def rollout(policy: Gauss, number: int, looks: int) -> Rollout:
    """Of random observations, with the policy's own draws."""
    draws = np.random.default_rng(number)
    blank = np.zeros((looks, 3, 2), np.float32)
    made = Rollout(EpisodeSpec(Task("switch", "switches", 0, "lamp_0", "push", 9), "clean", number, 0),
                   {"top": draws.integers(0, 256, (looks, 2, 2, 3), dtype=np.uint8)},
                   draws.normal(size=(looks, 1)).astype(np.float32), "push", blank, blank, blank,
                   np.array([2] * (looks - 1) + [1]), bool(number % 2), {}, {})
    means = policy.distribution(Samples([made], [np.zeros(looks)], None, [1.0]).seen(range(looks))).mean.detach()
    normal = NormalActions(means, STD)
    actions = normal.sample(draws.random(means.shape)).float()
    made.actions[:], made.log_probs[:], made.means[:] = actions, normal.log_prob(actions), means
    return Rollout(**{**vars(made), "actions": actions.numpy(), "log_probs": normal.log_prob(actions).numpy(),
                      "means": means.numpy()})


def samples(policy: Any) -> Samples:
    """Short rollouts succeed, as they do."""
    rollouts = [rollout(policy, number, looks) for number, looks in enumerate(LENGTHS)]
    worth = leave_one_out([1, 0, 0, 0, 1, 0])
    return Samples(rollouts, [np.full(len(each), worth[n]) for n, each in enumerate(rollouts)], None,
                   [1.0 / each.steps for each in rollouts])


def rewarded(policy: Any) -> Samples:
    """The same, with what the critic is to say."""
    plain = samples(policy)
    returns = [np.linspace(0.0, float(each.success), len(each)) for each in plain.rollouts]
    return Samples(plain.rollouts, [np.full(len(each), -1.0 + 2 * each.success) for each in plain.rollouts], returns,
                   [1.0] * len(plain.rollouts))


def named(learns: Learner) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in learns.policy.module.named_parameters()}


def gradient(learns: Learner, batch: Any) -> torch.Tensor:
    terms, _ = learns.terms(batch)
    parts = torch.autograd.grad(torch.stack(list(terms.values())).sum(), learns.parameters)
    return torch.cat([part.flatten() for part in parts])


def parameters(learns: Learner) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten().clone() for parameter in learns.parameters])


def ignored(number: int, seen: Any) -> None:
    return None


# minibatches


@pytest.mark.parametrize(("normalise", "alike"), [("iteration", True), ("minibatch", False)])
def test_divided_by_a_constant_the_minibatches_gradients_are_the_whole_s(weights: Path, normalise: str, alike: bool,
                                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    """Their mean, penalties included, whatever the sizes of the minibatches and of the parts computed together."""
    learns = learner(weights, normalise=normalise, smoothness=0.1, jacobian={"weight": 0.01}, batch=3,
                     learning_rate=1e-12)
    with torch.no_grad():
        learns.parameters[0].add_(0.05)  # so that there is something to penalise
    played = samples(Gauss(weights))
    whole = gradient(learns, played.batch(range(len(played)), "cpu"))
    found: list[torch.Tensor] = []

    def kept(given: Sequence[torch.nn.Parameter], *_: Any) -> torch.Tensor:
        found.append(torch.cat([each.grad.flatten().clone() for each in given if each.grad is not None]))
        return torch.tensor(0.0)

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", kept)
    Updates(1, 4, ("t",), "here").make(learns, played, False, ignored)
    mean = torch.stack(found).mean(0)
    assert len(found) == 4 and (float((mean - whole).norm() / whole.norm()) < 1e-5) == alike


# what ends the updates


def test_beyond_the_target_no_step_is_made_and_the_iteration_ends(weights: Path) -> None:
    """It is measured on the minibatch before its step, by the formula of the option."""
    free = learner(weights, learning_rate=0.05, kl_target=1e9)
    played = samples(Gauss(weights))
    seen: list[float] = []
    course = [parameters(free)]

    def watched(number: int, shown: Any) -> None:
        seen.append(shown["divergence"])
        course.append(parameters(free))

    updates = Updates(3, 4, ("t",), "here")
    assert updates.make(free, played, False, watched)["updates"] == 12
    assert seen[0] == pytest.approx(0.0, abs=1e-6) and min(seen) > -1e-6
    target = sorted(seen)[6]
    first = next(number for number, each in enumerate(seen) if each > target)
    assert 1 < first < 11
    bound = learner(weights, learning_rate=0.05, kl_target=target)
    values = updates.make(bound, played, False, ignored)
    assert values["updates"] == first and torch.equal(parameters(bound), course[first])
    assert not torch.equal(course[first], course[first + 1])


def test_beyond_the_target_the_critic_goes_on_alone(weights: Path) -> None:
    """What acts stays as it was before the step that was not made; the critic learns as long as without a target."""
    played = rewarded(Gauss(weights))
    updates, course = Updates(3, 4, ("t",), "here"), list[dict[str, torch.Tensor]]()

    def watched(learns: Learner) -> Callable[[int, Any], None]:
        course.append(named(learns))
        return lambda *_: course.append(named(learns))

    options = {"learning_rate": 0.05, "value": 0.5, "critic_learning_rate": 0.05, "max_head_grad_norm": 1.0,
               "average": 0.5}
    free = learner(weights, kl_target=1e9, **options)
    assert updates.make(free, played, False, watched(free))["updates"] == 12
    course.clear()
    bound = learner(weights, kl_target=1e-3, **options)
    means, errors = list[dict[str, torch.Tensor]](), list[float]()

    def seen(number: int, shown: Any) -> None:
        course.append(named(bound))
        errors.append(shown["value"])
        with bound.shipped():
            means.append(named(bound))

    course.append(named(bound))
    done = updates.make(bound, played, False, seen)
    stopped = int(done["updates"])
    # what is shipped of the policy stands still from there on, of the critic it goes on; `value` is of all updates
    assert all(torch.equal(each["head.weight"], means[stopped - 1]["head.weight"]) for each in means[stopped:])
    assert not torch.equal(means[-1]["worth.weight"], means[stopped]["worth.weight"])
    assert len(errors) == 12 and done["value"] == pytest.approx(np.mean(errors))
    assert updates.make(learner(weights, kl_target=1e-3, **options), played, False, ignored, further=False)[
        "passes"] < done["passes"]
    assert 0 < stopped < 11 and done["passes"] == 3 * len(played)
    again = learner(weights, kl_target=1e-3, **options)
    viewed = rewarded(Gauss(weights))
    viewed.rollouts = [replace(each, views={"other": each.pictures}) for each in viewed.rollouts]
    parts = [len(part) for part, _ in updates._minibatches(viewed)]
    # a view beside each look that the policy learned from, or strayed on; none where the critic is alone
    assert updates.make(again, viewed, False, ignored)["passes"] == sum(parts) + sum(parts[: stopped + 1])
    acts, judges = ([each[name] for each in course] for name in ("head.weight", "worth.weight"))
    assert not torch.equal(acts[stopped], acts[stopped - 1])
    assert all(torch.equal(each, acts[stopped]) for each in acts[stopped:])
    # but for the step that was not made, the critic made them all
    moved = [not torch.equal(one, after) for one, after in itertools.pairwise(judges)]
    assert len(moved) == 12 and [number for number, each in enumerate(moved) if not each] == [stopped]


def test_the_divergence_is_that_of_the_two_normals(weights: Path) -> None:
    """KL of normals of one deviation is ‖Δμ‖² / 2σ²; a draw's estimate scatters around it, and on all samples it is
    what `judged` says.
    """
    learns, policy = learner(weights), Gauss(weights)
    rollouts = [rollout(policy, number, 200) for number in range(2)]
    played = Samples(rollouts, [np.ones(200)] * 2, None, [1.0] * 2)
    assert judged(learns, played) == {"surrogate": pytest.approx(-1.0, abs=1e-5),
                                     "surrogate divergence": pytest.approx(0.0, abs=1e-6)}
    with torch.no_grad():
        learns.policy.module.get_parameter("head.bias").add_(0.15)
    batch = played.batch(range(400), "cpu")
    moved = learns.policy.distribution(batch.obs).mean.detach() - batch["reference"]
    exact = float((moved.square().sum(-1) * batch.weights).sum()) / (2 * STD**2) / float(batch.weight)
    assert judged(learns, played)["surrogate divergence"] == pytest.approx(exact, rel=0.15)


def test_the_divergence_of_a_minibatch_is_its_own_mean_whatever_gradients_are_divided_by(weights: Path) -> None:
    learns = learner(weights, kl_target=1.0)
    played = samples(Gauss(weights))
    with torch.no_grad():
        learns.policy.module.get_parameter("head.bias").add_(0.15)
    few, parts = [0, 1, 2], len(played) / 2
    assert len(few) < parts
    one, shared = (learns.terms(played.batch(few, "cpu", parts=each))[1]["divergence"].item() for each in (0, 2))
    # computed in two pieces, these add up
    pieces = [learns.terms(played.batch(rows, "cpu", few, 2))[1]["divergence"].item() for rows in ([0], [1, 2])]
    assert shared == pytest.approx(one) == pytest.approx(sum(pieces)) and one > 0


# whether rewards taught anything


def test_a_permutation_deals_whole_rollouts_advantages(weights: Path) -> None:
    played = samples(Gauss(weights))
    dealt = played.permuted("seed", 1)
    starts = np.cumsum([0, *LENGTHS])
    mine, theirs = (each.batch(range(len(played)), "cpu")["advantages"].numpy() for each in (played, dealt))
    assert all(len(set(theirs[a:b])) == 1 for a, b in zip(starts, starts[1:], strict=False))
    assert sorted(theirs[starts[:-1]]) == sorted(mine[starts[:-1]]) and (mine != theirs).any()
    again = played.permuted("seed", 1).batch(range(len(played)), "cpu")["advantages"].numpy()
    assert (again == theirs).all() and played.batch([0], "cpu")["advantages"] == mine[0]
    uneven = Samples(played.rollouts, [np.arange(length) / length for length in LENGTHS], None, [1.0] * len(LENGTHS))
    rising = uneven.permuted("seed", 1).batch(range(len(played)), "cpu")["advantages"].numpy()
    assert all((np.diff(rising[a:b]) >= 0).all() for a, b in zip(starts, starts[1:], strict=False))


def test_learning_from_permuted_advantages_leaves_no_trace(weights: Path) -> None:
    """Neither in the weights nor in Adam's moments, the rate or the average."""
    options: dict[str, Any] = {"learning_rate": 0.01, "average": 0.5}
    both, plain = learner(weights, **options), learner(weights, **options)
    played = samples(Gauss(weights))
    for number in range(2):
        updates = Updates(1, 3, (number,), "here")
        found = updates.permuted(both, played, ignored)
        one, other = (updates.make(each, played, False, ignored) for each in (both, plain))
        assert found.keys() == {"surrogate permuted"}
        assert one == other and one["surrogate"] != found["surrogate permuted"]
    assert torch.equal(parameters(both), parameters(plain))
    for mine, theirs in zip(both.state()["average"], plain.state()["average"], strict=True):
        assert torch.equal(mine, theirs)


def test_permuted_advantages_begin_where_the_true_ones_do(weights: Path) -> None:
    """Looks count alike in PPO, so that advantages dealt to rollouts of other lengths have another mean."""
    still, played = learner(weights, learning_rate=1e-12), rewarded(Gauss(weights))
    dealt = [played.permuted(number, 1) for number in range(4)]
    assert len({round(judged(still, each)["surrogate"], 3) for each in dealt}) > 2
    true = Updates(1, 3, (0, 1), "here").make(still, played, False, ignored)["surrogate"]
    for number in range(4):
        found = Updates(1, 3, (number, 1), "here").permuted(still, played, ignored)
        assert found["surrogate permuted"] == pytest.approx(true, abs=1e-5)


# norms


def test_head_and_body_are_clipped_apart(weights: Path) -> None:
    """Each as torch would alone; the head is what turns the embedding into actions."""
    played = samples(Gauss(weights))
    free, bound = learner(weights), learner(weights, max_grad_norm=0.02, max_head_grad_norm=0.01)
    rows = range(len(played))
    free.update(played, rows)
    seen = bound.update(played, rows)
    for name, norm, key in (("trunk", 0.02, "gradient"), ("head", 0.01, "gradient head")):
        true, mine = ([parameter.grad for parameter in getattr(each.policy.module, name).parameters()]
                      for each in (free, bound))
        size = math.sqrt(sum(float(part.square().sum()) for part in true if part is not None))
        assert norm < size < 1 and seen[key] == pytest.approx(size, rel=1e-5)  # the first is not clipped
        for given, found in zip(true, mine, strict=True):
            assert given is not None and found is not None and torch.allclose(found, given * norm / size, rtol=1e-3)


# LoRA


@pytest.mark.skipif(find_spec("peft") is None, reason="trains adapters with peft, which the extra `train` installs")
def test_average_and_share_are_of_what_adapters_add(weights: Path, tmp_path: Path) -> None:
    """The products' own average and interpolation, in the shipped weights and in the adapter's file."""
    average, share = 0.8, 0.5
    learns = learner(weights, learning_rate=0.1, average=average, weight_interpolation=share,
                     lora=Lora(rank=2, alpha=4))
    played = samples(Gauss(weights))
    assert learns._lora is not None
    layers: dict[str, Any] = {name: getattr(learns.policy.module, name) for name in ("trunk", "head")}
    means = {name: torch.zeros_like(lora.product(layer)) for name, layer in layers.items()}
    for _ in range(6):
        learns.update(played, range(len(played)))
        means = {name: average * means[name] + (1 - average) * layer.get_delta_weight(lora.ADAPTER).detach()
                 for name, layer in layers.items()}
    start = Gauss(weights).module
    before = parameters(learns)
    with learns.shipped():
        learns.save(tmp_path)
        (tmp_path / "adapter").write_bytes(learns.lora_weights("a" * 64))
    assert torch.equal(parameters(learns), before)
    shipped = Gauss(tmp_path / "gauss.safetensors").module
    applied = Network()
    applied.load_state_dict(start.state_dict())
    lora.apply(tmp_path / "adapter", applied, "a" * 64)
    for name, mean in means.items():
        wanted = share * mean
        for found in (shipped, applied):
            added = found.get_parameter(f"{name}.weight") - start.get_parameter(f"{name}.weight")
            assert (added - wanted).norm() < 2e-3 * wanted.norm() and wanted.norm() > 0.01


# vectors computed elsewhere


def test_advantages_and_the_clip_are_those_computed_elsewhere() -> None:
    assert leave_one_out([1, 0, 0, 0.3]).tolist() == pytest.approx([0.9, -0.433333, -0.433333, -0.033333], abs=1e-6)
    advantages, returns = gae([0, 0, 1], [0.2, 0.5, 0.7], 0.99, 0.95)
    assert advantages.tolist() == pytest.approx([0.741879, 0.47515, 0.3], abs=1e-6)
    assert returns.tolist() == pytest.approx([0.941879, 0.97515, 1.0], abs=1e-6)
    ended = gae([0, 0, 0], [0.2, 0.5, 0.7], 0.99, 0.95)[0]  # by the step limit
    assert ended.tolist() == pytest.approx([-0.142662, -0.46535, -0.7], abs=1e-6)
    rows = [(0.5, 1, -0.5, -0.5), (0.5, -1, 0.8, 0), (1, 1, -1, -1), (1, -1, 1, 1), (1.5, 1, -1.2, 0),
            (1.5, -1, 1.5, 1.5)]
    for ratio, advantage, loss, slope in rows:
        now = torch.tensor([[math.log(ratio)]], requires_grad=True)
        found = clipped(now, torch.zeros(1, 1), torch.tensor([float(advantage)]), 0.2, 0.2)
        (pull,) = torch.autograd.grad(found.sum(), now)
        assert found.item() == pytest.approx(loss, abs=1e-5)
        if ratio != 1:
            assert pull.item() == pytest.approx(slope, abs=1e-5)


def test_the_jacobian_is_that_computed_elsewhere() -> None:
    """Of a softmax over W e, and of normals around J e."""
    e = torch.tensor([[0.3, -0.2]], requires_grad=True)
    softmax = torch.log_softmax(e @ torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.5]]).T, -1)[:, 2]
    penalty, squared = jacobian(softmax, e, 1.0)
    assert squared.item() == pytest.approx(1.544779, abs=1e-5) and penalty.item() == 1.0
    moved = torch.zeros(1, 2, requires_grad=True)
    means = torch.tensor([[0.2, -0.1]]) + moved @ torch.tensor([[0.5, 0.1], [0.0, -0.4]]).T
    density = NormalActions(means.unsqueeze(1), 0.1).log_prob(torch.tensor([[[0.25, -0.3]]])).sum((1, 2))
    assert density.item() == pytest.approx(0.642293, abs=1e-5)
    assert jacobian(density, moved, 100.0)[1].item() == pytest.approx(78.5, rel=1e-4)
    drawn = means.detach() + 0.1 * torch.randn(20000, 2, generator=torch.Generator().manual_seed(0))
    beside = torch.zeros(20000, 2, requires_grad=True)
    around = torch.tensor([[0.2, -0.1]]) + beside @ torch.tensor([[0.5, 0.1], [0.0, -0.4]]).T
    densities = NormalActions(around.unsqueeze(1), 0.1).log_prob(drawn.unsqueeze(1)).sum((1, 2))
    assert jacobian(densities, beside, 1e6)[1].mean().item() == pytest.approx(42.0, rel=0.03)  # tr JJᵀ / σ²
    two = torch.zeros(2, 1, requires_grad=True)
    each, _ = jacobian(two.squeeze(1) * torch.tensor([0.5, 3.0]).sqrt(), two, 1.0)
    assert each.mean().item() == pytest.approx(0.75)  # clamped, then averaged
