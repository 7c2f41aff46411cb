"""What a training of a large OpenVLA takes of a GPU, by its card and by the sizes of its network alone.

    python -m tests.models.memory_of_large > results/seven-billion.md

Parameters are counted on a network without memory (torch's device `meta`), what is kept for the gradient by formulas
that tests/models/test_memory_of_large.py compares with what torch keeps of smaller networks.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from tests.models.tiny_openvla import vit
from tests.places import ROOT
from vlabench.cards import load_policy
from vlabench.models import critics, lora
from vlabench.models.openvla import LlamaConfig, OpenVLA
from vlabench.models.openvla_vision import HEADS, Sizes, idle
from vlabench.training.methods._sft_options import SftOptions
from vlabench.training.train import method_of

GIB = 2**30
HALF, FULL = 2, 4
"""Bytes of a number in bfloat16, as the network has them, and in float32, as what is trained has them."""
ADAM = 2 * FULL
"""Of a trained number, beside itself and its gradient."""
PROMPT = 30
"""Tokens of a prompt and its instruction, about."""
EYES = (Sizes(1024, 4096, 23, 14, 16, 4, True, True), Sizes(1152, 4304, 26, 14, 16, 0, False, False))
"""DINOv2 L/14 with registers and SigLIP so400m/14 without their last blocks, which compute nothing."""


def idle_numbers() -> int:
    """Of their last blocks, final norms and SigLIP's pooling head, which are read all the same."""
    total = 0
    for eye in EYES:
        shapes = {name.removeprefix("eye."): shape for name, shape in vit("eye", eye.width, eye.hidden, eye.scaled)}
        total += sum(math.prod(shapes[name]) for name in idle(shapes))
    return total


def seven_billion() -> LlamaConfig:
    """Llama 2 7B's, with the 64 tokens that OpenVLA pads its vocabulary by."""
    return LlamaConfig(vocab_size=32064, hidden_size=4096, intermediate_size=11008, num_hidden_layers=32,
                       num_attention_heads=32, num_key_value_heads=32, pad_token_id=32000)


@dataclass(frozen=True)
class Network:
    """Numbers of a network: all, of LoRA's matrices, of heads that are trained in full."""

    weights: int
    adapters: int
    heads: int

    @property
    def trained(self) -> int:
        """Of what is trained."""
        return self.adapters + self.heads


def count(module: nn.Module | None) -> int:
    """Numbers of a network's parameters."""
    return 0 if module is None else sum(parameter.numel() for parameter in module.parameters())


def counted(llama: LlamaConfig, eyes: Sequence[Sizes], rank: int, regressing: bool, proprio: int,
            critic: critics.Kind | None) -> Network:
    """Of a network that is made without memory."""
    with torch.device("meta"):
        made = OpenVLA(llama, eyes, proprio=proprio, regressing=regressing)
        if critic is not None:
            made.add_critic(critic, 1)
    adapted: list[Any] = [made.get_submodule(name) for name in lora.targets(made, made.judge.worth, made.action_head)]
    factors = sum(rank * sum(layer.weight.shape) for layer in adapted)
    return Network(count(made), factors, count(made.action_head) + count(made.judge.worth))


def llama_layer(llama: LlamaConfig, rank: int) -> int:
    """Bytes that a layer with LoRA keeps of a token for the gradient.

    In float32, as LoRA's matrices are: what its two norms square, and the inputs of its seven adapters, for each a copy
    of its own. In bfloat16: queries, keys, values and what attention makes of them; gate, its SiLU, and what it is
    multiplied by.
    """
    width, hidden = llama.hidden_size, llama.intermediate_size
    squared, inputs = 2 * width * FULL, (6 * width + hidden) * FULL
    between = 7 * rank * FULL
    return squared + inputs + between + (4 * width + 3 * hidden) * HALF + llama.num_attention_heads * FULL


def eye_block(eye: Sizes, rank: int) -> int:
    """The same of a block of an eye: two norms and attention keep bfloat16, GELU too; four adapters float32."""
    kept = (2 * eye.width + 4 * eye.width + eye.hidden) * HALF
    return kept + (3 * eye.width + eye.hidden + 4 * rank) * FULL + HEADS * FULL


@dataclass(frozen=True)
class Activations:
    """Bytes kept for the gradient of some samples. most: at any time of going back through layers that are computed
    again.
    """

    plain: int
    kept: int
    most: int


