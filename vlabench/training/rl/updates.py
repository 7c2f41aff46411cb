"""An iteration's updates from rewards, and what they came to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from vlabench.seeding import generator
from vlabench.training import finite
from vlabench.training.rl.judging import judged
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
             step: Callable[[int, Mapping[str, float]], None], further: bool = True) -> dict[str, float]:
        """All of them, or those up to the one on which the policy has strayed: after that a critic goes on alone, so
        that it learns as much beside any objective. The means of what they show, and how each term pulled at last;
        UPDATES and PASSES are counts, the first of steps that the policy made, or a critic that was `alone`, the second
        of looks, and of their views where the policy learned. alone: whether the critic alone learns. step: is told of
        each. further: whether a critic goes on. Raises DivergedError.
        """
        seen: list[dict[str, float]] = []
        judging: list[dict[str, float]] = []
        passes, strayed, pictures = 0, False, 1 + len(samples.rollouts[0].views)
        for number, (part, parts) in enumerate(self._minibatches(samples), 1):
            with finite.ending(f"{self.where}, update {number}", partial(samples.names, part)):
                found = learner.update(samples, part, alone or strayed, parts)
            passes += len(part) * (1 if alone or strayed else pictures)
            step(number, found)
            judging.append(found)
            if not strayed:
                last, strayed = part, learner.strayed(found)
                seen.append(found)
            if strayed and not (learner.judges and further):
                break
        means = {name: float(np.mean([each[name] for each in seen])) for name in seen[-1]}
        means |= {name: float(np.mean([each[name] for each in judging])) for name, objective
                  in learner.objectives.items() if objective.critic}
        means |= {UPDATES: float(len(seen) - strayed), PASSES: float(passes)}
        if alone:
            return means
        return {**means, **judged(learner, samples), **learner.shares(samples, last)}

    def _minibatches(self, samples: Samples) -> Iterator[tuple[list[int], int]]:
        """The rows of each, and of how many it is one."""
        for epoch in range(self.epochs):
            split = samples.split(self.minibatches, generator("updates", *self.key, epoch))
            yield from ((part, len(split)) for part in split)

    def permuted(self, learner: Learner, samples: Samples,
                 step: Callable[[int, Mapping[str, float]], None]) -> dict[str, float]:
        """`surrogate permuted`: what `surrogate` would come to if the advantages were those of other rollouts. Leaves
        the learner as it was. Raises DivergedError.

        An advantage of a short rollout that is dealt to a long one counts for more looks, so that before any update
        dealt ones come to something else than the true ones. That is taken off.
        """
        dealt = samples.permuted(*self.key)
        off = judged(learner, dealt)["surrogate"] - judged(learner, samples)["surrogate"]
        with learner.undone():
            found = self.make(learner, dealt, False, step, further=False)
        return {"surrogate permuted": found["surrogate"] - off}
