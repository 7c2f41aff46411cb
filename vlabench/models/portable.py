"""Layers and functions that, playing on a CPU, give the same bits on x86-64 processors of every maker.

PyTorch leaves products and elementary functions to MKL, which takes other kernels on an AMD processor than on an Intel
one, whatever set of instructions it is told to keep to; under MKL_CBWR=COMPATIBLE, too. oneDNN's and NumPy's look at
the instructions alone, and are told to keep to those of `arithmetic`. So under `torch.inference_mode` these do the
work; with gradients, elsewhere than on a CPU, in another type than float32 or without oneDNN, PyTorch does as ever.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

_onednn: Any = torch.ops.mkldnn
_THERE = bool(torch._C._has_mkldnn) and hasattr(_onednn, "_linear_pointwise")


def playing(x: Tensor) -> bool:
    """Whether what is made of this tensor is to be portable."""
    return _THERE and torch.is_inference_mode_enabled() and x.device.type == "cpu" and x.dtype == torch.float32


def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`torch.nn.functional.linear`."""
    if not playing(x):
        return functional.linear(x, weight, bias)
    product: Tensor = _onednn._linear_pointwise(x, weight, bias, "none", [], "")
    return product


def matmul(a: Tensor, b: Tensor) -> Tensor:
    """`torch.matmul`; for small ones."""
    if not playing(a):
        return a @ b
    return torch.from_numpy(np.matmul(a.detach().numpy(), b.detach().numpy()))


def exp(x: Tensor) -> Tensor:
    """`torch.exp`."""
    return torch.from_numpy(np.exp(x.numpy())) if playing(x) else x.exp()


class Linear(nn.Linear):
    """torch's."""

    def forward(self, input: Tensor) -> Tensor:
        """[…, in] → […, out]."""
        return linear(input, self.weight, self.bias)


class Conv2d(nn.Conv2d):
    """torch's, with numbers for its padding."""

    def forward(self, input: Tensor) -> Tensor:
        """[B, C, H, W] → the same layout."""
        if not playing(input):
            return super().forward(input)
        out: Tensor = _onednn._convolution_pointwise(input, self.weight, self.bias, self.padding, self.stride,
                                                     self.dilation, self.groups, "none", [], "")
        return out


class EncoderLayer(nn.TransformerEncoderLayer):
    """torch's, normalised first, without dropout, with padding."""

    def forward(self, src: Tensor, src_mask: Tensor | None = None, src_key_padding_mask: Tensor | None = None,
                is_causal: bool = False) -> Tensor:
        """[B, L, E] → the same; src_key_padding_mask: bool [B, L], where there is no token."""
        if src_mask is not None or not playing(src):
            return super().forward(src, src_mask, src_key_padding_mask, is_causal)
        x = src + self._attend(self.norm1(src), src_key_padding_mask)
        hidden = functional.gelu(linear(self.norm2(x), self.linear1.weight, self.linear1.bias))
        return x + linear(hidden, self.linear2.weight, self.linear2.bias)

    def _attend(self, x: Tensor, empty: Tensor | None) -> Tensor:
        heads = self.self_attn.num_heads
        parts = linear(x, self.self_attn.in_proj_weight, self.self_attn.in_proj_bias).chunk(3, dim=-1)
        query, key, value = (part.view(*part.shape[:2], heads, -1).transpose(1, 2) for part in parts)
        scores = matmul(query, key.transpose(-2, -1)) * query.shape[-1] ** -0.5
        if empty is not None:
            scores = scores.masked_fill(empty[:, None, None], -torch.inf)
        joined = matmul(scores.softmax(-1), value).transpose(1, 2).flatten(2)
        return linear(joined, self.self_attn.out_proj.weight, self.self_attn.out_proj.bias)
