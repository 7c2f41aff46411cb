"""TF32 on a CPU, of which a GPU's effect on a training is told."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.training.first_iteration import converting, cut, rounded
from vlabench.models import portable

BITS = 11
"""Of a TF32's significand, with the one that is not stored."""


@given(st.floats(width=32, min_value=2.0**-100, max_value=2.0**100), st.sampled_from([-1.0, 1.0]))
def test_a_tf32_is_the_number_in_eleven_bits(size: float, sign: float) -> None:
    fraction, exponent = np.frexp(size)  # in [0.5, 1)
    x = torch.tensor([sign * size])
    assert cut(x).item() == sign * np.ldexp(np.floor(np.ldexp(fraction, BITS)), int(exponent) - BITS)
    assert rounded(x).item() == sign * np.ldexp(np.floor(np.ldexp(fraction, BITS) + 0.5), int(exponent) - BITS)


def test_convolutions_without_a_conversion_are_torch_s_and_their_gradients_too() -> None:
    torch.manual_seed(0)
    layer = portable.Conv2d(3, 4, 3, stride=2, padding=1)
    x, down = torch.randn(2, 3, 8, 8, requires_grad=True), torch.randn(2, 4, 4, 4)
    expected = torch.autograd.grad(layer(x), [x, *layer.parameters()], down)
    with converting(lambda factor: factor):
        out = layer(x)
    for mine, theirs in zip(torch.autograd.grad(out, [x, *layer.parameters()], down), expected, strict=True):
        torch.testing.assert_close(mine, theirs)
    torch.testing.assert_close(out, layer(x))


def test_with_one_the_products_have_converted_factors() -> None:
    """1 + 2⁻¹² is 1 in TF32, so 1 × (1 + 2⁻¹²) is 1, in the product and in both gradients."""
    layer = portable.Conv2d(1, 1, 1, bias=True)
    almost = torch.full((1, 1, 1, 1), 1.0 + 2.0**-12)
    assert layer.bias is not None
    with torch.no_grad():
        layer.weight.copy_(almost)
        layer.bias.zero_()
    x = almost.clone().requires_grad_()
    with converting(cut):
        out = layer(x)
    found = torch.autograd.grad(out, [x, layer.weight, layer.bias], almost)
    assert [out.item(), *(each.item() for each in found)] == [1.0, 1.0, 1.0, 1.0 + 2.0**-12]
