"""What is tried and shipped of trained parameters: their moving average, or what lies on the way there."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from vlabench.models import lora

if TYPE_CHECKING:
    from peft.tuners.lora import LoraModel


class Averaging:
    """Of parameters as they are; of LoRA's, of what each layer's two matrices add to its weights: the product of two
    averages is not the average of the products. decay: of the moving average per update, 0 for none. share: of the way
    from the first values.
    """

    def __init__(self, parameters: Sequence[Tensor], adapted: LoraModel | None, decay: float,
                 share: float) -> None:
        self._decay, self._share = decay, share
        self._layers = lora.layers(adapted) if adapted is not None and (decay or share < 1) else []
        factors = {id(matrix) for layer in self._layers for matrix in lora.matrices(layer)}
        self._whole = [parameter for parameter in parameters if id(parameter) not in factors]
        self.average = [value.clone() for value in self._values()] if decay else []
        self._start = [value.clone() for value in self._values()] if share < 1 else []

    def _values(self) -> list[Tensor]:
        return [*(parameter.detach() for parameter in self._whole), *map(lora.product, self._layers)]

    def step(self, alone: Collection[int] | None = None) -> None:
        """After an update. alone: the ids of the parameters that it was of; by default all."""
        if self.average:
            own = [alone is None or id(parameter) in alone for parameter in self._whole]
            own += [alone is None or all(id(matrix) in alone for matrix in lora.matrices(layer))
                    for layer in self._layers]
            for mean, value, counts in zip(self.average, self._values(), own, strict=True):
                if counts:
                    mean.lerp_(value, 1.0 - self._decay)

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """Inside, the parameters have the values that are tried and shipped; LoRA's matrices may have another rank."""
        values = self.average or self._values()
        if self._share < 1:
            values = [start.lerp(end, self._share) for start, end in zip(self._start, values, strict=True)]
        new: list[tuple[Tensor, Tensor]] = list(zip(self._whole, values, strict=False))  # the products come after these
        for layer, change in zip(self._layers, values[len(self._whole) :], strict=True):
            new += zip(lora.matrices(layer), lora.factors(change, lora.scale(layer)), strict=True)
        with replaced(new):
            yield


@contextlib.contextmanager
def replaced(values: Sequence[tuple[Tensor, Tensor]]) -> Iterator[None]:
    """Inside, parameters have other values."""
    before = [(parameter, parameter.data) for parameter, _ in values]
    copies = [value.detach().clone().contiguous() for _, value in values]
    for (parameter, _), value in zip(values, copies, strict=True):
        parameter.data = value
    try:
        yield
    finally:
        for parameter, data in before:
            parameter.data = data
