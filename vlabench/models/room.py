"""Whether a GPU has room for a checkpoint in safetensors, told from the files' headers before anything is loaded."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterable
from pathlib import Path

import torch

from vlabench.errors import DeviceError
from vlabench.util.messages import shown

GIB = 2**30


def parameters(path: Path) -> int:
    """How many numbers a file in safetensors says that it holds. Raises OSError, ValueError for another file."""
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8).ljust(8, b"\0"))
        if not 0 < length <= path.stat().st_size - 8:
            raise ValueError("no header")
        told = json.loads(file.read(length))
    return sum(math.prod(told[name]["shape"]) for name in told if name != "__metadata__")


def check(files: Iterable[Path], device: str, dtype: torch.dtype) -> None:
    """Raises DeviceError if the numbers of the files are more than the GPU has room for; on a CPU nothing is asked.

    That they fit does not say that what is computed beside them does.
    """
    if torch.device(device).type != "cuda":
        return
    paths = list(files)
    try:
        needed = sum(map(parameters, paths)) * dtype.itemsize
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return  # whoever reads them says what is wrong with them
    free, whole = torch.cuda.mem_get_info(device)
    free += torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)  # which torch has, and uses again
    if needed > free:
        raise DeviceError(
            f"{shown(paths[0].parent)}: its parameters take {needed / GIB:.1f} GiB in {str(dtype).split('.')[-1]}, and "
            f"{device} has {free / GIB:.1f} GiB free of {whole / GIB:.1f}\n"
            f"  fix: end what else is there (nvidia-smi names it); options.device on the card, such as \"cuda:1\"; or "
            f"host = true, by which it is there once and not in every worker. A smaller `batch` makes no room for it, "
            f"only for a training's activations")
