"""An iteration's updates from rewards, and what they came to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from vlabench.seeding import generator
from vlabench.training import finite
from vlabench.training.rl.learner import Learner
from vlabench.training.rl.samples import Samples
from vlabench.training.rl.spending import PASSES, UPDATES


@dataclass(frozen=True)
class Updates:
    """How often the samples of an iteration are gone through, and in how many minibatches. key: of their order."""

    epochs: int
    minibatches: int
    key: tuple[str | int, ...]
    where: str

    def make(self, learner: Learner, samples: Samples, alone: bool,
             step: Callable[[int, Mapping[str, float]], None]) -> dict[str, float]:
        """All of them, or those up to the one on which the policy has strayed; the means of what they show, and how
        each term pulled at last; UPDATES and PASSES are counts. alone: whether the critic alone learns. step: is told
        of each. Raises DivergedError.
        """
        seen: list[dict[str, float]] = []
        looks = 0
        for part, parts in self._minibatches(samples):
            with finite.ending(f"{self.where}, update {len(seen) + 1}", partial(samples.names, part)):
                seen.append(learner.update(samples, part, alone, parts))
            looks += len(part)
            step(len(seen), seen[-1])
            if learner.strayed(seen[-1]):
                break
        means = {name: float(np.mean([each[name] for each in seen])) for name in seen[-1]}
        means |= {UPDATES: float(len(seen) - learner.strayed(seen[-1])), PASSES: float(looks)}
        if alone:
            return means
        return {**means, **learner.judged(samples), **learner.shares(samples, part)}

    def _minibatches(self, samples: Samples) -> Iterator[tuple[list[int], int]]:
        """The rows of each, and of how many it is one."""
        for epoch in range(self.epochs):
            split = samples.split(self.minibatches, generator("updates", *self.key, epoch))
            yield from ((part, len(split)) for part in split)

    def permuted(self, learner: Learner, samples: Samples,
                 step: Callable[[int, Mapping[str, float]], None]) -> dict[str, float]:
        """`surrogate permuted`: what `surrogate` would come to if the advantages were those of other rollouts. Leaves
        the learner as it was. Raises DivergedError.
        """
        with learner.undone():
            dealt = self.make(learner, samples.permuted(*self.key), False, step)
        return {"surrogate permuted": dealt["surrogate"]}
