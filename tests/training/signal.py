"""Whether rewards of some rollouts say which way to go: how alike the gradients of two halves are, and what updates
from one half come to on the other, beside updates from advantages that were dealt at random.

    python -m tests.training.signal results/controls/goal-ript-clean.toml --contexts 64 --rollouts 12

All rollouts are the first policy's; a half has half of the contexts. For two halves of pure noise the cosine is 0 on
average, and no rate makes the surrogate of the half that was not learned from fall below 0.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from tests.training.first_iteration import method_of
from vlabench.adapters.base import TrainablePolicy
from vlabench.cards import load_policy
from vlabench.episode.resources import processes
from vlabench.errors import VlabenchError
from vlabench.seeding import generator
from vlabench.training.curves import Curves
from vlabench.training.display import Display
from vlabench.training.methods._course import TrainingRun, opened
from vlabench.training.methods._online import Online
from vlabench.training.methods.base import TrainingContext
from vlabench.training.rl.contexts import Group
from vlabench.training.rl.judging import judged
from vlabench.training.rl.learner import Learner
from vlabench.training.rl.samples import Samples
from vlabench.training.rl.updates import Updates

RATES = (1e-5, 3e-5, 1e-4, 3e-4)
SPLITS = 8
"""Random ways to halve the contexts, for each size."""


def halves(groups: Sequence[Group], size: int, split: int) -> Iterator[list[Group]]:
    """Two disjoint sets of so many groups each, by chance."""
    order = generator("halves", size, split).permutation(len(groups))
    for start in (0, size):
        yield [groups[number] for number in order[start : start + size]]


def gradient(learner: Learner, samples: Samples) -> torch.Tensor:
    """Of the loss from rewards alone, at the policy as it is; one vector."""
    parameters = [each for each in learner.parameters if each.requires_grad]
    total = torch.zeros(sum(each.numel() for each in parameters))
    everything = range(len(samples))
    for start in range(0, len(samples), learner.options.batch):
        batch = samples.batch(everything[start : start + learner.options.batch], learner.device, everything)
        term = learner.objectives["policy"].loss(batch, learner.forward(batch)).term
        parts = torch.autograd.grad(term, parameters, allow_unused=True)
        total += torch.cat([torch.zeros(each.numel()) if part is None else part.flatten().cpu()
                            for each, part in zip(parameters, parts, strict=True)])
    return total


def alike(method: Online, course: TrainingRun, groups: Sequence[Group]) -> None:
    """Print the cosine of two halves' gradients, for each size."""
    print("| contexts in a half | rollouts | cosine of the gradients | norm |\n|---:|---:|---:|---:|")
    for size in sorted({len(groups) // 8, len(groups) // 4, len(groups) // 2}):
        cosines, norms = [], []
        for split in range(SPLITS):
            one, other = (gradient(course.learner, _samples(method, course, each))
                          for each in halves(groups, size, split))
            cosines.append(float(torch.nn.functional.cosine_similarity(one, other, dim=0)))
            norms += [float(one.norm()), float(other.norm())]
        rollouts = size * len(groups[0].rollouts)
        print(f"| {size} | {rollouts} | {np.mean(cosines):+.3f} ± {np.std(cosines, ddof=1):.3f} | "
              f"{np.mean(norms):.3g} |".replace("-", "−"), flush=True)


def learned(method: Online, course: TrainingRun, groups: Sequence[Group], rates: Sequence[float]) -> None:
    """Print what updates from one half come to on the other, each half in turn."""
    print("\n| rate | updates | divergence | learned from | the other half | the other, dealt at random |\n"
          "|---:|---:|---:|---:|---:|---:|")
    options = method.options
    for rate in rates:
        rows = []
        for first, second in ((0, 1), (1, 0)):
            parts = [_samples(method, course, each) for each in halves(groups, len(groups) // 2, 0)]
            for dealt in (False, True):
                policy = course.start.make()
                assert isinstance(policy, TrainablePolicy)
                policy.configure(course.space)
                learner = type(method)(options.model_copy(update={"learning_rate": rate})).learner(policy, "cpu")
                taught = parts[first].permuted("signal", first) if dealt else parts[first]
                done = Updates(options.epochs, options.updates, ("signal", first), "signal").make(
                    learner, taught, False, lambda *_: None)
                other = judged(learner, parts[second])
                rows.append((done["updates"], other["surrogate divergence"], done["surrogate"], other["surrogate"]))
        true, dealt_out = np.mean(rows[0::2], axis=0), np.mean(rows[1::2], axis=0)
        print(f"| {rate:g} | {true[0]:.1f} | {true[1]:.3g} | {true[2]:+.4f} | {true[3]:+.4f} | "
              f"{dealt_out[3]:+.4f} |".replace("-", "−"), flush=True)


def _samples(method: Online, course: TrainingRun, groups: Sequence[Group]) -> Samples:
    samples = method.credit(course, groups)
    assert samples is not None
    return samples


def main(policy: str, contexts: int, rollouts: int, rates: Sequence[float]) -> None:
    """Collect once and print both tables. Raises VlabenchError."""
    card = load_policy(policy)
    method = method_of(card)
    given = {"contexts": contexts, "rollouts": rollouts, "attempts": 1}
    method = type(method)(type(method.options).model_validate(method.options.model_dump() | given))
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        place = TrainingContext(Path(folder), card, "cpu", processes(None), 0, Curves(Path(folder)), Display())
        course = opened(method.options, place, method.learner)
        with method._collector(course) as collector:
            gathered = method._rollouts(course, collector, method._restored(course))
        print(f"{len(gathered.played)} rollouts, {100 * gathered.success:.1f} % of which succeed; of {gathered.tried} "
              f"contexts {len(gathered.kept)} have both outcomes\n", flush=True)
        alike(method, course, gathered.kept)
        learned(method, course, gathered.kept, rates)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("policy", help="a policy's name or card, trained by rloo")
    parser.add_argument("--contexts", type=int, default=64)
    parser.add_argument("--rollouts", type=int, default=12)
    parser.add_argument("--rates", type=lambda text: [float(each) for each in text.split(",")], default=RATES)
    arguments = parser.parse_args()
    try:
        main(arguments.policy, arguments.contexts, arguments.rollouts, arguments.rates)
    except VlabenchError as error:
        parser.error(str(error))
