"""Checkpoints: everything a training needs to go on as if it had not been killed, written whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vlabench.errors import DataError
from vlabench.util.files import replacing
from vlabench.util.messages import shown


def save(path: Path, state: dict[str, Any]) -> None:
    """Write a state of tensors and plain values. Raises DataError."""
    try:
        with replacing(path) as partial, partial.open("wb") as file:
            torch.save(state, file)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
        raise DataError(f"{shown(path)}: the checkpoint cannot be written: {error}") from error


def load(path: Path, device: str) -> dict[str, Any] | None:
    """What `save` wrote, or None if there is nothing. Raises DataError for a file that cannot be read."""
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:  # a damaged archive may raise nearly anything
        raise DataError(f"{shown(path)}: not a checkpoint that can be read: {error}\n"
                        f"  fix: remove it, and train from the start, or use another --out") from error
    return state


def learned(network: nn.Module) -> dict[str, Tensor]:
    """Of a network's state what training changes: without the parameters that stay as they were read, billions of them
    beside LoRA.
    """
    still = {name for name, parameter in network.named_parameters() if not parameter.requires_grad}
    return {name: tensor for name, tensor in network.state_dict().items() if name not in still}


def take(network: nn.Module, state: dict[str, Tensor]) -> None:
    """What `learned` gave, or a whole state. Raises DataError for another network's."""
    found = network.load_state_dict(state, strict=False)
    lacking = sorted(set(found.missing_keys) & set(learned(network)))
    if lacking or found.unexpected_keys:
        raise DataError(f"a checkpoint of another network: {(lacking or found.unexpected_keys)[0]} is only in one\n"
                        f"  fix: train from the start, with another --out")