def activations(llama: LlamaConfig, eyes: Sequence[Sizes], rank: int, samples: int, pictures: int,
                tokens: int) -> Activations:
    """Of samples with so many pictures and tokens of Llama's each; heads are left out, which are hundredths of it."""
    patches = samples * pictures * eyes[0].side ** 2
    looked = sum(eye.blocks * eye_block(eye, rank) * samples * pictures * (
        eye.side**2 + eye.registers + eye.classed) for eye in eyes)
    seen = sum(eye.width for eye in eyes)
    projected = patches * ((seen + 4 * seen + llama.hidden_size + 3 * rank) * FULL
                           + (4 * seen + llama.hidden_size) * HALF)
    layer = samples * tokens * llama_layer(llama, rank)
    read = llama.num_hidden_layers * layer
    inputs = samples * tokens * llama.num_hidden_layers * llama.hidden_size * HALF
    shown = samples * pictures * 3 * len(eyes) * (eyes[0].side * eyes[0].patch) ** 2 * HALF
    normed = samples * tokens * llama.hidden_size * (FULL + HALF)
    kept = projected + inputs + shown + normed
    return Activations(looked + projected + read + normed, kept, kept + max(layer, looked - inputs - normed))


@dataclass(frozen=True)
class Plan:
    """What a card's training takes; bytes but for tokens, samples (computed together) and views (with gradients, by the
    critic's own network, too).
    """

    name: str
    network: Network
    tokens: int
    samples: int
    views: int
    activations: Activations

    @property
    def weights(self) -> int:
        """Those that compute and those that do not."""
        return (self.network.weights - self.network.heads + idle_numbers()) * HALF

    @property
    def learned(self) -> int:
        """What is trained, its gradient and Adam's two numbers."""
        return self.network.trained * (2 * FULL + ADAM)

    def peak(self, checkpointing: bool) -> int:
        """In an update."""
        made = self.activations
        return self.weights + self.learned + self.views * (made.most if checkpointing else made.plain)

    @property
    def saving(self) -> int:
        """While weights are written for rollouts: the network and a copy that takes LoRA in."""
        return 2 * self.weights + self.learned


