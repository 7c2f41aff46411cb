"""A picture → what the policy needs of it: where things are, as points by spatial softmax, and what is there."""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from vlabench.models import portable

STRIDE = 8
"""Pixels per cell of the map that points are read from."""


class Modulated(nn.Module):
    """A residual block of two 3 × 3 convolutions, scaled and shifted by the instruction in between (FiLM).

    No normalisation: the second convolution starts at zero instead (Zhang et al. 2019, Fixup), which is as stable at
    this depth, a third faster on a CPU, and makes a picture's features independent of its batch.
    """

    def __init__(self, channels: int, condition: int = 0) -> None:
        super().__init__()
        self.first = portable.Conv2d(channels, channels, 3, padding=1)
        self.second = portable.Conv2d(channels, channels, 3, padding=1)
        self.film = portable.Linear(condition, 2 * channels) if condition else None
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias if self.second.bias is not None else self.second.weight)
        if self.film is not None:
            nn.init.normal_(self.film.weight, std=0.02)
            nn.init.zeros_(self.film.bias)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """[B, C, H, W] → the same; condition [B, condition]."""
        hidden = self.first(functional.relu(x))
        if self.film is not None:
            scale, shift = self.film(condition)[:, :, None, None].chunk(2, dim=1)
            hidden = hidden * (1.0 + scale) + shift
        out: Tensor = x + self.second(functional.relu(hidden))
        return out


class Eye(nn.Module):
    """One camera's network: pictures and the instruction's code → points and features.

    Points are expected positions under softmax maps, in [−1, 1] from left to right and top to bottom; the first
    `named` of them are trained to be where named things are. A second set of channels is averaged under each map.
    """

    def __init__(self, size: int, condition: int, widths: tuple[int, int] = (32, 64), blocks: tuple[int, int] = (1, 2),
                 points: int = 32, features: int = 32) -> None:
        super().__init__()
        low, high = widths
        self.stem = portable.Conv2d(3, low, STRIDE // 2, stride=STRIDE // 2)
        self.fine = nn.ModuleList(Modulated(low) for _ in range(blocks[0]))
        self.down = portable.Conv2d(low, high, 3, stride=2, padding=1)
        self.coarse = nn.ModuleList(Modulated(high, condition) for _ in range(blocks[1]))
        self.maps = portable.Conv2d(high, points, 1)
        self.values = portable.Conv2d(high, features, 1)
        self.width = points * (2 + features)
        cells = size // STRIDE
        axis = (torch.arange(cells, dtype=torch.float32) + 0.5) * (2.0 / cells) - 1.0
        rows, columns = torch.meshgrid(axis, axis, indexing="ij")
        self.register_buffer("grid", torch.stack([columns, rows], dim=-1).reshape(-1, 2), persistent=False)
        self.grid: Tensor

    def forward(self, pictures: Tensor, condition: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """uint8 [B, S, S, 3] → points [B, K, 2], features [B, K · F], log-maps [B, K, cells²]."""
        x = pictures.permute(0, 3, 1, 2).to(self.stem.weight.dtype) / 127.5 - 1.0
        x = self.stem(x.contiguous(memory_format=torch.channels_last))
        for block in self.fine:
            x = block(x)
        x = self.down(functional.relu(x))
        for block in self.coarse:
            x = block(x, condition)
        x = functional.relu(x)
        log_maps = functional.log_softmax(self.maps(x).flatten(2).float(), dim=-1)
        weights = portable.exp(log_maps)
        values = self.values(x).flatten(2).transpose(1, 2).float()
        return portable.matmul(weights, self.grid), portable.matmul(weights, values).flatten(1), log_maps
