"""The end of a training whose loss is no longer a finite number, before the weights are spoilt by it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from torch import Tensor

from vlabench.errors import DivergedError

SHOWN = 12
"""Names of a batch's samples that a message holds at most."""


class NotFinite(ArithmeticError):
    """Terms of a loss, or its gradient, are NaN or infinite; the message says which."""


def check(numbers: Mapping[str, float | Tensor]) -> None:
    """Raises NotFinite. To be called before an update: afterwards no weight of a network is finite any more."""
    wrong = [f"{name} {float(number)}" for name, number in numbers.items() if not math.isfinite(number)]
    if wrong:
        raise NotFinite(", ".join(wrong))


@contextmanager
def ending(where: str, names: Callable[[], Sequence[str]]) -> Iterator[None]:
    """Says of NotFinite where it happened. names: of what each sample of the batch is from.

    Raises DivergedError.
    """
    try:
        yield
    except NotFinite as error:
        counts = Counter(names())
        listed = ", ".join(sorted(counts)[:SHOWN])
        more = f" and {len(counts) - SHOWN} more" if len(counts) > SHOWN else ""
        raise DivergedError(
            f"{where}: the loss is not finite ({error}); this update was not made, checkpoints and curves stay\n"
            f"  batch: {counts.total()} samples of {listed}{more}\n"
            f"  fix: a lower learning_rate in the card's training.options, with another --out") from None
