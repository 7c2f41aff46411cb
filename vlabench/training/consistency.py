"""Consistency: for a look under newly drawn perturbations, do what the first policy does for it without any.

Not RobustVLA's. Its Jacobian penalty holds down how strongly the policy answers to small changes (λ in theorem 1); this
compares the two ends of a whole perturbation, which a simulator can, as it has the pictures without it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict, Field

from vlabench.seeding import generator
from vlabench.slot import Slot
from vlabench.training.curriculum import Level, Noise, draw
from vlabench.training.rollouts import Rollout
from vlabench.training.samples import Looks
from vlabench.types import Image, Observation


class ConsistencyOptions(BaseModel):
    """updates: of an iteration, after those from rewards, each of `batch` looks of all its rollouts, whatever came of
    them. rate: of their own AdamW. They minimise the squared distance of the policy's mean actions to those of the
    policy that the training started from, given the clean observation; perturbations are drawn like a rollout's, at
    the iteration's level.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    updates: int = Field(default=150, ge=1)
    rate: float = Field(default=2e-4, gt=0)


def some(looks: Looks, count: int, *key: str | int) -> list[int]:
    """`count` different looks at most, drawn for `key`."""
    chosen: list[int] = generator("looks", *key).permutation(len(looks))[:count].tolist()
    return chosen


def redrawn(looks: Looks, rows: Sequence[int], noise: Noise, level: Level, *key: str | int) -> Observation:
    """These looks as they might have been perturbed: one draw for each, for `key`."""
    return looks.showing(rows, [_redrawn(*looks.of(row), noise, level, *key, row) for row in rows])


def _redrawn(rollout: Rollout, look: int, noise: Noise, level: Level, *key: str | int) -> Mapping[str, Image]:
    cameras = tuple(rollout.clean)
    name = "/".join(map(str, key))  # keys the perturbations' random streams
    chain = {f"{kind}@{name}": perturbation for kind, perturbation in draw(noise, level, *key).items()}
    slot = Slot(rollout.spec, chain, cameras)
    slot.begin(1, cameras)
    clean = Observation({camera: kept[look : look + 1] for camera, kept in rollout.clean.items()},
                        rollout.proprio[look : look + 1], (rollout.instruction,), 0)
    perturbed, _ = slot.perturbed(clean, 0)
    return {camera: picture[0] for camera, picture in perturbed.images.items()}