def planned(name: str, critic: critics.Kind = "h0") -> Plan:
    """By a card; where its method has one, with this critic."""
    card = load_policy(name)
    options: Any = method_of(card).options
    l1 = card.options["head"] == "l1"
    judged = getattr(options, "critic", None) is not None
    rank, pictures = options.lora.rank, len(card.cameras)
    samples = -(-options.batch // (options.accumulation if isinstance(options, SftOptions) else 1))
    tokens = 256 * pictures + PROMPT + (1 + 8 * 7 + 1 if l1 else 6)
    network = counted(seven_billion(), EYES, rank, l1, 8 * l1, critic if judged else None)
    views = (2 if "pair_sensitivity" in options.objectives else 1) + (judged and critic == "apart")
    return Plan(name, network, tokens, samples, views,
                activations(seven_billion(), EYES, rank, samples, pictures, tokens))


# the page

CARDS = ("openvla-robustvla", "openvla-fan-sft", "openvla-fan-ppo", "openvla-pair")
FLOPS = {"A100": 312e12, "H100": 989e12}
"""Of bfloat16, dense, in a second: NVIDIA's data sheets."""
LOOKS = {"openvla-robustvla": 24 * 8 * 28, "openvla-fan-sft": 40, "openvla-fan-ppo": 64 * 80, "openvla-pair": 128 * 80}
"""That an iteration learns from, at most (libero_spatial: 220 steps, a look in 8), or a step of cloning."""
HEADER = """# A policy of seven billion parameters: memory, time, and what saturates first

    python -m tests.models.memory_of_large > results/seven-billion.md

No GPU of that size was at hand: **nothing on this page was measured on one**. Every figure is *computed* from a card
and the network's sizes, *measured* on the CPUs of this project's other pages, or *published*, with its source.

## Memory, computed

Parameters are counted on the network itself, without memory; with those that compute nothing they are the {whole:,}
of the published checkpoint (its index: 15,082,474,368 bytes). What is kept for the gradient is by formulas that agree
to 5 % with what torch keeps of small networks in the same arithmetic (`tests/models/test_memory_of_large.py`). GiB of a
GPU's memory.
"""
PLAN = """
- *Without checkpointing* is what `checkpointing = false` on the card would take. With it the most is kept while the
  eyes, which are computed again as a whole, are gone back through.
- *Writing* is the peak between updates: before rollouts LoRA is merged into a copy of the network. The file that the
  host reads is in float32, {file:.0f} GiB on the disk for each of two iterations, and once in the machine's memory.
- *Host*: another process with the network alone, at rollouts; on a GPU of its own (`options.device = "cuda:1"`) or
  beside the learner. A training's own checkpoint holds what is trained and its two moments, {state:.1f} GiB.
- The critic reads what the policy does. One with a network of its own (`critic = "apart"`) takes `openvla-fan-ppo`'s
  update from {shared[0]:.1f} to {apart[0]:.1f} without checkpointing, and from {shared[1]:.1f} to {apart[1]:.1f} with,
  writing from {shared[2]:.1f} to {apart[2]:.1f}, and the file, of which the host reads the policy alone, from
  {shared[3]:.0f} to {apart[3]:.0f}. Published, in GB: from 44.4 to 81.3 (RL4VLA, figure 4).
- So one GPU of 80 GB holds learner and host together under every card, one of 48 GB the learner alone, one of 24 GB the
  host. CUDA's own, and what torch's allocator leaves unused, come on top and were not measured.

## Time of updates, computed

A pass through LoRA's layers takes 2 operations a parameter and token forward, 2 again where layers are computed again,
and 2 back, as weights have no gradient; PAIR's preserving view is one more forward. At *all* of what the data sheet
promises, which nobody reaches (a third to a half is common), an iteration's updates, or one step of cloning, take at
least:

{times}

Published, whole trainings: RL4VLA's PPO 42 hours on one A100 (its section 4.2), RobustVLA about 24 hours on one A100
(appendix A.5), PAIR about a day on eight H100 (appendix A.2).

## 10,000 episodes on 8 GPUs and 256 cores, on paper

Cores: *measured* here, one core of an {bench.processor}, official pack of LIBERO {bench.chunks:.1f} control steps/s
with a look in 8, {bench.steps:.1f} with one at each ([bench.md](bench.md), row 1); ManiSkill's primitive pack
{bench.maniskill:.2f} episodes/s of 80 looks on two cores (row 9; [maniskill-speed.md](maniskill-speed.md)). Two workers
were {bench.two:.2f} times one (row 4); that 256 are 256 times one is *assumed*, and wants {bench.terabytes:.1f} TB of
memory ({bench.worker:.2f} GB a worker on LIBERO's official pack, row 5, measured).
Answers: *published*, one look at a time: OFT 2.7/s on an H100, OpenVLA 6/s on an RTX 4090
([policies/README.md](../policies/README.md) has both sources). The ceiling is *computed*: an H100 at all of its 989
TFLOPS and 3.35 TB/s of memory (NVIDIA's data sheet), 32 looks in a batch.

{plan}

**The GPUs saturate first** as long as each answers a look at a time: a dozen cores or fewer keep all eight busy,
and 256 are idle for more than nine tenths. To spend the cores: batches, which a host makes of what waits (`host =
true`; {bench.host:.2f} of the policy's own batches on a toy, bench.md, row 16, measured), and so several workers a
GPU more than the cores' arithmetic asks for. At the ceiling it is about even on LIBERO's official pack: drawing
keeps {spoken:,} of the 256 cores busy where OpenVLA looks at each step, {chunked:,} with chunks of 8. ManiSkill
never comes near. On one machine a run has one host: eight GPUs are eight runs, `--shard 1/8` to `8/8`, each with
its `CUDA_VISIBLE_DEVICES`, and `vlabench merge`; or one run with `--on ray`, which has a host for each GPU.
"""


@dataclass(frozen=True)
class Bench:
    """What results/bench.json has of one core and one worker; rates are a second, sizes GB."""

    processor: str
    chunks: float
    steps: float
    maniskill: float
    two: float
    worker: float
    host: float

    @property
    def terabytes(self) -> float:
        """That 256 workers want."""
        return 256 * self.worker / 1000

    @classmethod
    def read(cls) -> Bench:
        """Of the file that is there."""
        content = json.loads((ROOT / "results" / "bench.json").read_text(encoding="utf-8"))
        figures = {figure["what"]: figure for figure in content["figures"]}
        chunks, steps = re.findall(r"[0-9.]+", figures["official: a look in 8 steps, against every step"]["note"])[:2]
        values = (figures[what]["value"] for what in (
            "ManiSkill, primitive: episodes/s on 2 cores, a look at every step", "two workers against one",
            "official: peak memory of a worker", "a policy's host: looks answered, against the policy's own batches"))
        return cls(content["processor"], float(chunks), float(steps), *values)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """In Markdown."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def operations(plan: Plan, times: int) -> float:
    """Of a look: times passes of 2 operations a parameter and token; eyes and what reads words are counted alike."""
    return 2.0 * times * plan.network.weights * plan.tokens


def ceilings(oft: Plan, spoken: Plan) -> dict[str, float]:
    """Looks a second of an H100, computed."""
    batch = 32
    return {"oft": FLOPS["H100"] / operations(oft, 1), "openvla": batch / (
        batch * operations(spoken, 1) / FLOPS["H100"] + 6 * spoken.weights / 3.35e12)}


def saturation(oft: Plan, spoken: Plan, bench: Bench) -> str:
    """What the plan on paper comes to."""
    single, ceiling = {"oft": 2.7, "openvla": 6.0}, ceilings(oft, spoken)
    rows = []
    for what, kind, looks, core in (("LIBERO, OFT, 114 steps, a look in 8", "oft", 114 / 8, bench.chunks / 8),
                                    ("LIBERO, OpenVLA, 114 steps, a look at each", "openvla", 114.0, bench.steps),
                                    ("ManiSkill, OpenVLA, 80 steps, a look at each", "openvla", 80.0,
                                     bench.maniskill / 2 * 80)):
        for name, each in (("published", single[kind]), ("ceiling, computed", ceiling[kind])):
            gpus, cores = 8 * each, 256 * core
            first = "GPUs" if gpus < cores else "cores"
            rows.append([what, name, f"{gpus:.0f}", f"{cores:.0f}", first, f"{math.ceil(gpus / core)}",
                         f"{10_000 * looks / min(gpus, cores) / 3600:.2f}"])
    return table(["task, policy, steps of an episode (the expert's)", "answers", "looks/s, 8 GPUs",
                  "looks/s, 256 cores", "saturates", "cores that 8 GPUs need", "hours"], rows)


def page() -> str:
    """results/seven-billion.md."""
    plans = [planned(name) for name in CARDS]
    rows = [[plan.name, f"{plan.samples} × {plan.tokens}{' × 2 views' if plan.views == 2 else ''}",
             f"{plan.weights / GIB:.1f}", f"{plan.network.trained / 1e6:.0f} M", f"{plan.learned / GIB:.2f}",
             f"{plan.views * plan.activations.plain / GIB:.1f}", f"{plan.views * plan.activations.most / GIB:.1f}",
             f"{plan.peak(False) / GIB:.1f}", f"**{plan.peak(True) / GIB:.1f}**", f"{plan.saving / GIB:.1f}",
             f"{plan.weights / GIB:.1f}"] for plan in plans]
    memory = table(["card", "samples × tokens at once", "weights", "trained", "with gradients and Adam",
                    "kept, without checkpointing", "kept, with", "update, without", "update, with", "writing", "host"],
                   rows)
    times = table(["card", "looks", *(f"s on an {name}" for name in FLOPS)], [
        [plan.name, f"{LOOKS[plan.name]:,}",
         *(f"{LOOKS[plan.name] * operations(plan, 4 * plan.views - 1) / rate:.1f}" for rate in FLOPS.values())]
        for plan in plans])
    whole = counted(seven_billion(), EYES, 32, False, 0, None).weights + idle_numbers()
    shared, apart = ([size / GIB for size in (plan.peak(False), plan.peak(True), plan.saving, 2 * plan.weights)]
                     for plan in (plans[2], planned("openvla-fan-ppo", "apart")))
    bench, top = Bench.read(), ceilings(plans[0], plans[2])
    rest = PLAN.format(shared=shared, apart=apart, file=whole * FULL / GIB, times=times,
                       state=plans[0].network.trained * 3 * FULL / GIB, bench=bench,
                       spoken=math.ceil(8 * top["openvla"] / bench.steps), chunked=math.ceil(
                           8 * top["oft"] / (bench.chunks / 8)), plan=saturation(plans[0], plans[2], bench))
    return HEADER.format(whole=whole) + "\n" + memory + "\n" + rest


if __name__ == "__main__":
    print(page(), end="")
