"""The formulas of `memory_of_large` against what torch keeps of networks that a CPU can hold."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.models import memory_of_large as told
from tests.places import ROOT
from vlabench.models import lora
from vlabench.models.openvla import LlamaConfig, OpenVLA
from vlabench.models.openvla_vision import Sizes

RANK, SAMPLES = 8, 2
LLAMA: dict[str, Any] = {"vocab_size": 32064, "hidden_size": 128, "intermediate_size": 344, "num_hidden_layers": 3,
                         "num_attention_heads": 4, "num_key_value_heads": 4, "pad_token_id": 32000}
EYES = (Sizes(64, 256, 2, 14, 16, 4, True, True), Sizes(80, 300, 3, 14, 16, 0, False, False))
PROMPTS = [[1, *range(300, 320)]] * SAMPLES
TOKENS = 256 + len(PROMPTS[0]) + 6


def network() -> OpenVLA:
    """As a GPU has it while it learns: bfloat16, LoRA in float32."""
    torch.manual_seed(0)
    config = LlamaConfig(**LLAMA)
    config._attn_implementation = "sdpa"
    made = OpenVLA(config, EYES).to(torch.bfloat16).train()
    for layer in lora.layers(lora.attach(made, RANK, RANK)):
        for matrix in lora.matrices(layer):
            matrix.data = matrix.data.float()
    return made


def forward(made: OpenVLA) -> Tensor:
    seen = made.look(torch.randn(SAMPLES, 6, 224, 224))
    return made.forced(seen, PROMPTS, torch.full((SAMPLES, 7), 31800))


def own(made: nn.Module) -> set[int]:
    return {tensor.untyped_storage().data_ptr() for tensor in (*made.parameters(), *made.buffers())}


def bytes_of(tensors: list[Tensor], without: set[int]) -> int:
    """Of their storages, each once."""
    found = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in tensors}
    return sum(size for place, size in found.items() if place not in without)


def alive() -> Iterator[Tensor]:
    """What Python still holds; of layers that are computed again nothing else is kept."""
    gc.collect()
    for each in gc.get_objects():
        if type(each) in (Tensor, nn.Parameter):
            yield each


def test_what_is_kept_for_the_gradient_is_what_the_formula_says() -> None:
    made, kept = network(), list[Tensor]()

    def pack(tensor: Tensor) -> Tensor:
        kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        states = forward(made)
    formula = told.activations(LlamaConfig(**LLAMA), EYES, RANK, SAMPLES, 1, TOKENS)
    assert formula.plain == pytest.approx(bytes_of(kept, own(made)), rel=0.05)
    assert states.requires_grad


@pytest.mark.long
def test_so_is_what_is_kept_where_layers_are_computed_again() -> None:
    made = network()
    made.save_memory()
    kept = list[Tensor]()

    def pack(tensor: Tensor) -> Tensor:
        kept.append(tensor)
        return tensor

    before = {tensor.untyped_storage().data_ptr() for tensor in alive()} | own(made)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        states = forward(made)
    found = bytes_of([*kept, *alive()], before)
    formula = told.activations(LlamaConfig(**LLAMA), EYES, RANK, SAMPLES, 1, TOKENS)
    assert formula.kept == pytest.approx(found, rel=0.05) and formula.kept < formula.most < formula.plain
    assert states.requires_grad


def test_parameters_and_adapters_are_counted_exactly() -> None:
    made = network()
    trained = sum(parameter.numel() for parameter in made.parameters() if parameter.requires_grad)
    formula = told.counted(LlamaConfig(**LLAMA), EYES, RANK, False, 0, None)
    assert (formula.weights, formula.adapters, formula.heads) == (
        sum(parameter.numel() for parameter in made.parameters()) - trained, trained, 0)


def test_a_critic_apart_is_counted_as_the_network_again_without_its_last_layer() -> None:
    shape, last = LlamaConfig(**LLAMA), LLAMA["vocab_size"] * LLAMA["hidden_size"]
    one, two = (told.counted(shape, EYES, RANK, False, 0, kind) for kind in ("h0", "apart"))
    assert two.weights - two.heads == 2 * (one.weights - one.heads) - last and two.heads == one.heads
    assert two.adapters == 2 * one.adapters - RANK * (LLAMA["vocab_size"] + LLAMA["hidden_size"])


def test_the_page_is_what_cards_and_formulas_say() -> None:
    assert (ROOT / "results" / "seven-billion.md").read_text(encoding="utf-8") == told.page()


def test_the_published_checkpoint_has_as_many_numbers() -> None:
    """The index of openvla/openvla-7b names 15,082,474,368 bytes in bfloat16."""
    formula = told.counted(told.seven_billion(), told.EYES, 32, False, 0, None)
    assert 2 * (formula.weights + told.idle_numbers()) == 15_082_474_368
