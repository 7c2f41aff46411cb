"""OpenVLA's two eyes in plain torch: vision transformers whose parameters have the names that timm gives them.

DINOv2 (with a class token, four registers and layer scale) and SigLIP (with none of them) share everything else. What
is taken are the patches of the last block but one, before any final norm; the last block, the final norm and SigLIP's
pooling head are in the published files and compute nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

HEADS = 16
"""Of attention, in both as published; the parameters do not tell."""
EPS = 1e-6


class Sizes(NamedTuple):
    """Of an eye. blocks: those that compute. prefix: tokens before the patches. side: patches per side."""

    width: int
    hidden: int
    blocks: int
    patch: int
    side: int
    registers: int
    classed: bool
    scaled: bool

    @classmethod
    def told_by(cls, shapes: Mapping[str, tuple[int, ...]]) -> Sizes:
        """By the shapes of an eye's parameters. Raises KeyError where one is not there."""
        width, _, patch, _ = shapes["patch_embed.proj.weight"]
        blocks = {int(found[1]) for name in shapes if (found := re.match(r"blocks\.(\d+)\.", name))}
        side = round(shapes["pos_embed"][1] ** 0.5)
        return cls(width, shapes["blocks.0.mlp.fc1.weight"][0], max(len(blocks) - 1, 0), patch, side,
                   shapes.get("reg_token", (1, 0, width))[1], "cls_token" in shapes,
                   "blocks.0.ls1.scale_factor" in shapes)


def idle(names: Collection[str]) -> set[str]:
    """Which of an eye's published parameters compute nothing."""
    numbers = [int(found[1]) for name in names if (found := re.match(r"blocks\.(\d+)\.", name))]
    last = f"blocks.{max(numbers, default=0)}."
    return {name for name in names if name.startswith((last, "norm.", "attn_pool."))}


class Scale(nn.Module):
    """A factor per channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale_factor = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """[…, width] → the same."""
        return x * self.scale_factor


class Attention(nn.Module):
    """Of every token to every token."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """[B, N, width] → the same."""
        batch, tokens, width = x.shape
        query, key, value = self.qkv(x).view(batch, tokens, 3, HEADS, width // HEADS).permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.proj(seen.transpose(1, 2).reshape(batch, tokens, width))
        return out


class Perceptron(nn.Module):
    """Two linear layers with GELU between."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """[…, width] → the same."""
        out: Tensor = self.fc2(functional.gelu(self.fc1(x)))
        return out


class Block(nn.Module):
    """Attention, then a perceptron, each normalised before and added."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(sizes.width, eps=EPS)
        self.attn = Attention(sizes.width)
        self.ls1 = Scale(sizes.width) if sizes.scaled else nn.Identity()
        self.norm2 = nn.LayerNorm(sizes.width, eps=EPS)
        self.mlp = Perceptron(sizes.width, sizes.hidden)
        self.ls2 = Scale(sizes.width) if sizes.scaled else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """[B, N, width] → the same."""
        x = x + self.ls1(self.attn(self.norm1(x)))
        out: Tensor = x + self.ls2(self.mlp(self.norm2(x)))
        return out


class Patches(nn.Module):
    """A picture cut into squares."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, sizes.width, sizes.patch, stride=sizes.patch)

    def forward(self, picture: Tensor) -> Tensor:
        """[B, 3, S, S] → [B, patches, width]."""
        out: Tensor = self.proj(picture).flatten(2).transpose(1, 2)
        return out


class Eye(nn.Module):
    """One vision transformer."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.patch_embed = Patches(sizes)
        self.pos_embed = nn.Parameter(torch.zeros(1, sizes.side**2, sizes.width))
        self.cls_token = nn.Parameter(torch.zeros(1, 1, sizes.width)) if sizes.classed else None
        self.reg_token = nn.Parameter(torch.zeros(1, sizes.registers, sizes.width)) if sizes.registers else None
        self.blocks = nn.ModuleList(Block(sizes) for _ in range(sizes.blocks))

    def forward(self, picture: Tensor) -> Tensor:
        """Normalised [B, 3, S, S] → features of the patches [B, side², width]."""
        x = self.patch_embed(picture) + self.pos_embed
        before = [token.expand(len(x), -1, -1) for token in (self.cls_token, self.reg_token) if token is not None]
        x = torch.cat([*before, x], dim=1)
        for block in self.blocks:
            x = block(x)
        patches: Tensor = x[:, sum(token.shape[1] for token in before):]
        return patches


class Eyes(nn.Module):
    """Both, whose features lie side by side, or the first alone."""

    def __init__(self, first: Sizes, second: Sizes | None) -> None:
        super().__init__()
        self.featurizer = Eye(first)
        self.fused_featurizer = Eye(second) if second is not None else None

    def forward(self, pictures: Tensor) -> Tensor:
        """[B, n · C, S, S], C = 3 channels for each eye → [B, n · patches, width], picture after picture."""
        eyes = [eye for eye in (self.featurizer, self.fused_featurizer) if eye is not None]
        seen = []
        for picture in torch.split(pictures, 3 * len(eyes), dim=1):
            parts = torch.split(picture, 3, dim=1)
            seen.append(torch.cat([eye(part) for eye, part in zip(eyes, parts, strict=True)], dim=2))
        return torch.cat(seen, dim=1)
