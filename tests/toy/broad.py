"""A plug-in objective: actions are to stay uncertain, and to be alike in a mirror."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel

from vlabench.training.objectives import base
from vlabench.training.objectives.base import Batch, Forward, Loss, Objective


class BroadOptions(base.Options):
    """mirrored: whether the divergence from the mirrored picture's distribution counts, too."""

    mirrored: bool = False


class Broad(Objective):
    """Minus the entropy of the actions that count."""

    Options: ClassVar[type[BaseModel]] = BroadOptions
    options: BroadOptions

    def loss(self, batch: Batch, forward: Forward) -> Loss:
        entropy = (forward.distribution.entropy().sum(-1) * batch.weights).sum() / batch.weight
        term = -self.options.weight * entropy
        if self.options.mirrored:
            images = {camera: pictures[:, :, ::-1] for camera, pictures in batch.obs.images.items()}
            other = forward.on(batch.obs.replace(images=images)).distribution
            term = term + (forward.distribution.kl(other).sum(-1) * batch.weights).sum() / batch.weight
        return Loss(term, {"entropy": entropy})


class Twin(Broad):
    """Needs what no method here has."""

    needs = frozenset({"depth"})


class Twinned(Broad):
    """Needs the observation without perturbation, and leaves it at that."""

    needs = frozenset({"clean twin"})


class Judged(Broad):
    """Says that it trains a critic."""

    critic = True


class Pointed(Broad):
    """Trains what only some networks give."""

    reads = frozenset({"points"})
