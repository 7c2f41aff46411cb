"""The updates from rewards of a training's first iteration, in other arithmetics: on this CPU, there with convolutions
as in TF32, and on a GPU where there is one. All from the same rollouts.

    python -m tests.training.first_iteration results/ablations/goal.toml
"""

from __future__ import annotations

import argparse
import contextlib
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import conv2d
from torch.nn.grad import conv2d_input, conv2d_weight

from vlabench.adapters.base import TrainablePolicy
from vlabench.cards import load_policy
from vlabench.cards.policy import PolicyCard
from vlabench.episode.resources import processes
from vlabench.errors import CardError, VlabenchError
from vlabench.models import portable
from vlabench.training.curves import Curves
from vlabench.training.display import Display
from vlabench.training.methods._course import TrainingRun, opened
from vlabench.training.methods._online import Online
from vlabench.training.methods.base import TrainingContext, find_method
from vlabench.training.rl.contexts import Gathered
from vlabench.training.rl.learner import Learner
from vlabench.training.rl.samples import Samples

Convert = Callable[[Tensor], Tensor]
TAIL = 1 << 13
"""A float32 has 23 bits of mantissa, a TF32 the first 10 of them."""
SHOWN = {"kl": "divergence", "jacobian norm": "Jacobian norm", "gradient": "gradient"}
"""Of the curves, and what they are called here."""


def cut(x: Tensor) -> Tensor:
    """float32 → the TF32 next to it towards zero."""
    return (x.detach().contiguous().view(torch.int32) & -TAIL).view(torch.float32)


def rounded(x: Tensor) -> Tensor:
    """float32 → the nearest TF32; of two, the one further from zero."""
    return ((x.detach().contiguous().view(torch.int32) + TAIL // 2) & -TAIL).view(torch.float32)


class _Convolution(torch.autograd.Function):
    """Whose three products, that of the picture and those of both gradients, have their factors converted."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, layer: portable.Conv2d, weight: Tensor, bias: Tensor, convert: Convert) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.how, ctx.convert = (layer.stride, layer.padding, layer.dilation, layer.groups), convert
        return conv2d(convert(x), convert(weight), bias, *ctx.how)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        x, weight = ctx.saved_tensors
        convert, (gradient,) = ctx.convert, gradients
        of_x = (conv2d_input(x.shape, convert(weight), convert(gradient), *ctx.how)  # type: ignore[no-untyped-call]
                if ctx.needs_input_grad[0] else None)
        of_weight = conv2d_weight(convert(x), weight.shape, convert(gradient), *ctx.how)  # type: ignore[no-untyped-call]
        return of_x, None, of_weight, gradient.sum((0, 2, 3)), None


@contextlib.contextmanager
def converting(convert: Convert) -> Iterator[None]:
    """Inside, the compact policy's convolutions convert the factors of their products, as a GPU does for TF32."""
    real = portable.Conv2d.forward
    portable.Conv2d.forward = (  # type: ignore[method-assign]
        lambda self, input: _Convolution.apply(  # type: ignore[no-untyped-call]
            input, self, self.weight, self.bias, convert))
    try:
        yield
    finally:
        portable.Conv2d.forward = real  # type: ignore[method-assign]


@contextlib.contextmanager
def tf32() -> Iterator[None]:
    """Inside, cuDNN may use it, which a learner has forbidden."""
    before, torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.allow_tf32, True
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


def shaken(learner: Learner, by: float) -> None:
    """Every weight off by so much of itself: how much comes of differences that no two machines can be without."""
    draws = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in learner.parameters:
            parameter.mul_(1.0 + by * torch.randn(parameter.shape, generator=draws))


def differences(learner: Learner, samples: Samples) -> Tensor:
    """Of the log-probability of every action that was carried out, from what the worker noted when it drew it."""
    found = []
    with torch.no_grad():
        for start in range(0, len(samples), learner.options.batch):
            rows = range(start, min(start + learner.options.batch, len(samples)))
            batch = samples.batch(rows, learner.device)
            now = learner.explored(learner.policy.distribution(batch.obs, batch.actions))
            found.append((now.log_prob(batch.actions).sum(-1) - batch["before"])[batch.counted].cpu())
    return torch.cat(found)


def row(name: str, method: Online, course: TrainingRun, gathered: Gathered, *, device: str = "cpu", shake: float = 0.0,
        inside: contextlib.AbstractContextManager[None] | None = None) -> str:
    """A row of the table: a fresh learner's first iteration."""
    policy = course.start.make()
    assert isinstance(policy, TrainablePolicy)
    learner = method.learner(policy, device)
    shaken(learner, shake)
    course = replace(course, learner=learner)
    with inside or contextlib.nullcontext():
        samples = method.credit(course, gathered.kept)
        assert samples is not None
        off = differences(learner, samples)
        values = method._learn(course, samples, 1)
    cells = [name, f"{off.std():.1e}", f"{off.abs().max():.1e}", *(f"{values[key]:.4g}" for key in SHOWN)]
    return "| " + " | ".join(cells) + " |"


def method_of(card: PolicyCard) -> Online:
    """How a card trains. Raises CardError if not from rollouts."""
    if card.training is not None:
        kind = find_method(card.training.method)
        method = kind(kind.Options.model_validate_json(json.dumps(card.training.options)))
        if isinstance(method, Online):
            return method
    raise CardError(f"{card.name!r} is not trained from rollouts; one that is: results/ablations/goal.toml")


def main(policy: str) -> None:
    """Print the table for a policy. Raises VlabenchError."""
    card = load_policy(policy)
    method = method_of(card)
    with tempfile.TemporaryDirectory() as folder:
        place = TrainingContext(Path(folder), card, "cpu", processes(None), 0, Curves(Path(folder)), Display())
        course = opened(method.options, place, method.learner)
        with method._collector(course) as collector:
            gathered = method._rollouts(course, collector, method._restored(course))
        same = (method, course, gathered)
        print("| | log-probabilities off by, sd | at most | " + " | ".join(SHOWN.values()) + " |")
        print("|---" + "|---:" * (2 + len(SHOWN)) + "|")
        print(row("CPU", *same))
        print(row("CPU, weights off by 10⁻⁶", *same, shake=1e-6))
        print(row("CPU, factors rounded to TF32", *same, inside=converting(rounded)))
        print(row("CPU, factors cut to TF32", *same, inside=converting(cut)))
        if torch.cuda.is_available():
            print(row("GPU", *same, device="cuda"))
            print(row("GPU, TF32", *same, device="cuda", inside=tf32()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("policy", help="a policy's name or card")
    try:
        main(parser.parse_args().policy)
    except VlabenchError as error:
        parser.error(str(error))
