"""What a checkpoint keeps of a network."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from vlabench.errors import DataError
from vlabench.training import checkpoints


def network() -> Any:
    """Whose first layer stays as it is."""
    made = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    made[0].requires_grad_(False)
    return made


def test_what_is_not_trained_stays_as_it_was_read() -> None:
    made, other = network(), network()
    made(torch.randn(5, 3))
    kept = checkpoints.learned(made)
    assert set(kept) == {name for name in made.state_dict() if name.startswith("1.")}
    before = other[0].weight.clone()
    checkpoints.take(other, kept)
    assert torch.equal(other[0].weight, before) and torch.equal(other[1].running_mean, made[1].running_mean)
    checkpoints.take(other, made.state_dict())  # a whole one, too
    assert torch.equal(other[0].weight, made[0].weight)


@pytest.mark.parametrize("state", [{}, {**nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)).state_dict(),
                                        "2.weight": torch.ones(1)}])
def test_another_network_s_is_refused(state: dict[str, torch.Tensor]) -> None:
    with pytest.raises(DataError, match="another network: .* is only in one\n  fix: train from the start"):
        checkpoints.take(network(), state)
