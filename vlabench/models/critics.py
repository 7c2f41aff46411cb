"""What a network's critic reads of it, and the head that makes an expected return of that.

RL4VLA (Liu et al. 2025, figure 4) compares a head on the hidden state of the first action of a chunk (`h0`), on that
of the last (`hn`), on those of all of them, and a critic with a network of its own (`apart`), which begins as a copy of
the policy's and reads `h0`. `embedding` is ours: what the action head reads, too, by a head of two layers. A NanoVLA
has them all; OpenVLA has RL4VLA's, on the states of its numbers: it gives them one after the other, and the state that
gives the first alone knows none of them.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from vlabench.models import portable

Kind = Literal["embedding", "h0", "hn", "all", "apart"]
WIDTHS = (512, 128)
"""Of RL4VLA's head between its three layers."""


def head(kind: Kind, embedding: int, hidden: int, chunk: int) -> nn.Module:
    """The head of a critic that is not `apart`; sizes: of the embedding, and of an action's hidden state."""
    if kind == "embedding":
        return nn.Sequential(portable.Linear(embedding, 128), nn.GELU(), portable.Linear(128, 1))
    first, second = (portable.Linear(hidden * (chunk if kind == "all" else 1), WIDTHS[0]), portable.Linear(*WIDTHS))
    for layer in (first, second):
        nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        nn.init.zeros_(layer.bias)
    last = portable.Linear(WIDTHS[1], 1, bias=False)
    nn.init.normal_(last.weight, std=0.02)  # begins by expecting about nothing
    return nn.Sequential(first, nn.GELU(), second, nn.GELU(), last)


def read(kind: Kind, hidden: Tensor) -> Tensor:
    """What the head of a critic that reads hidden states [B, T, H] is given, [B, …]."""
    return torch.flatten(hidden, 1) if kind == "all" else hidden[:, 0 if kind == "h0" else -1]
