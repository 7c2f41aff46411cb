"""A network's file: safetensors, mostly in half precision, with its sizes and vocabulary in the header."""

from __future__ import annotations

from pathlib import Path

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from vlabench.errors import DataError
from vlabench.models.nano import NanoConfig, NanoVLA
from vlabench.util.messages import one_line_each, shown
from vlabench.util.parsing import strict_json

KEY = "nano"
"""Of the header's entry that holds the configuration as JSON."""


def to_bytes(network: NanoVLA, precision: torch.dtype = torch.float16) -> bytes:
    """The file's content: all weights in a precision."""
    state = {name: tensor.detach().to("cpu", precision).contiguous()
             for name, tensor in network.state_dict().items()}
    return save(state, metadata={KEY: network.config.as_file()})


def load(path: Path, device: torch.device | str = "cpu") -> NanoVLA:
    """The network of a file, in float32, ready to act. Raises DataError if it is damaged or of other sizes."""
    try:
        with safe_open(path, framework="pt") as file:
            config = NanoConfig.model_validate(strict_json((file.metadata() or {})[KEY]))
            state = {name: file.get_tensor(name).float() for name in file.keys()}
        network = NanoVLA(config)
        network.load_state_dict(state)
    except ValidationError as error:
        raise DataError(one_line_each(error, NanoConfig, shown(path))) from None
    except (OSError, SafetensorError, KeyError, ValueError, RuntimeError) as error:
        first = str(error).strip().splitlines()[:2]
        raise DataError(f"{shown(path)}: not the weights of a NanoVLA: {' '.join(first)}") from error
    return ready(network, device).eval()


def ready(network: NanoVLA, device: torch.device | str) -> NanoVLA:
    """The network on a device, in the memory format that is fastest on a CPU and no slower on a GPU."""
    network.to(device)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network
