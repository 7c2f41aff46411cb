"""Whether rewards of some rollouts say which way to go: how alike the gradients of two halves are, and what updates
from one half come to on the other, beside updates from advantages that were dealt at random.

    python -m tests.training.signal results/controls/goal-ript-clean.toml --contexts 64 --rollouts 12

All rollouts are the first policy's; a half has half of the contexts. Of pure noise the cosine is 0 on average, and the
surrogate of the half that was not learned from is 0 or above, the more the further the policy went, as the clip only
adds: compare with the columns of advantages that were dealt at random. Below 0 is better than the first policy. ± is
the deviation over random ways to halve the same contexts, not an error of the mean. A rate rises over the first updates
(`learner.WARMUP`), and `kl_target` ends them, so that high rates may make fewer; a `head_learning_rate` stays.
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
from vlabench.errors import OptionError, VlabenchError
from vlabench.seeding import generator
from vlabench.training.curves import Curves
from vlabench.training.display import Display
from vlabench.training.methods._course import TrainingRun, opened
from vlabench.training.methods._online import Online
from vlabench.training.methods.base import TrainingContext
from vlabench.training.rl.contexts import Group
from vlabench.training.rl.judging import judged, prepare
from vlabench.training.rl.learner import Learner
from vlabench.training.rl.samples import Samples
from vlabench.training.rl.updates import Updates

RATES = (1e-5, 3e-5, 1e-4, 3e-4)
SPLITS = 8
"""Random ways to halve the contexts, for each size; the first half is learned from in half as many of them."""


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
    print("| contexts in a half | rollouts | cosine of the gradients | dealt at random | norm |\n|" + "---:|" * 5)
    for size in sorted({max(len(groups) // parts, 1) for parts in (8, 4, 2)}):
        cosines, norms = [], []
        for split in range(SPLITS):
            both = [_samples(method, course, each) for each in halves(groups, size, split)]
            pairs = [both, [each.permuted("signal", split, number) for number, each in enumerate(both)]]
            found = [[gradient(course.learner, each) for each in pair] for pair in pairs]
            cosines.append([float(torch.nn.functional.cosine_similarity(one, other, dim=0)) for one, other in found])
            norms += [float(each.norm()) for each in found[0]]
        means, spreads = np.mean(cosines, axis=0), np.std(cosines, axis=0, ddof=1)
        told = " | ".join(f"{mean:+.3f} ± {spread:.3f}" for mean, spread in zip(means, spreads, strict=True))
        print(f"| {size} | {size * len(groups[0].rollouts)} | {told} | {np.mean(norms):.3g} |".replace("-", "−"),
              flush=True)


def learned(method: Online, course: TrainingRun, groups: Sequence[Group], rates: Sequence[float]) -> None:
    """Print what an iteration's updates from one half come to on the other."""
    print("\n| rate | updates | divergence | learned from | the other half | the other, dealt at random |\n|"
          + "---:|" * 6)
    for rate in rates:
        rows: dict[bool, list[list[float]]] = {False: [], True: []}
        for split in range(SPLITS // 2):
            parts = [_samples(method, course, each) for each in halves(groups, len(groups) // 2, split)]
            for dealt in (False, True):
                taught = parts[0].permuted("signal", split) if dealt else parts[0]
                rows[dealt].append(_taught(method, course, rate, split, taught, parts[1]))
        true, random = (np.array(rows[dealt]) for dealt in (False, True))
        updates, far, *surrogates = true.mean(0)
        told = [f"{mean:+.4f} ± {spread:.4f}" for mean, spread in (
            *zip(surrogates, true.std(0, ddof=1)[2:], strict=True), (random[:, 3].mean(), random[:, 3].std(ddof=1)))]
        print(f"| {rate:g} | {updates:.1f} | {far:.3g} | {' | '.join(told)} |".replace("-", "−"), flush=True)


def _taught(method: Online, course: TrainingRun, rate: float, split: int, taught: Samples, other: Samples,
            ) -> list[float]:
    """How many updates a fresh learner makes, how far they take it, and the surrogates of both halves."""
    options, policy = method.options, course.start.make()
    assert isinstance(policy, TrainablePolicy)
    policy.configure(course.space)
    learner = type(method)(options.model_copy(update={"learning_rate": rate})).learner(policy, "cpu")
    prepare(learner, taught)
    done = Updates(options.epochs, options.updates, ("signal", split), "signal").make(learner, taught, False,
                                                                                     lambda *_: None)
    found = judged(learner, other)
    return [done["updates"], found["surrogate divergence"], done["surrogate"], found["surrogate"]]


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
        if len(gathered.kept) < 2:
            raise OptionError("two contexts with both outcomes are needed: more --contexts or --rollouts")
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
