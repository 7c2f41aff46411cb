"""A policy with one fault of those that `vlabench check` looks for."""

from __future__ import annotations

import os
import random

import numpy as np

from tests.toy.toy import Seeker
from vlabench.types import Decision, Observation


class Faulty(Seeker):
    """fault: `global`, `torch` (draws from global generators), `peeks` (draws, to no effect), `carries` (counts
    looks over episodes), `clock` (never the same), `unsettled` (its episodes turn out not to count), `wild` (beyond
    the action space), `still`, `shape`, or none.
    """

    def __init__(self, fault: str = "") -> None:
        super().__init__(chunk=3)
        self.fault, self._looked = fault, 0
        if fault == "torch":
            import torch

            torch.manual_seed(0)

    def settle(self) -> None:
        if self.fault == "unsettled":
            raise LookupError("another model answered meanwhile")

    def act(self, obs: Observation) -> Decision:
        chunk = super().act(obs).actions
        self._looked += 1
        if self.fault == "global":
            chunk[..., 2] = np.random.random()  # noqa: NPY002
        elif self.fault == "torch":
            import torch

            chunk += torch.rand(1).item()
        elif self.fault == "peeks":
            random.random()
        elif self.fault == "carries":
            chunk[..., 0] += self._looked / 100
        elif self.fault == "clock":
            chunk[..., 0] += int.from_bytes(os.urandom(4), "big") / 2**40
        elif self.fault == "wild":
            chunk[:, ::2, 1] = 37.0
        elif self.fault == "still":
            chunk[:] = 0.25
        elif self.fault == "shape":
            chunk = chunk[0]
        return Decision(chunk)
