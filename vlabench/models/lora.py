"""Low-rank adapters (LoRA, Hu et al. 2022) on a network's linear layers: peft trains them, a small file keeps them."""

from __future__ import annotations

import copy
import importlib
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from vlabench.errors import DataError, MissingExtra
from vlabench.util import torchvision
from vlabench.util.messages import shown

if TYPE_CHECKING:
    from peft.tuners.lora import LoraModel

BASE, SCALE = "base", "scale"
"""Entries of the file's header: sha256 of the weights that the adapter changes, and the factor of its products."""


ADAPTER = "default"
"""What peft calls it."""
FAINT = 2.0**-11
"""Share of a product's largest singular value that half precision, in which the file is kept, cannot tell from 0."""


def targets(network: nn.Module, *without: nn.Module | None) -> list[str]:
    """The names of all linear layers but those inside `without` and inside torch's transformer layers.

    Those are not called as modules: attention, and the whole layer on its way without gradients, read their weights
    alone, and an adapter would silently do nothing there. Convolutions are no linear layers and stay as they are.
    """
    closed = [module for module in network.modules()
              if isinstance(module, nn.TransformerEncoderLayer | nn.MultiheadAttention)
              or any(module is part for part in without)]
    inside = {id(part) for module in closed for part in module.modules()}
    return [name for name, module in network.named_modules()
            if isinstance(module, nn.Linear) and id(module) not in inside]


def library() -> ModuleType:
    """peft, which imports transformers. Raises MissingExtra."""
    torchvision.hide_broken()
    try:
        return importlib.import_module("peft")
    except ImportError as error:
        raise MissingExtra(error.name or "peft", "train", "training with LoRA") from error


def attach(network: nn.Module, rank: int, alpha: int, *without: nn.Module | None) -> LoraModel:
    """Put adapters into the network, in place but for parts of it, with nothing else left to train.

    Raises MissingExtra.
    """
    peft = library()
    config = peft.LoraConfig(r=rank, lora_alpha=alpha, target_modules=targets(network, *without))
    adapted: LoraModel = peft.LoraModel(network, config, ADAPTER)
    return adapted


def merged(adapted: LoraModel) -> nn.Module:
    """A copy of the network whose layers have taken their adapters in.

    peft's own `merge_and_unload` takes a network's `config` for one of transformers'.
    """
    network: nn.Module = copy.deepcopy(adapted.model)
    for name, layer in _adapters(network):
        layer.merge()
        above, _, last = name.rpartition(".")
        setattr(network.get_submodule(above), last, layer.get_base_layer())
    return network


def _adapters(network: nn.Module) -> list[tuple[str, Any]]:
    """The layers that have an adapter, with their names."""
    library()
    from peft.tuners.lora import LoraLayer

    return [(name, layer) for name, layer in network.named_modules() if isinstance(layer, LoraLayer)]


def layers(adapted: LoraModel) -> list[Any]:
    """The layers that have an adapter; see `matrices`, `scale` and `product`."""
    return [layer for _, layer in _adapters(adapted.model)]


def scale(layer: Any) -> float:
    """The factor of a layer's product."""
    return float(layer.scaling[ADAPTER])


def matrices(layer: Any) -> tuple[Tensor, Tensor]:
    """Parameters (down [rank, in], up [out, rank]) of a layer's adapter."""
    return layer.lora_A[ADAPTER].weight, layer.lora_B[ADAPTER].weight


def product(layer: Any) -> Tensor:
    """What a layer's adapter adds to its weights, ΔW [out, in]."""
    down, up = matrices(layer)
    return scale(layer) * up.detach() @ down.detach()


def factors(change: Tensor, factor: float) -> tuple[Tensor, Tensor]:
    """(down, up) whose product, times the factor, is a change of weights [out, in], of the rank that this takes."""
    left, sizes, right = torch.linalg.svd(change / factor, full_matrices=False)
    told = max(1, int((sizes > FAINT * sizes[0]).sum()))
    roots = sizes[:told].sqrt()
    return roots.unsqueeze(1) * right[:told], left[:, :told] * roots


def to_bytes(adapted: LoraModel, base: str) -> bytes:
    """The adapter's file: two float16 matrices a layer. base: sha256 of the weights that it was trained on."""
    state: dict[str, Tensor] = {}
    scales = set()
    for name, layer in _adapters(adapted.model):
        scales.add(scale(layer))
        for part, matrix in zip(("down", "up"), matrices(layer), strict=True):
            state[f"{name}.{part}"] = matrix.detach().to("cpu", torch.float16).contiguous()
    (factor,) = scales
    return save(state, metadata={BASE: base, SCALE: repr(factor)})


def apply(path: Path, network: nn.Module, base: str) -> None:
    """Let the network take in the adapter of a file. base: sha256 of the network's own weights.

    Raises DataError for a damaged file, and for one that was trained on other weights.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header: dict[str, Any] = file.metadata() or {}
            state = {name: file.get_tensor(name).float() for name in file.keys()}
        if header[BASE] != base:
            raise DataError(f"{shown(path)}: LoRA weights for a network with the checksum {header[BASE]}, not {base}")
        factor = float(header[SCALE])
        with torch.no_grad():
            for name in sorted({key.rpartition(".")[0] for key in state}):
                layer = network.get_submodule(name)
                assert isinstance(layer.weight, Tensor)
                layer.weight.add_(factor * state[f"{name}.up"] @ state[f"{name}.down"])
    except (OSError, SafetensorError, KeyError, ValueError, RuntimeError, AttributeError) as error:
        first = str(error).strip().splitlines()[:1]
        raise DataError(f"{shown(path)}: no LoRA weights for this network: {' '.join(first)}") from error
